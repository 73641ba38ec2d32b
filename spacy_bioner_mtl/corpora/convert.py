"""Annotated corpora to gold documents, and back: one span group per head, stored in a DocBin.

pipeline/spans.py says what the groups mean.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, cast

import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.console.progress import track
from spacy_bioner_mtl.corpora.codecs import remembered_codecs
from spacy_bioner_mtl.corpora.docs import Tokenizer, record_to_doc
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import is_stream, write_whole
from spacy_bioner_mtl.formats.gold_records import (
    MANY,
    GoldOptions,
    GoldReport,
    find_rejected,
    find_unknown,
    read_sources,
)
from spacy_bioner_mtl.formats.label_map import LabelMap, rename
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, Flaw, FlawKind, Mention, Record, Word
from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, UNKNOWN_SUFFIX, check_head_name
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

#: Heads that are one entity type each, and the labels that become it.
Types = Mapping[str, Collection[str]]


@dataclass
class ConversionReport:
    """What a conversion read, wrote and had to repair.

    heads (list[str]): The heads every document is annotated for.
    documents (int): Documents written.
    leaks (int): Documents left out since they stand in a test set.
    sentences (int): Sentences in them; 0 for raw text, which has none.
    tokens (int): Tokens in them.
    mentions (dict[str, int]): Mentions written per label, after renaming and without duplicates.
    duplicates (int): Mentions left out since the same span has the same label already.
    unknown (int): Tokens that are unknown for at least one head.
    rejected (int): Spans that were rejected by themselves, and are for at least one head.
    unused_labels (list[str]): Labels of the map that no mention had.
    gold (GoldReport): What was wrong with annotations, and what was left out.
    """

    heads: list[str]
    documents: int = 0
    leaks: int = 0
    sentences: int = 0
    tokens: int = 0
    mentions: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    unknown: int = 0
    rejected: int = 0
    unused_labels: list[str] = field(default_factory=list)
    gold: GoldReport = field(default_factory=GoldReport)

    @property
    def repaired(self) -> int:
        """Tag transitions that the scheme forbids, read as conlleval reads them."""
        return self.gold.count(FlawKind.TAG_ORDER)

    @property
    def first_repair(self) -> str:
        """Where the first of them is, as "path:line"; empty if there is none."""
        return self.gold.flaws[FlawKind.TAG_ORDER].places[0] if self.repaired else ""

    @property
    def schemes(self) -> dict[str, str]:
        """Per source file, the tagging scheme, or "offsets" for raw text."""
        return self.gold.schemes

    @property
    def unaligned(self) -> int:
        """Mentions that do not begin and end with a token; the tokens they touch are unknown."""
        return self.gold.count(FlawKind.UNALIGNED)

    @property
    def unaligned_share(self) -> float:
        """Share of the mentions that do not align with tokens, from 0 to 1."""
        return self.unaligned / max(sum(self.mentions.values()) + self.unaligned, 1)


@remembered_codecs()
def convert_files(
    sources: Sequence[Path],
    out: Path,
    *,
    head: str | None = None,
    by_type: bool = False,
    types: Types | None = None,
    label_map: LabelMap | None = None,
    sentences_per_doc: int | None = None,
    strict: bool = False,
    source_format: str | None = None,
    label: str | None = None,
    word_column: int | None = None,
    tokenizer: str = "bio",
    documents: Mapping[Path, Sequence[range]] | None = None,
    unknown: Mapping[str, Collection[str]] | None = None,
    is_leak: Callable[[Record], bool] | None = None,
) -> ConversionReport:
    """Convert annotated corpora to one DocBin, which appears whole or not at all.

    Every source is read once. Annotations that cannot be used leave the text unknown that they may
    be about, and are counted, as are documents that are no gold.

    sources (Sequence[Path]): Files, or folders of files.
    out (Path): The DocBin to write, a name that ends in .spacy.
    head (str | None): A head that gets all mentions.
    by_type (bool): Instead or as well: one head per entity type, named after it.
    types (Mapping[str, Collection[str]] | None): With by_type, the types, and which labels become
        each, after renaming; None takes all labels of the sources. Other labels are for the head;
        without one they are refused.
    label_map (Mapping[str, str | None] | None): New labels for old; null or "" leaves one out.
    sentences_per_doc (int | None): Sentences in a document; see conll.group_sentences for None.
    strict (bool): Reject flaws instead of counting them.
    source_format (str | None): A format with mentions; None recognises it file by file.
    label (str | None): The entity type of tags without a type; None takes the head's name.
    word_column (int | None): The column of the token, from 1; None recognises it.
    tokenizer (str): "bio" or "english", for raw text.
    documents (Mapping[Path, Sequence[range]] | None): Of some sources, which gold documents to
        take, counted from 0 in each file.
    unknown (Mapping[str, Collection[str]] | None): Of some heads, the words that the sources leave
        out although the head is about them: where no mention covers them, they are unknown.
    is_leak (Callable[[Record], bool] | None): Tells documents that are left out, and counted,
        since they stand in a test set.
    RETURNS (ConversionReport): Counts of what was read and repaired.
    RAISES (InputError): If a file or an argument is wrong, or no document is gold.
    """
    _check_arguments(out, head, by_type, types, sentences_per_doc, tokenizer)
    vocab, tokenize = _make_tokenizer(tokenizer)
    labels = label_map or {}
    report = ConversionReport([])
    options = GoldOptions(source_format, sentences_per_doc, label or head, word_column, strict)
    records = track(read_sources(sources, options, report.gold), "documents")
    if documents:
        records = choose_documents(records, documents)
    if by_type and not types:
        # Which types there are shows only when all is read.
        read_all = list(records)
        records = iter(read_all)
        found = sorted({label for _, record in read_all for label in _find_labels(record, labels)})
        if not found:
            raise InputError("no entity type in the sources: name the heads, as in --type Disease")
        types = {label: [label] for label in found}
    # What becomes of mentions, head by head: None takes them all, with the labels that they have.
    wanted: dict[str, Collection[str] | None] = {} if head is None else {head: None}
    wanted.update(types or {})
    for name in wanted:
        check_head_name(name)
    for name in unknown or {}:
        if name not in wanted:
            raise InputError(f"`unknown` has the head {name!r}; the heads are: {', '.join(wanted)}")
    left_open = {name: _compile_words(words) for name, words in (unknown or {}).items()}
    report.heads = list(wanted)
    report.mentions = dict.fromkeys(types or (), 0)
    met: set[str] = set()
    doc_bin = DocBin(store_user_data=False)
    for path, record in records:
        met.update(mention.label for mention in record.mentions[SOURCE_HEAD])
        met.update(mention.label for mention in record.rejected.get(SOURCE_HEAD, ()))
        met.update(flaw.label for flaw in record.flaws)
        if is_leak and is_leak(record):
            report.leaks += 1
            continue
        if head is None:
            _check_labels(path, record, labels, types or {})
        mentions = _relabel(record.mentions[SOURCE_HEAD], labels, report)
        rejected = find_rejected(record, labels)
        record = replace(
            record,
            mentions={name: _of_head(name, mentions, among) for name, among in wanted.items()},
            unknown={
                name: [
                    *find_unknown(record, labels, among),
                    *_find_words(record.text, left_open.get(name)),
                ]
                for name, among in wanted.items()
            },
            rejected={
                name: _of_head(name, rejected, among)
                for name, among in wanted.items()
                # Who rejects one of several labels of a type may mean another.
                if among is None or len(among) == 1
            },
        )
        written = Counter(set(chain.from_iterable(record.mentions.values())))
        doc, unaligned = record_to_doc(record, vocab, tokenize)
        written.subtract(set(unaligned))
        for mention, count in written.items():
            report.mentions[mention.label] = report.mentions.get(mention.label, 0) + count
        # Once, however many heads it is for
        for mention in {(one.start, one.end): one for one in unaligned}.values():
            report.gold.add(_tell_of_tokens(path, record, mention), strict=strict)
        doc_bin.add(doc)
        report.documents += 1
        report.sentences += len(record.sentence_starts)
        report.tokens += len(doc)
        report.unknown += _count_unknown(doc)
        report.rejected += _count_rejected(doc)
    if not report.documents:
        raise InputError(
            f"{', '.join(map(str, sources))}: every document stands in a test set; choose others"
        )
    if report.unaligned:
        name, usable = ", ".join(map(str, sources)), sum(report.mentions.values())
        report.gold.refuse_if_useless(name, usable, least=MANY)
    report.unused_labels = sorted(labels.keys() - met)
    _write(doc_bin, out)
    return report


def choose_documents(
    records: Iterator[tuple[Path, Record]], documents: Mapping[Path, Sequence[range]]
) -> Iterator[tuple[Path, Record]]:
    """Keep some of the documents of files.

    records (Iterator[tuple[Path, Record]]): Files and their gold documents.
    documents (Mapping[Path, Sequence[range]]): Of some files, which documents to take, from 0.
    YIELDS (tuple[Path, Record]): Those, and all of other files.
    RAISES (InputError): If a file has fewer documents than it should.
    """
    for path, of_file in groupby(records, key=itemgetter(0)):
        chosen, number = documents.get(path), 0
        for number, pair in enumerate(of_file, start=1):
            if chosen is None or any(number - 1 in each for each in chosen):
                yield pair
        if chosen and number < max(each.stop for each in chosen):
            raise InputError(
                f"{path}: there are {number:,} gold documents, and `documents` names up to "
                f"{max(each.stop for each in chosen):,}; correct the list"
            )


def _make_tokenizer(name: str) -> tuple[Vocab, Tokenizer]:
    nlp = spacy.blank("en")
    return nlp.vocab, BioTokenizer(nlp.vocab) if name == "bio" else nlp.tokenizer


def _find_labels(record: Record, labels: LabelMap) -> Iterator[str]:
    """Find the labels that a record was annotated with, after renaming."""
    given = [mention.label for mention in record.mentions[SOURCE_HEAD]]
    given += [mention.label for mention in record.rejected.get(SOURCE_HEAD, ())]
    given += [flaw.label for flaw in record.flaws]
    yield from filter(None, (rename(label, labels) for label in given))


def _count_unknown(doc: Doc) -> int:
    groups = (spans for name, spans in doc.spans.items() if name.endswith(UNKNOWN_SUFFIX))
    return len(
        {token for spans in groups for span in spans for token in range(span.start, span.end)}
    )


def _count_rejected(doc: Doc) -> int:
    groups = (spans for name, spans in doc.spans.items() if name.endswith(REJECTED_SUFFIX))
    return len({(span.start, span.end, span.label) for spans in groups for span in spans})


def _relabel(
    mentions: Sequence[Mention], labels: LabelMap, report: ConversionReport
) -> list[Mention]:
    """Rename and leave out as the map says, drop what is there twice then, and count."""
    renamed = [
        replace(mention, label=label)
        for mention in mentions
        if (label := rename(mention.label, labels))
    ]
    distinct = list(dict.fromkeys(renamed))
    report.duplicates += len(renamed) - len(distinct)
    return distinct


def _of_head(name: str, mentions: list[Mention], among: Collection[str] | None) -> list[Mention]:
    """Take the mentions that are for a head, each once, under the label that it gives them."""
    if among is None:
        return mentions
    return list(dict.fromkeys(replace(one, label=name) for one in mentions if one.label in among))


def _compile_words(words: Collection[str]) -> re.Pattern[str]:
    """Make a pattern of whole words, in any case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


def _find_words(text: str, pattern: re.Pattern[str] | None) -> Iterator[Word]:
    if pattern is not None:
        yield from (Word(*match.span()) for match in pattern.finditer(text))


def _tell_of_tokens(path: Path, record: Record, mention: Mention) -> Flaw:
    place = f"{path}: document {record.id!r}"
    said = record.text[mention.start : mention.end]
    return Flaw(
        FlawKind.UNALIGNED,
        place,
        f"{place}: the mention {said!r} ({mention.start}-{mention.end}) does not begin and end "
        "with a token; correct its offsets, or choose another --tokenizer",
        mention.label,
    )


def _check_labels(path: Path, record: Record, labels: LabelMap, types: Types) -> None:
    for label in _find_labels(record, labels):
        if not any(label in among for among in types.values()):
            raise InputError(
                f"{path}: a mention of type {label!r}, which no --type names; add "
                f"--type {label} (`types:` in a list of corpora), or rename or leave out the type "
                "with --map (`map:`)"
            )


def _check_arguments(
    out: Path,
    head: str | None,
    by_type: bool,
    types: Types | None,
    sentences_per_doc: int | None,
    tokenizer: str,
) -> None:
    if head is None and not by_type:
        raise InputError("give --head NAME, or --by-type, or both")
    if types and not by_type:
        raise InputError("--type names heads for --by-type: add --by-type or leave out --type")
    if out.suffix != ".spacy" and not is_stream(out):
        raise InputError(f"{out}: the last argument is the file to write; end its name in .spacy")
    if sentences_per_doc is not None and sentences_per_doc < 1:
        raise InputError(f"--sentences-per-doc is {sentences_per_doc}; give 1 or more")
    if tokenizer not in ("bio", "english"):
        raise InputError(f"unknown tokenizer {tokenizer!r}; --tokenizer takes bio or english")


def _write(doc_bin: DocBin, out: Path) -> None:
    with write_whole(out, "wb") as file:
        cast(IO[bytes], file).write(doc_bin.to_bytes())
