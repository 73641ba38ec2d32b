"""``bioner-mtl annotate``: run a trained pipeline over files."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import is_verbose, show, show_error
from spacy_bioner_mtl.cli.options import GpuId, ModelName, WordColumn
from spacy_bioner_mtl.formats.registry import FORMATS, format_for

if TYPE_CHECKING:
    from spacy_bioner_mtl.annotate import Request
    from spacy_bioner_mtl.annotate.run import RunReport
    from spacy_bioner_mtl.annotate.shards import Plan


def _describe(attribute: str) -> str:
    """List the formats that have a reader, or a writer."""
    known = [each for each in FORMATS.values() if getattr(each, attribute)]
    return " ".join(f"{each.name}: {each.description}." for each in known)


class EngineName(StrEnum):
    """What can be asked for with --engine."""

    local = "local"
    ray = "ray"


class Order(StrEnum):
    """What can be asked for with --sort."""

    uncertain = "uncertain"


def annotate(
    model: ModelName,
    source: Annotated[
        Path,
        Argument(
            metavar="SOURCE",
            help='A file; "-" for standard input; a folder, of which all files are taken whose '
            "names end as those of the format do, with or without .gz; or a quoted pattern such as "
            "'data/*.xml'.",
        ),
    ],
    out: Annotated[
        Path,
        Argument(
            metavar="OUT",
            help='The file to write, or "-" for standard output; a folder where SOURCE is a folder '
            "or a pattern.",
        ),
    ],
    source_format: Annotated[
        str | None,
        Option(
            "--from",
            metavar="FORMAT",
            help="Format of SOURCE. Default: recognised from names and content, and told. "
            + _describe("reader"),
        ),
    ] = None,
    word_column: WordColumn = None,
    to: Annotated[
        str | None,
        Option(
            "--to",
            metavar="FORMAT",
            help="Format of OUT. Default: what its name ends like, else conll. "
            + _describe("writer"),
        ),
    ] = None,
    head: Annotated[
        str,
        Option(
            "--head",
            metavar="NAME|all|merged",
            help="One head's answer; those of all heads side by side, in formats that can hold "
            "them; or one answer merged from all heads.",
        ),
    ] = "merged",
    scores: Annotated[
        bool,
        Option(
            "--scores",
            help="Write the probability of each mention, to four digits, in formats that have a "
            "place for it; tables (csv, tsv, parquet) always tell it.",
        ),
    ] = False,
    sort: Annotated[
        Order | None,
        Option(
            "--sort",
            help="uncertain: of each file, write first what the pipeline is least sure of, to be "
            "corrected first. JSON lines tell its certainty. Default: the order of the file.",
        ),
    ] = None,
    processes: Annotated[
        int,
        Option(
            "--processes",
            metavar="N",
            min=1,
            help="Processes that annotate the files of a folder or a pattern, a file at a time. "
            "Each loads the pipeline. One file is always annotated by one process.",
        ),
    ] = 1,
    threads: Annotated[
        int | None,
        Option(
            "--threads",
            metavar="N",
            min=1,
            help="Threads of each process. Default: torch's own choice for one process, 1 for "
            "several.",
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        Option(
            "--engine",
            help="What hands files to processes: the program itself, or Ray Data, which can "
            "spread them over several machines.",
        ),
    ] = EngineName.local,
    gpu_id: GpuId = -1,
) -> None:
    """Annotate files with a trained pipeline.

    Every document is answered exactly once. A document that cannot be is listed with the reason in
    OUT.errors.jsonl (of a folder: OUT/errors.jsonl; of standard output, a pipe or a device: on
    standard error), and the exit status is 1; all others are in OUT.

    Of a folder or a pattern each file is read and written for itself, under its own name with the
    ending of the format. If the run is interrupted, the same command goes on where it stopped. At
    the end OUT/manifest.json tells of the pipeline, versions, files and counts.
    """
    from spacy_bioner_mtl.annotate import ALL, Request, check_request

    target_format = to or format_for(out)
    is_table = target_format in FORMATS and FORMATS[target_format].table
    request = Request(
        model,
        source,
        out,
        source_format=source_format,
        word_column=word_column,
        target_format=target_format,
        head=head,
        scores=scores or is_table,
        processes=processes,
        threads=threads,
        engine=engine.value,
        gpu_id=gpu_id,
        sort=sort.value if sort else "",
    )
    plan = check_request(request)
    if to is None:
        show("info", f"{out}: written as {target_format}")
    report = run_request(request, plan)
    if head == ALL:
        columns = "Columns: token, " if target_format == "conll" else "Heads: "
        show("info", columns + ", ".join(report.heads))
    show_report(report, out)


def run_request(request: "Request", plan: "Plan") -> "RunReport":
    """Annotate, and say what files are read as, and that an interrupted run can go on.

    request (Request): The request.
    plan (Plan): Its files.
    RETURNS (RunReport): What was done.
    RAISES (InputError): As annotate.run.annotate.
    """
    from spacy_bioner_mtl.annotate.run import annotate as run

    if request.source_format is None:
        show("info", f"{request.source}: read as {plan.source_format.name}")
    if request.processes > 1 and not plan.bulk:
        show("warn", f"{request.source} is one file: one process annotates it")
    try:
        return run(request, plan, show_error)
    except KeyboardInterrupt:
        if plan.bulk:
            what = "what is finished stays; the same command goes on from there"
            show("warn", f"{request.out}: {what}")
        raise


def show_report(report: "RunReport", out: Path) -> None:
    """Say what was done.

    report (RunReport): What was done.
    out (Path): Where the answers are.
    RAISES (InputError): Not all was answered.
    """
    _tell_about_folder(report)
    _conclude(report, out)


def _tell_about_folder(report: "RunReport") -> None:
    """Say what was passed over, and what was found of earlier runs."""
    from spacy_bioner_mtl.formats.folder import MANIFEST

    if report.n_skipped:
        show("info", f"{report.n_skipped:,} files were finished before")
    if report.n_damaged:
        show(
            "warn",
            f"{report.n_damaged:,} files that were finished before were annotated again: their "
            "answers, or what was kept of them, were not as they had been written",
        )
    if report.orphans:
        show(
            "warn",
            f"Answers of {len(report.orphans):,} files that are there no longer, such as "
            f"{report.orphans[0]}, stay; the manifest does not list them",
        )
    if report.left_out:
        names = _name([each.name for each in report.left_out])
        show("warn", f"{len(report.left_out):,} passed over: {names}; {MANIFEST} says why")
        if is_verbose():
            for each in report.left_out:
                show("plain", f"{each.name}: {each.reason}")


def _name(names: list[str]) -> str:
    from spacy_bioner_mtl.annotate.shards import SHOWN

    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _conclude(report: "RunReport", out: Path) -> None:
    """Say what was done; raise an InputError if not all was."""
    from spacy_bioner_mtl.errors import InputError

    shards = report.shards
    # Nothing was asked of a shard that failed, and its fault is told.
    empty = [each.source for each in shards if not (each.documents or each.errors or each.failure)]
    if empty:
        show("warn", f"No document in {len(empty):,} file{'s' * (len(empty) > 1)}: {_name(empty)}")
    documents = sum(shard.documents for shard in shards)
    message = (
        f"{out}: {documents:,} documents, {sum(shard.words for shard in shards):,} words, "
        f"{sum(shard.mentions for shard in shards):,} mentions"
    )
    if report.bulk:
        message += f", in {sum(not shard.failure for shard in shards):,} files"
    show("good", message)
    n_errors = sum(shard.errors for shard in shards)
    n_failed = sum(bool(shard.failure) for shard in shards)
    if n_errors or n_failed:
        faults = [f"{n_errors:,} document{'s' * (n_errors > 1)}"] if n_errors else []
        faults += [f"{n_failed:,} file{'s' * (n_failed > 1)}"] if n_failed else []
        summary = f"{' and '.join(faults)} could not be answered"
        if report.errors is None:
            raise InputError(f"{summary}, as told above")
        raise InputError(
            f"{summary}; {report.errors} says why"
            + ("; the same command tries the files again" if n_failed else "")
        )
