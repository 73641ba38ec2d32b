"""Annotate what a request names: one file, or many so that a killed run can go on."""

import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_bioner_mtl.annotate.annotator import Annotator, ShardReport, load_annotator
from spacy_bioner_mtl.annotate.error_list import listing_errors
from spacy_bioner_mtl.annotate.lock import locked_beside
from spacy_bioner_mtl.annotate.out_folder import OutFolder
from spacy_bioner_mtl.annotate.processes import annotate_in_processes
from spacy_bioner_mtl.annotate.provenance import describe_request
from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.annotate.shards import Plan, Shard, errors_beside
from spacy_bioner_mtl.console.progress import begin
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import is_stream, remove_leftovers, resolve_links
from spacy_bioner_mtl.formats.folder import ERRORS, LeftOut

if TYPE_CHECKING:
    from tqdm import tqdm


@dataclass
class RunReport:
    """What a run did.

    heads (list[str]): The heads written, or "merged".
    shards (list[ShardReport]): What became of each file, in order.
    errors (Path | None): The file that lists what was not answered; there is none if all was. None
        where the answers were written through, so that there is no place beside them.
    bulk (bool): Whether a folder was written.
    n_skipped (int): Files that an earlier run had finished.
    n_damaged (int): Files that an earlier run had finished, and that were annotated again, since
        their answers or what was kept of them had been damaged.
    orphans (list[str]): Sources that answers were found of, and that are there no longer.
    left_out (list[LeftOut]): What SOURCE holds beside the files; what is a fault is in shards, too.
    """

    heads: list[str]
    shards: list[ShardReport]
    errors: Path | None
    bulk: bool = False
    n_skipped: int = 0
    n_damaged: int = 0
    orphans: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def annotate(request: Request, plan: Plan, tell: Callable[[str], object]) -> RunReport:
    """Annotate what a request names.

    request (Request): The request.
    plan (Plan): Its files, as check_request finds them.
    tell (Callable[[str], object]): Is told why a document was not answered where the answers are
        written through, so that there is no place for a list beside them.
    RETURNS (RunReport): What was done, faulty documents included.
    RAISES (InputError): The request cannot be met, or the one file cannot be read. What was
        finished of many stays, and the same request goes on from there.
    """
    request = replace(request, source_format=plan.source_format.name)
    if request.threads is None and request.processes > 1 and plan.bulk:
        request = replace(request, threads=1)
    try:
        with begin("documents") as progress:
            if plan.bulk:
                return _annotate_folder(_anywhere(request), plan, progress)
            return _annotate_file(request, plan, progress, tell)
    finally:
        # What load_annotator has set aside: this process may go on to other things.
        gc.unfreeze()


def _annotate_file(
    request: Request, plan: Plan, progress: "tqdm", tell: Callable[[str], object]
) -> RunReport:
    annotator = load_annotator(request)
    (shard,) = plan.shards
    if is_stream(shard.output):
        report = annotator.annotate(
            shard, progress.update, lambda _, reason: tell(reason), plan.source
        )
        if report.failure:
            raise InputError(report.failure)
        return RunReport(annotator.heads, [report], None)
    errors = errors_beside(shard.output)
    with locked_beside(shard.output):
        remove_leftovers(resolve_links(shard.output))
        remove_leftovers(errors)
        with listing_errors(errors, shard.name) as list_error:
            report = annotator.annotate(shard, progress.update, list_error, plan.source)
            if report.failure:
                raise InputError(report.failure)
    return RunReport(annotator.heads, [report], errors)


def _annotate_folder(request: Request, plan: Plan, progress: "tqdm") -> RunReport:
    # Loaded here even if others annotate: what is wrong with it shows once, and before OUT is made.
    annotator = load_annotator(request)
    description = describe_request(annotator, request)
    folder = OutFolder(request.out)
    with folder.locked():
        folder.claim(description)
        finished = folder.find_finished(plan.shards)
        done = dict(finished.reports)
        waiting = [shard for shard in plan.shards if shard.name not in done]
        if waiting:
            folder.reopen()
        for report in _annotate_shards(annotator, folder, request, waiting, progress):
            done[report.source] = report
        return RunReport(
            annotator.heads,
            folder.conclude(plan, done, description),
            folder.path / ERRORS,
            bulk=True,
            n_skipped=len(finished.reports),
            n_damaged=finished.n_damaged,
            orphans=folder.find_orphans(plan.shards),
            left_out=plan.left_out,
        )


def _annotate_shards(
    annotator: Annotator,
    folder: OutFolder,
    request: Request,
    shards: list[Shard],
    progress: "tqdm",
) -> Iterator[ShardReport]:
    if not shards:
        return
    reports: Iterator[ShardReport]
    if request.engine == "local" and request.processes == 1:
        reports = (folder.annotate(annotator, shard, progress.update) for shard in shards)
    elif request.engine == "ray":
        from spacy_bioner_mtl.annotate.ray_engine import annotate_on_ray

        reports = _count(annotate_on_ray(request, shards), progress)
    else:
        reports = annotate_in_processes(request, shards, progress.update)
    sizes = {shard.name: _size(shard) for shard in shards}
    total = sum(sizes.values())
    n_documents = n_bytes = 0
    for number, report in enumerate(reports, start=1):
        n_documents += report.documents + report.errors
        n_bytes += sizes[report.source]
        # Estimated, as if the files that are left had as many documents for their size.
        progress.total = round(n_documents * total / n_bytes)
        progress.set_postfix_str(f"{number:,} of {len(shards):,} files", refresh=False)
        yield report


def _count(reports: Iterator[ShardReport], progress: "tqdm") -> Iterator[ShardReport]:
    for report in reports:
        progress.update(report.documents + report.errors)
        yield report


def _size(shard: Shard) -> int:
    """How much a file counts among the others. Whether it can be read shows later."""
    try:
        return 1 + shard.source.stat().st_size
    except OSError:
        return 1


def _anywhere(request: Request) -> Request:
    """Name files so that they are the same in processes that run in another folder."""
    from spacy.util import is_package

    def find(name: str) -> str:
        return name if is_package(name) else os.path.abspath(name)

    return replace(
        request,
        model=find(request.model),
        teachers=tuple(map(find, request.teachers)),
        out=Path(os.path.abspath(request.out)),
    )
