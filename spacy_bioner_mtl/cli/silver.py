"""``bioner-mtl silver``: unlabelled text, annotated by the consensus of pipelines, to train on."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.annotate import run_request, show_report
from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.cli.options import GpuId, WordColumn
from spacy_bioner_mtl.errors import InputError


def silver(
    teachers: Annotated[
        list[str],
        Argument(metavar="TEACHER...", help="Trained pipelines: folders, or names of packages."),
    ],
    source: Annotated[
        Path,
        Argument(
            metavar="SOURCE",
            help="Text without annotation, or whose annotation does not count: a file, a folder, "
            "or a quoted pattern, as `annotate` takes them. Or a converted corpus, a .spacy file "
            "or a folder of them, which keeps its own annotation.",
        ),
    ],
    out: Annotated[
        Path,
        Argument(
            metavar="OUT",
            help="The DocBin to write, a name that ends in .spacy; a folder of them where SOURCE "
            "is a folder or a pattern.",
        ),
    ],
    sure: Annotated[
        float,
        Option(
            "--sure",
            metavar="P",
            min=0.0,
            max=1.0,
            help="What is less probable is left open: a mention, or that a token is in none.",
        ),
    ] = 0.9,
    source_format: Annotated[
        str | None,
        Option(
            "--from",
            metavar="FORMAT",
            help="Format of SOURCE. Default: recognised from names and content, and told.",
        ),
    ] = None,
    word_column: WordColumn = None,
    processes: Annotated[
        int,
        Option("--processes", metavar="N", min=1, help="Processes, as in `annotate`."),
    ] = 1,
    threads: Annotated[
        int | None, Option("--threads", metavar="N", min=1, help="Threads of each process.")
    ] = None,
    gpu_id: GpuId = -1,
) -> None:
    """Annotate text with what pipelines say together, and write gold documents to train on.

    The scores of all pipelines that have a head are averaged, so that it is sure of what they agree
    on. Documents are annotated for all heads of any of them. What they are not sure of is unknown
    there, and teaches nothing. A converted corpus keeps what it is annotated for, and gets the
    other heads.

    A folder or a pattern is done file by file; if the run is interrupted, the same command goes on
    where it stopped.
    """
    from spacy_bioner_mtl.annotate import Request, check_request

    request = Request(
        teachers[0],
        source,
        out,
        source_format=source_format,
        word_column=word_column,
        processes=processes,
        threads=threads,
        gpu_id=gpu_id,
        teachers=tuple(teachers),
        sure=sure,
    )
    plan = check_request(request)
    if not plan.bulk and out.suffix != ".spacy":
        raise InputError(f"{out}: the last argument is the file to write; end its name in .spacy")
    report = run_request(request, plan)
    show("info", f"Heads: {', '.join(report.heads)}")
    show_report(report, out)
