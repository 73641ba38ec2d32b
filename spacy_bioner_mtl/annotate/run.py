"""Annotate what a request names: one file, or many so that a killed run can go on."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from spacy_bioner_mtl.annotate.annotator import Advance, Annotator, ShardReport, load_annotator
from spacy_bioner_mtl.annotate.out_folder import OutFolder, write_errors
from spacy_bioner_mtl.annotate.output import remove_leftovers
from spacy_bioner_mtl.annotate.processes import annotate_in_processes
from spacy_bioner_mtl.annotate.provenance import describe_request
from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.annotate.shards import ERRORS, Plan, Shard
from spacy_bioner_mtl.errors import InputError


@dataclass
class RunReport:
    """What a run did.

    heads (list[str]): The heads written, or "merged".
    shards (list[ShardReport]): What became of each file, in order.
    errors (Path): The file that lists what was not answered; there is none if all was.
    bulk (bool): Whether a folder was written.
    n_skipped (int): Files that an earlier run had finished.
    orphans (list[str]): Sources that answers were found of, and that are there no longer.
    """

    heads: list[str]
    shards: list[ShardReport]
    errors: Path
    bulk: bool = False
    n_skipped: int = 0
    orphans: list[str] = field(default_factory=list)


def annotate(request: Request, plan: Plan) -> RunReport:
    """Annotate what a request names.

    request (Request): The request.
    plan (Plan): Its files, as check_request finds them.
    RETURNS (RunReport): What was done, faulty documents included.
    RAISES (InputError): The request cannot be met, or the one file cannot be read. What was
        finished of many stays, and the same request goes on from there.
    """
    if request.threads is None and request.processes > 1 and plan.bulk:
        request = replace(request, threads=1)
    with _progress() as advance:
        if plan.bulk:
            return _annotate_folder(_anywhere(request), plan.shards, advance)
        return _annotate_file(request, plan.shards[0], advance)


def _annotate_file(request: Request, shard: Shard, advance: Advance) -> RunReport:
    annotator = load_annotator(request)
    remove_leftovers(shard.output.parent, glob.escape(shard.output.name))
    report = annotator.annotate(shard, advance)
    if report.failure:
        raise InputError(report.failure)
    errors = shard.output.with_name(f"{shard.output.name}.{ERRORS}")
    write_errors(errors, [report])
    return RunReport(annotator.heads, [report], errors)


def _annotate_folder(request: Request, shards: list[Shard], advance: Advance) -> RunReport:
    # Loaded here even if others annotate: what is wrong with it shows once, and before OUT is made.
    annotator = load_annotator(request)
    description = describe_request(annotator, request)
    folder = OutFolder(request.out)
    with folder.locked():
        folder.claim(description)
        finished = folder.find_finished(shards)
        waiting = [shard for shard in shards if shard.name not in finished]
        if waiting:
            folder.reopen()
        failures = {
            shard.name: f"{shard.name}: the process that annotated it died; run again to go on"
            for shard in waiting
        }
        for report in _annotate_shards(annotator, folder, request, waiting, advance):
            del failures[report.source]
            if report.failure:
                failures[report.source] = report.failure
        return RunReport(
            annotator.heads,
            folder.conclude(shards, failures, description),
            folder.path / ERRORS,
            True,
            len(finished),
            folder.find_orphans(shards),
        )


def _annotate_shards(
    annotator: Annotator,
    folder: OutFolder,
    request: Request,
    shards: list[Shard],
    advance: Advance,
) -> Iterator[ShardReport]:
    if not shards:
        return
    if request.engine == "local" and request.processes == 1:
        for shard in shards:
            yield folder.annotate(annotator, shard, advance)
        return
    if request.engine == "ray":
        from spacy_bioner_mtl.annotate.ray_engine import annotate_on_ray

        reports = annotate_on_ray(request, shards)
    else:
        reports = annotate_in_processes(request, shards)
    for report in reports:
        advance(report.documents + len(report.errors))
        yield report


def _anywhere(request: Request) -> Request:
    """Name files so that they are the same in processes that run in another folder."""
    from spacy.util import is_package

    model = request.model if is_package(request.model) else os.path.abspath(request.model)
    return replace(request, model=model, out=Path(os.path.abspath(request.out)))


@contextmanager
def _progress() -> Iterator[Advance]:
    """Show how many documents were answered, and how many a second, on a terminal."""
    from tqdm import tqdm

    with tqdm(unit=" documents", unit_scale=True, disable=None) as bar:
        yield bar.update
