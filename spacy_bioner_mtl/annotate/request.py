"""What the command line asks for, checked before a model is loaded."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from spacy_bioner_mtl.annotate.shards import Plan, plan_shards
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import MERGED_HEAD
from spacy_bioner_mtl.formats.registry import FORMATS, Format, find_format

#: What to write instead of one head's mentions: those of all heads, each for itself.
ALL = "all"

#: Gold documents, as training reads them.
SILVER = Format("silver", "a DocBin", (".spacy",))

#: The same to be read, where documents keep what they are annotated for.
GOLD = Format("docbin", "a converted corpus", (".spacy",), "corpora.docbin:read_docbin")

Engine = Literal["local", "ray"]

#: The order of documents in which annotators learn most from correcting few.
UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Request:
    """What is to be annotated, and how. Processes hand it to each other.

    model (str): The folder of a pipeline, or the name of an installed package.
    source (Path): A file, "-" for standard input, a folder, or a pattern such as "data/*.xml".
    out (Path): The file to write, or the folder where SOURCE is a folder or a pattern.
    source_format (str | None): A format that can be read; None recognises it.
    target_format (str): A format that can be written.
    head (str): A head's name, "all", or "merged" for doc.ents.
    scores (bool): Whether mentions get their probabilities.
    processes (int): How many processes annotate the files of a folder.
    threads (int | None): Threads of each process; None leaves that to torch if there is one
        process, and is 1 if there are more.
    engine (Engine): What hands the files of a folder to the processes.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    word_column (int | None): The column of the token in files of columns, counted from 1; None
        recognises it.
    teachers (tuple[str, ...]): Pipelines that annotate together, the first of them the model;
        what they write is silver documents. Empty for a pipeline that answers by itself.
    sure (float): What teachers find less probable is unknown.
    sort (str): "uncertain" to write the documents of a file in the order of how sure the pipeline
        is of its answer, the least sure first; empty for the order of the file.
    """

    model: str
    source: Path
    out: Path
    source_format: str | None = "conll"
    target_format: str = "conll"
    head: str = MERGED_HEAD
    scores: bool = False
    processes: int = 1
    threads: int | None = None
    engine: Engine = "local"
    gpu_id: int = -1
    word_column: int | None = None
    teachers: tuple[str, ...] = ()
    sure: float = 0.0
    sort: str = ""


def find_target(request: Request) -> Format:
    """Find the format to write.

    request (Request): The request.
    RETURNS (Format): The format.
    RAISES (InputError): There is none of that name.
    """
    return SILVER if request.teachers else find_format(request.target_format, to_read=False)


def find_source(request: Request) -> Format | None:
    """Find the format to read.

    request (Request): The request.
    RETURNS (Format | None): The format; None if it is to be recognised.
    RAISES (InputError): There is none of that name.
    """
    if request.teachers and (
        request.source_format == GOLD.name
        or (request.source_format is None and _is_converted(request.source))
    ):
        return GOLD
    if request.source_format is None:
        return None
    return find_format(request.source_format, to_read=True)


def _is_converted(source: Path) -> bool:
    if source.is_dir():
        return any(source.rglob(f"*{GOLD.suffixes[0]}"))
    return source.suffix == GOLD.suffixes[0]


def check_request(request: Request) -> Plan:
    """Refuse what cannot work, before a model is loaded.

    request (Request): The request.
    RETURNS (Plan): Which files are to be read and written, and in which format they are.
    RAISES (InputError): If the formats are unknown, cannot be recognised or do not fit, or the
        paths are wrong.
    """
    source_format = find_source(request)
    target_format = find_target(request)
    if request.head == ALL and not target_format.overlaps:
        several = [each.name for each in FORMATS.values() if each.writer and each.overlaps]
        raise InputError(
            f"--head {ALL} does not fit --to {target_format.name}, where entities of several heads "
            f"would nest and cross: name one head, or take --head {MERGED_HEAD}, or --to "
            f"{', '.join(several)}"
        )
    try:
        plan = plan_shards(request.source, request.out, source_format, target_format)
    except OSError as error:
        raise InputError(
            f"{error.filename or request.source}: cannot be looked at ({error.strerror or error}); "
            "check the path"
        ) from error
    # Says what does not fit the format, and which library is missing.
    plan.source_format.load_reader(word_column=request.word_column)
    if request.engine == "ray":
        _check_ray(request, plan)
    return plan


def _check_ray(request: Request, plan: Plan) -> None:
    if find_spec("ray") is None:
        raise InputError("--engine ray needs Ray Data: pip install 'spacy_bioner_mtl[ray]'")
    if not plan.bulk:
        raise InputError(
            f"{request.source}: --engine ray spreads the files of a folder or of a pattern over "
            "processes, and this is one file; leave the option out"
        )
    if request.gpu_id >= 0:
        raise InputError("--engine ray runs on CPUs only; leave --gpu-id or --engine out")
