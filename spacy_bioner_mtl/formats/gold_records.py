"""Gold documents of a source, with a count of what is wrong in them and of what is no gold."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.files.reading import STANDARD_INPUT, Source
from spacy_bioner_mtl.formats.conll import group_sentences
from spacy_bioner_mtl.formats.folder import is_report, search_folder
from spacy_bioner_mtl.formats.label_map import LabelMap, rename
from spacy_bioner_mtl.formats.recognise import recognise
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    Flaw,
    FlawKind,
    Mention,
    Record,
    Word,
)
from spacy_bioner_mtl.formats.record import strict as readable
from spacy_bioner_mtl.formats.registry import Format, Reader, find_gold_format

#: How many places of each kind of flaw are kept.
PLACES = 3
_DISPLACED = (FlawKind.OTHER_TEXT, FlawKind.OUTSIDE, FlawKind.EMPTY)
_NOT_ANNOTATED = "not annotated"

#: So many annotations, none of which can be used, are refused: it is their offsets that are wrong.
MANY = 10


@dataclass
class FlawCount:
    """How often a kind of flaw was met.

    count (int): How often.
    places (list[str]): The first places.
    """

    count: int = 0
    places: list[str] = field(default_factory=list)


@dataclass
class GoldReport:
    """What was wrong in gold documents, and what was left out.

    flaws (dict[FlawKind, FlawCount]): Flaws by kind.
    usable (int): Annotations that are used, those with a flaw included.
    left_out (dict[str, int]): Documents that are no gold, by reason.
    schemes (dict[str, str]): Per file, the scheme of its tags, or "offsets".
    skipped (list[Path]): Files in folders whose names end otherwise than those of the format.
    """

    flaws: dict[FlawKind, FlawCount] = field(default_factory=dict)
    usable: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    schemes: dict[str, str] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)

    @property
    def unusable(self) -> int:
        """How many annotations cannot be used, so that text is unknown."""
        return sum(each.count for kind, each in self.flaws.items() if not kind.is_used)

    @property
    def odd(self) -> int:
        """How many annotations have a flaw, and are used all the same."""
        return sum(each.count for kind, each in self.flaws.items() if kind.is_used)

    @property
    def hint(self) -> str:
        """What may be wrong, where more than half of the annotations are not where they should be.

        Empty otherwise.
        """
        displaced = sum(map(self.count, _DISPLACED))
        if 2 * displaced <= self.usable + self.unusable:
            return ""
        return (
            "are all offsets shifted, or do they count bytes or units of UTF-16, not characters "
            "(code points) from 0?"
        )

    @see("corpora.md#flaws")
    def refuse_if_useless(self, name: str, usable: int, *, least: int = 1) -> None:
        """Refuse gold of which not one annotation can be used.

        name (str): What was read, for the message.
        usable (int): How many annotations can be used.
        least (int): Fewer annotations are let pass: a few odd ones are no sign that all are wrong.
        RAISES (InputError): If there are so many annotations, and none can be used.
        """
        if usable or self.unusable < least:
            return
        kinds = ", ".join(
            f"{each.count:,} {kind.value}, the first at {each.places[0]}"
            for kind, each in self.flaws.items()
            if not kind.is_used
        )
        raise InputError(
            f"{name}: none of the annotations can be used ({kinds}); "
            + (self.hint or "correct them, or give the format with --from")
        )

    def count(self, kind: FlawKind) -> int:
        """Return how often a kind was met.

        kind (FlawKind): The kind.
        RETURNS (int): How often.
        """
        return self.flaws[kind].count if kind in self.flaws else 0

    @see("corpora.md#flaws")
    def add(self, flaw: Flaw, *, strict: bool = False) -> None:
        """Count a flaw.

        flaw (Flaw): The flaw.
        strict (bool): Whether to refuse it, unless it is merely written otherwise.
        RAISES (InputError): If it is refused.
        """
        if strict and flaw.kind is not FlawKind.WRITTEN_OTHERWISE:
            raise InputError(flaw.reason)
        counted = self.flaws.setdefault(flaw.kind, FlawCount())
        counted.count += flaw.count
        if len(counted.places) < PLACES and flaw.place not in counted.places:
            counted.places.append(flaw.place)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Lay the flaws out as a table.

        RETURNS (list[tuple]): Kind, count, what becomes of the annotations, the first places.
        """
        return [
            (
                kind.value,
                f"{self.flaws[kind].count:,}",
                "used" if kind.is_used else "unknown",
                ", ".join(self.flaws[kind].places),
            )
            for kind in FlawKind
            if kind in self.flaws
        ]

    def describe_left_out(self) -> str:
        """Describe what was left out.

        RETURNS (str): As in "2 rejected, 1 not annotated"; empty if there is nothing.
        """
        return ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.left_out.items()))


@dataclass(frozen=True)
class GoldOptions:
    """How sources are read.

    source_format (str | None): A format with mentions; None recognises it file by file.
    sentences_per_doc (int | None): Sentences in a document; see conll.group_sentences for None.
    label (str | None): The entity type of tags without a type; None refuses them.
    word_column (int | None): The column of the token, from 1; None recognises it.
    strict (bool): Whether to refuse flaws; see read_gold.
    """

    source_format: str | None = None
    sentences_per_doc: int | None = None
    label: str | None = None
    word_column: int | None = None
    strict: bool = False


def read_sources(
    sources: Sequence[Path], options: GoldOptions, report: GoldReport
) -> Iterator[tuple[Path, Record]]:
    """Read the gold documents of files, each of which is read once.

    sources (Sequence[Path]): Files, folders of files of one format, or STANDARD_INPUT.
    options (GoldOptions): How to read them.
    report (GoldReport): Counts flaws and what is left out.
    YIELDS (tuple[Path, Record]): The file and the document, as read_gold gives it; sentences of
        files of tokens are grouped.
    RAISES (InputError): If a file or an option is wrong, a folder holds something that may belong
        to the corpus and cannot be read, such as a link, or, after all, no document is gold, or
        there are annotations and not one can be used.
    """
    wanted = find_gold_format(options.source_format) if options.source_format else None
    empty = True
    for path, found in _list_files(sources, wanted, report):
        source = Source(path)
        found = find_gold_format((found or recognise(source)).name)
        if options.sentences_per_doc is not None and not found.sentences:
            raise InputError(
                f"{path}: {found.name} has documents, not sentences: leave out --sentences-per-doc"
            )
        reader = found.load_reader(word_column=options.word_column, label=options.label)
        records = read_gold(reader, source, report, strict=options.strict)
        if found.sentences:
            records = group_sentences(records, options.sentences_per_doc)
        with see(found.page):
            for record in records:
                report.schemes[str(path)] = record.scheme or "offsets"
                yield path, record
                empty = False
    if empty:
        left_out = report.describe_left_out()
        raise InputError(
            f"{', '.join(map(str, sources))}: no gold document"
            + (f" ({left_out})" if left_out else "")
            + "; give a file whose texts were annotated"
        )
    report.refuse_if_useless(", ".join(map(str, sources)), report.usable, least=MANY)


def _list_files(
    sources: Sequence[Path], wanted: Format | None, report: GoldReport
) -> Iterator[tuple[Path, Format | None]]:
    """Give the files of folders, and the other sources as they are."""
    for path in sources:
        if path == STANDARD_INPUT or not path.is_dir():
            yield path, wanted
            continue
        of_folder = wanted or recognise(Source(path))
        found = search_folder(path, of_folder.reads, of_folder.companions)
        if not found.names:
            suffixes = ", ".join(f"{each} or {each}.gz" for each in of_folder.suffixes)
            raise InputError(
                f"{path}: no file in this folder ends in {suffixes}, as files of --from "
                f"{of_folder.name} do; rename them, or name the files"
            )
        faults = [f"{path / each.name}: {each.reason}" for each in found.left_out if each.fault]
        if faults:
            more = f"; and {len(faults) - PLACES:,} more" if len(faults) > PLACES else ""
            raise InputError(
                f"{path}: not all of this folder can be read ({'; '.join(faults[:PLACES])}{more}); "
                "mend that, or move it away"
            )
        others = [each.name for each in found.left_out if not is_report(path, each.name)]
        report.skipped += [path / name for name in others]
        for name in found.names:
            yield path / name, of_folder


def read_gold(
    reader: Reader, source: Path | Source, report: GoldReport, *, strict: bool = False
) -> Iterator[Record]:
    """Read the documents that are gold.

    reader (Reader): The reader of the format.
    source (Path | Source): The file.
    report (GoldReport): Counts flaws, and documents that are left out since nobody annotated them,
        or an annotator rejected or ignored them.
    strict (bool): Refuse flaws, except for mentions that are merely written otherwise.
    YIELDS (Record): The documents, with the mentions of all heads under SOURCE_HEAD, and so those
        that were rejected. Mentions have no identifiers and scores, so that those of one span and
        type are equal, and none is in pieces: these are flaws, as no head can learn them.
    RAISES (InputError): If the file cannot be read, or, if strict, at the first flaw.
    """
    for record in readable(reader(source, gold=True)):
        if not record.mentions:
            reason = record.left_out or _NOT_ANNOTATED
            report.left_out[reason] = report.left_out.get(reason, 0) + 1
            continue
        whole: list[Mention] = []
        flaws = list(record.flaws)
        for mention in record.all_mentions:
            if mention.fragments:
                flaws.append(_tell_of_pieces(source, record, mention))
            else:
                whole.append(replace(mention, identifier="", score=None))
        for flaw in flaws:
            report.add(flaw, strict=strict)
        report.usable += len(whole)
        unknown = [word for some in record.unknown.values() for word in some]
        rejected = [
            replace(mention, identifier="", score=None)
            for some in record.rejected.values()
            for mention in some
        ]
        yield replace(
            record,
            mentions={SOURCE_HEAD: whole},
            unknown={SOURCE_HEAD: unknown} if unknown else {},
            rejected={SOURCE_HEAD: rejected} if rejected else {},
            flaws=flaws,
        )


def find_unknown(
    record: Record, labels: LabelMap, among: Collection[str] | None = None
) -> list[Word]:
    """Find the text of which nobody knows whether it belongs to an entity.

    record (Record): A gold document.
    labels (Mapping[str, str | None]): New labels for old; null or "" leaves one out.
    among (Collection[str] | None): Entities of these labels, after renaming; None for all.
    RETURNS (list[Word]): The pieces, each once.
    """
    pieces = list(record.unknown.get(SOURCE_HEAD, ()))
    for flaw in record.flaws:
        renamed = rename(flaw.label, labels) if flaw.label else ""
        if renamed is not None and (among is None or not renamed or renamed in among):
            pieces += flaw.unknown
    return list(dict.fromkeys(pieces))


def find_rejected(record: Record, labels: LabelMap) -> list[Mention]:
    """Find the mentions that annotators rejected by themselves.

    record (Record): A gold document.
    labels (Mapping[str, str | None]): New labels for old; null or "" leaves one out.
    RETURNS (list[Mention]): Those, renamed, each once. Where the map gives several labels one name,
        those of these labels are left out: who rejects one of the labels may mean another.
    """
    found = []
    for mention in record.rejected.get(SOURCE_HEAD, ()):
        label = rename(mention.label, labels)
        others = (rename(old, labels) for old in labels if old != mention.label)
        if label and label not in others:
            found.append(replace(mention, label=label))
    return list(dict.fromkeys(found))


def _tell_of_pieces(source: Path | Source, record: Record, mention: Mention) -> Flaw:
    place = f"{source}: document {record.id!r}"
    return Flaw(
        FlawKind.IN_PIECES,
        place,
        f"{place}: the mention of {mention.label!r} at {mention.start}-{mention.end} is in several "
        "pieces, which no head can learn; make it one piece or leave it out",
        mention.label,
        (Word(mention.start, mention.end),),
    )
