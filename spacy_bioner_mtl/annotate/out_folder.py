"""A folder of answers that a killed run leaves so that the next one can go on.

What is finished is told by a small file for each source, which appears after the answers do; from
these files the list of errors and the manifest are put together at the end. None of them tells of
times or processes: what a run leaves does not depend on how often it was interrupted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy_bioner_mtl.annotate.annotator import Advance, Annotator, ShardReport
from spacy_bioner_mtl.annotate.output import remove, remove_leftovers
from spacy_bioner_mtl.annotate.provenance import hash_file, list_differences
from spacy_bioner_mtl.annotate.shards import ERRORS, MANIFEST, STATE, Shard
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import write_whole, writing

_COUNTS = ("documents", "words", "mentions")


class OutFolder:
    """A folder of answers.

    path (Path): The folder.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is made or read."""
        self.path = path
        self._state = path / STATE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out; a run that was killed keeps nobody out.

        RAISES (InputError): Another run writes to this folder, or it cannot be written to.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._state / "lock", timeout=0)
        with writing(self.path):
            self._state.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout as error:
                raise InputError(
                    f"{self.path}: another run is writing to this folder; wait for it to end, or "
                    "name another folder"
                ) from error
        try:
            yield
        finally:
            lock.release()

    def claim(self, description: dict[str, Any]) -> None:
        """Begin a run, or go on with one.

        description (dict[str, Any]): What the answers depend on; see describe_request.
        RAISES (InputError): The folder holds answers that depend on something else.
        """
        path = self._state / "request.json"
        if path.exists():
            differences = list(list_differences(_read_json(path), description))
            if differences:
                raise InputError(
                    f"{self.path}: the answers in this folder were made otherwise; name another "
                    "folder, or delete this one. What differs:\n" + "\n".join(differences)
                )
        else:
            _write_json(path, description)
        with writing(self.path):
            remove_leftovers(self.path, deep=True)

    def find_finished(self, shards: list[Shard]) -> set[str]:
        """Tell which shards need not be annotated again.

        shards (list[Shard]): The shards.
        RETURNS (set[str]): The names of those that were, from a source with the same content, and
            whose answers are there.
        """
        return {shard.name for shard in shards if self._is_finished(shard)}

    def reopen(self) -> None:
        """Take the summaries away: they must not stand beside answers that they do not tell of."""
        with writing(self.path):
            for name in (ERRORS, MANIFEST):
                (self.path / name).unlink(missing_ok=True)

    def annotate(self, annotator: Annotator, shard: Shard, advance: Advance) -> ShardReport:
        """Annotate a shard, and remember that it is finished.

        annotator (Annotator): The pipeline.
        shard (Shard): The shard.
        advance (Advance): Is told of every document.
        RETURNS (ShardReport): What became of it; of one that failed, no answers are left.
        RAISES (InputError): The pipeline does not fit, or the disk is full.
        """
        state = self._state_of(shard)
        with writing(state):
            state.unlink(missing_ok=True)
        try:
            size, checksum = shard.source.stat().st_size, hash_file(shard.source)
        except OSError as error:
            report = ShardReport(shard.name, failure=_unreadable(shard, error))
        else:
            report = annotator.annotate(shard, advance)
            report.bytes, report.sha256 = size, checksum
        if report.failure:
            with writing(shard.output):
                remove(shard.output)
        else:
            _write_json(state, asdict(report))
        return report

    def conclude(
        self, shards: list[Shard], failures: dict[str, str], description: dict[str, Any]
    ) -> list[ShardReport]:
        """Write the summaries.

        shards (list[Shard]): All shards of the request.
        failures (dict[str, str]): Why shards are not finished, by their names.
        description (dict[str, Any]): What the answers depend on.
        RETURNS (list[ShardReport]): What became of each shard, in order.
        """
        reports = [
            ShardReport(shard.name, failure=failures[shard.name])
            if shard.name in failures
            else ShardReport(**_read_json(self._state_of(shard)))
            for shard in shards
        ]
        write_errors(self.path / ERRORS, reports)
        _write_json(
            self.path / MANIFEST,
            {
                **description,
                "totals": {
                    "files": len(shards),
                    "files_failed": len(failures),
                    **{name: sum(getattr(one, name) for one in reports) for name in _COUNTS},
                    "errors": sum(len(one.errors) for one in reports),
                },
                "files": [self._describe(*pair) for pair in zip(shards, reports, strict=True)],
            },
        )
        return reports

    def find_orphans(self, shards: list[Shard]) -> list[str]:
        """Find answers whose sources are there no longer.

        shards (list[Shard]): All shards of the request.
        RETURNS (list[str]): The names of their sources, sorted.
        """
        folder = self._state_of(None)
        known = {self._state_of(shard) for shard in shards}
        orphans = (path for path in folder.rglob("*.json") if path not in known)
        return sorted(path.relative_to(folder).as_posix().removesuffix(".json") for path in orphans)

    def _is_finished(self, shard: Shard) -> bool:
        try:
            state = _read_json(self._state_of(shard))
            return (
                shard.output.exists()
                and shard.source.stat().st_size == state["bytes"]
                and hash_file(shard.source) == state["sha256"]
            )
        except (OSError, ValueError, KeyError):
            return False

    def _state_of(self, shard: Shard | None) -> Path:
        folder = self._state / "finished"
        return folder / f"{shard.name}.json" if shard else folder

    def _describe(self, shard: Shard, report: ShardReport) -> dict[str, Any]:
        if report.failure:
            return {"source": shard.name, "failed": report.failure}
        return {
            "source": shard.name,
            "bytes": report.bytes,
            "sha256": report.sha256,
            "output": shard.output.relative_to(self.path).as_posix(),
            **{name: getattr(report, name) for name in _COUNTS},
            "errors": len(report.errors),
        }


def write_errors(path: Path, reports: list[ShardReport]) -> None:
    """Write what was not answered, a JSON object a line; where all was, there is no file.

    path (Path): The file.
    reports (list[ShardReport]): What became of the shards.
    RAISES (InputError): The disk is full or the like.
    """
    rows = []
    for report in reports:
        if report.failure:
            rows.append({"source": report.source, "id": "", "reason": report.failure})
        rows.extend({"source": report.source, **error} for error in report.errors)
    if rows:
        with write_whole(path, "wb") as file:
            for row in rows:
                file.write(_to_json(row) + b"\n")  # type: ignore[arg-type]
    else:
        path.unlink(missing_ok=True)


def _unreadable(shard: Shard, error: OSError) -> str:
    return f"{shard.name}: cannot be read ({error.strerror or error}); check the file"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with write_whole(path, "wb") as file:
        file.write(_to_json(content, indent=2) + b"\n")  # type: ignore[arg-type]


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _to_json(content: dict[str, Any], indent: int | None = None) -> bytes:
    """JSON in UTF-8; halves of surrogate pairs, as in odd file names, stay escaped."""
    return json.dumps(content, ensure_ascii=False, indent=indent).encode(
        "utf-8", "backslashreplace"
    )
