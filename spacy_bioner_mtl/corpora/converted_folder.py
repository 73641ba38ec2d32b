"""A folder of DocBins, one for each corpus and split, that holds what the list says."""

from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import srsly

from spacy_bioner_mtl.corpora.listing import CorporaList, Corpus
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import make_folder, write_whole, writing
from spacy_bioner_mtl.formats.record import FlawKind, Record

if TYPE_CHECKING:
    from spacy_bioner_mtl.corpora.convert import ConversionReport


class ConvertedFolder:
    """The folder OUT_DIR with its files OUT_DIR/<split>/<corpus>.spacy.

    A reader of OUT_DIR/train reads every file in it. A file that was left by a corpus which takes
    no part any more would silently be trained on; so the folder keeps a list of what was written
    into it, and only what stands there is ever removed.

    path (Path): The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        """Read what earlier runs wrote."""
        self.path = path
        self._record = path / "converted.json"
        self._written: set[str] = set()
        if self._record.is_file():
            try:
                written = srsly.read_json(self._record)
            except ValueError:
                written = None
            if not isinstance(written, list) or not all(map(_is_inside, written)):
                raise InputError(
                    f"{self._record}: not the list of files that an earlier run wrote. Delete "
                    f"{path} and convert all corpora again."
                )
            self._written = set(written)

    def path_of(self, corpus: Corpus, split: str) -> Path:
        """Return where a split of a corpus goes.

        corpus (Corpus): The corpus.
        split (str): The name of the split.
        RETURNS (Path): A file in this folder.
        """
        return self.path / _relative(corpus, split)

    def convert(
        self,
        corpus: Corpus,
        split: str,
        data: Path,
        *,
        strict: bool = False,
        is_leak: "Callable[[Record], bool] | None" = None,
    ) -> "ConversionReport":
        """Convert one split of a corpus.

        corpus (Corpus): The corpus.
        split (str): The name of one of its splits.
        data (Path): The data folder its files are in.
        strict (bool): Reject flaws instead of counting them.
        is_leak (Callable[[Record], bool] | None): Tells documents that are left out, and counted,
            since they stand in a test set.
        RETURNS (ConversionReport): What was converted.
        RAISES (InputError): If a file is malformed; nothing half-written is left.
        """
        from spacy_bioner_mtl.corpora.convert import convert_files

        # Recorded first: a run that is cut off leaves no file that nobody knows.
        self._save(self._written | {_relative(corpus, split)})
        out = self.path_of(corpus, split)
        with writing(out):
            make_folder(out.parent)
        files = corpus.splits[split]
        return convert_files(
            [data / file.path for file in files],
            out,
            head=corpus.head,
            by_type=corpus.by_type,
            types=corpus.types or None,
            label_map=corpus.label_map or None,
            sentences_per_doc=corpus.sentences_per_doc,
            source_format=corpus.format,
            label=corpus.label,
            word_column=corpus.word_column,
            strict=strict,
            unknown=corpus.unknown,
            documents={data / file.path: file.documents for file in files if file.documents},
            is_leak=is_leak,
        )

    def remove_stale(self, corpora_list: CorporaList, skipped: Collection[Corpus]) -> list[Path]:
        """Remove what earlier runs wrote for corpora that take no part any more.

        corpora_list (CorporaList): All corpora that take part.
        skipped (Collection[Corpus]): Those of them that are missing, and take no part now.
        RETURNS (list[Path]): The files removed.
        """
        expected = {
            _relative(corpus, split)
            for corpus in corpora_list.corpora
            for split in corpus.splits
            if corpus not in skipped
        }
        removed = []
        for name in sorted(self._written - expected):
            path = self.path / name
            if path.is_file():
                path.unlink()
                removed.append(path)
        if self._written - expected:
            self._save(self._written & expected)
        return removed

    def foreign(self) -> list[Path]:
        """Find files that this class did not write, next to files that it did write.

        RETURNS (list[Path]): DocBins that a reader of a split's folder would read too.
        """
        splits = {PurePosixPath(name).parts[0] for name in self._written}
        return sorted(
            path
            for split in splits
            for path in (self.path / split).rglob("*.spacy")
            if path.relative_to(self.path).as_posix() not in self._written
        )

    def _save(self, written: set[str]) -> None:
        with write_whole(self._record) as file:
            file.write(srsly.json_dumps(sorted(written)))
        self._written = written


def summarize(report: "ConversionReport") -> str:
    """Describe a conversion in one line; every repair is counted.

    report (ConversionReport): What was converted.
    RETURNS (str): The counts.
    """
    counts = [
        f"{report.documents:,} documents",
        f"{report.tokens:,} tokens",
        *(f"{label} {count:,}" for label, count in sorted(report.mentions.items())),
    ]
    repairs = {
        f"tag transitions repaired, the first at {report.first_repair}": report.repaired,
        "duplicate mentions left out": report.duplicates,
        "documents left out, since they stand in a test set": report.leaks,
        "tokens of unknown annotation": report.unknown,
        "rejected spans": report.rejected,
    }
    counts += [f"{count:,} {what}" for what, count in repairs.items() if count]
    for kind, flaw in report.gold.flaws.items():
        if kind is not FlawKind.TAG_ORDER:
            becomes = "used" if kind.is_used else "count as unknown"
            where = f"the first at {flaw.places[0]}"
            counts.append(f"{flaw.count:,} {kind.value} ({becomes}, {where})")
    if report.gold.hint:
        counts.append(f"more than half not where they should be: {report.gold.hint}")
    left_out = report.gold.describe_left_out()
    if left_out:
        counts.append(f"documents left out: {left_out}")
    if report.unused_labels:
        counts.append(f"labels of `map` that never occur: {', '.join(report.unused_labels)}")
    return " · ".join(counts)


def _relative(corpus: Corpus, split: str) -> str:
    return f"{split}/{corpus.name}.spacy"


def _is_inside(name: object) -> bool:
    """Whether a name is of the form that ``_relative`` makes: nothing else is ever removed."""
    return (
        isinstance(name, str)
        and name.endswith(".spacy")
        and len(parts := PurePosixPath(name).parts) == 2
        and not {"..", "/"} & set(parts)
    )
