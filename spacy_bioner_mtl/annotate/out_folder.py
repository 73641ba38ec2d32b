"""A folder of answers that a killed run leaves so that the next one can go on.

What is finished is told by a small file for each source, which appears after the answers do; from
these files the list of errors and the manifest are put together at the end. None of them tells of
times or processes: what a run leaves does not depend on how often it was interrupted.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spacy_bioner_mtl.annotate.annotator import Advance, Annotator, ShardReport, report_death
from spacy_bioner_mtl.annotate.error_list import join_errors, listing_errors
from spacy_bioner_mtl.annotate.lock import locked
from spacy_bioner_mtl.annotate.provenance import list_differences
from spacy_bioner_mtl.annotate.shards import (
    STATE,
    Plan,
    Shard,
    errors_path,
    state_path,
)
from spacy_bioner_mtl.annotate.state import (
    COUNTS,
    measure_answers,
    read_json,
    read_report,
    regular_size,
    write_json,
    write_report,
)
from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.files.checksum import hash_file
from spacy_bioner_mtl.files.writing import remove, remove_all_leftovers, writing
from spacy_bioner_mtl.formats.folder import ERRORS, MANIFEST


@dataclass(frozen=True)
class Finished:
    """What earlier runs finished.

    reports (dict[str, ShardReport]): What became of each shard that need not be annotated again, by
        its name.
    n_damaged (int): Shards that were finished, and must be annotated again: their answers are gone
        or not as they were written, or what was kept of them is damaged.
    """

    reports: dict[str, ShardReport]
    n_damaged: int


class OutFolder:
    """A folder of answers.

    path (Path): The folder.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is made or read."""
        self.path = path
        self._state = path / STATE
        self._attempts = self._state / "attempts"

    def locked(self) -> AbstractContextManager[None]:
        """Keep other runs out; a run that was killed keeps nobody out.

        RETURNS (AbstractContextManager): To be entered for the run. Entering raises an InputError
            if another run writes to this folder, or it cannot be written to.
        """
        return locked(self.path, self._state / "lock")

    @see("annotation.md#long-runs")
    def claim(self, description: dict[str, Any]) -> None:
        """Begin a run, or go on with one.

        description (dict[str, Any]): What the answers depend on; see describe_request.
        RAISES (InputError): The folder holds answers that depend on something else, or does not
            tell any more on what.
        """
        path = self._state / "request.json"
        if not path.exists() and not any((self._state / "finished").rglob("*.json")):
            write_json(path, description)
        before = read_json(path) if path.exists() else None
        if before is None:
            flaw = "damaged" if path.exists() else "missing"
            raise InputError(
                f"{path}: {flaw}, so that nothing tells how the answers in {self.path} were made; "
                "name another folder, or delete this one"
            )
        differences = list(list_differences(before, description))
        if differences:
            raise InputError(
                f"{self.path}: the answers in this folder were made otherwise; name another "
                "folder, or delete this one. What differs:\n" + "\n".join(differences)
            )
        self._clean()

    def find_finished(self, shards: list[Shard]) -> Finished:
        """Find the shards that need not be annotated again.

        shards (list[Shard]): The shards.
        RETURNS (Finished): Those that were, from a source with the same content, and whose answers
            are there as they were written.
        """
        reports: dict[str, ShardReport] = {}
        n_damaged = 0
        for shard in shards:
            try:
                report = read_report(state_path(self.path, shard.name))
            except FileNotFoundError:
                continue
            if report is None or report.source != shard.name or not self._is_whole(report, shard):
                n_damaged += 1
            elif _source_is_the_same(report, shard):
                reports[shard.name] = report
        return Finished(reports, n_damaged)

    def reopen(self) -> None:
        """Take the summaries away: they must not stand beside answers that they do not tell of."""
        with writing(self.path):
            for name in (ERRORS, MANIFEST):
                (self.path / name).unlink(missing_ok=True)

    def annotate(self, annotator: Annotator, shard: Shard, advance: Advance) -> ShardReport:
        """Annotate a shard, and record that it is finished.

        annotator (Annotator): The pipeline.
        shard (Shard): The shard.
        advance (Advance): Is told of every document.
        RETURNS (ShardReport): What became of it; of one that failed, no answers are left.
        RAISES (InputError): The pipeline does not fit, or the disk is full.
        """
        state = state_path(self.path, shard.name)
        listed = errors_path(self.path, shard.name)
        with writing(state):
            remove(state)
            remove(listed)
        try:
            size, checksum = regular_size(shard.source), hash_file(shard.source)
        except OSError as error:
            report = ShardReport(shard.name, failure=_unreadable(shard, error))
        else:
            with listing_errors(listed, shard.name) as list_error:
                report = annotator.annotate(shard, advance, list_error)
            report.bytes, report.sha256 = size, checksum
        if report.failure:
            with writing(shard.output):
                remove(shard.output)
                remove(listed)
        else:
            with writing(shard.output):
                report.output_bytes, report.output_sha256 = measure_answers(shard.output)
                report.errors_sha256 = hash_file(listed) if report.errors else ""
            write_report(state, report)
        return report

    @contextmanager
    def attempt(self, shard: Shard) -> Iterator[int]:
        """Count how often a shard was begun in this run; a process that dies does not end it.

        shard (Shard): The shard.
        YIELDS (int): How often, this time included.
        RAISES (InputError): The disk is full or the like.
        """
        path = self._attempts / shard.name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(b".")
                number = file.tell()
        yield number
        with writing(path):
            path.unlink()

    def conclude(
        self, plan: Plan, done: dict[str, ShardReport], description: dict[str, Any]
    ) -> list[ShardReport]:
        """Write the summaries, and remove what processes that died had begun to write.

        plan (Plan): All of the work.
        done (dict[str, ShardReport]): What became of the shards, by their names; without a report,
            the process that annotated a shard died.
        description (dict[str, Any]): What the answers depend on.
        RETURNS (list[ShardReport]): What became of each file that was to be answered, in order;
            those that could not be shards have failed.
        """
        self._clean()
        reports = [done.get(shard.name) or report_death(shard.name) for shard in plan.shards]
        outputs = {shard.name: shard.output for shard in plan.shards}
        reports += [
            ShardReport(each.name, failure=f"{each.name}: {each.reason}")
            for each in plan.left_out
            if each.fault
        ]
        others = [each for each in plan.left_out if not each.fault]
        join_errors(self.path / ERRORS, reports, partial(errors_path, self.path))
        write_json(
            self.path / MANIFEST,
            {
                **description,
                "totals": {
                    "files": len(reports),
                    "files_failed": sum(bool(one.failure) for one in reports),
                    "files_left_out": len(others),
                    **{name: sum(getattr(one, name) for one in reports) for name in COUNTS},
                    "errors": sum(one.errors for one in reports),
                },
                "files": [self._describe(report, outputs) for report in reports],
                "left_out": [{"source": each.name, "reason": each.reason} for each in others],
            },
        )
        return reports

    def find_orphans(self, shards: list[Shard]) -> list[str]:
        """Find answers whose sources are there no longer.

        shards (list[Shard]): All shards of the request.
        RETURNS (list[str]): The names of their sources, sorted.
        """
        known = {state_path(self.path, shard.name) for shard in shards}
        folder = self._state / "finished"
        orphans = (path for path in folder.rglob("*.json") if path not in known)
        return sorted(path.relative_to(folder).as_posix().removesuffix(".json") for path in orphans)

    def _is_whole(self, report: ShardReport, shard: Shard) -> bool:
        """Whether answers, and the list of what was not answered, are as they were written."""
        listed = errors_path(self.path, shard.name)
        try:
            return measure_answers(shard.output) == (
                report.output_bytes,
                report.output_sha256,
            ) and (not report.errors or hash_file(listed) == report.errors_sha256)
        except OSError:
            return False

    def _clean(self) -> None:
        """Remove what processes that died had begun to write."""
        with writing(self.path):
            remove(self._attempts)
            remove_all_leftovers(self.path)

    def _describe(self, report: ShardReport, outputs: dict[str, Path]) -> dict[str, Any]:
        if report.failure:
            return {"source": report.source, "failed": report.failure}
        return {
            "source": report.source,
            "bytes": report.bytes,
            "sha256": report.sha256,
            "output": outputs[report.source].relative_to(self.path).as_posix(),
            **{name: getattr(report, name) for name in COUNTS},
            "errors": report.errors,
        }


def _source_is_the_same(report: ShardReport, shard: Shard) -> bool:
    try:
        return regular_size(shard.source) == report.bytes and (
            hash_file(shard.source) == report.sha256
        )
    except OSError:
        return False


def _unreadable(shard: Shard, error: OSError) -> str:
    return f"{shard.name}: cannot be read ({error.strerror or error}); check the file"
