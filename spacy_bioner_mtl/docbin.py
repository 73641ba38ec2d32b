"""Annotated corpora to gold documents, and back: one span group per head, stored in a DocBin.

span_groups.py says what the groups mean.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import write_whole
from spacy_bioner_mtl.formats.conll import ConllFile, group_sentences, read_conll
from spacy_bioner_mtl.formats.pubtator import is_pubtator, read_pubtator
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, Mention, Record, Word
from spacy_bioner_mtl.span_groups import UNKNOWN_LABEL, UNKNOWN_SUFFIX
from spacy_bioner_mtl.tokenizer import BioTokenizer

Tokenizer = Callable[[str], Doc]


@dataclass
class ConversionReport:
    """What a conversion read, wrote and had to repair.

    heads (list[str]): The heads every document is annotated for.
    documents (int): Documents written.
    sentences (int): Sentences in them; 0 for raw text, which has none.
    tokens (int): Tokens in them.
    mentions (dict[str, int]): Mentions per label, after renaming and without duplicates.
    duplicates (int): Mentions left out since the same span has the same label already.
    repaired (int): Tag transitions that the scheme forbids, read as conlleval reads them.
    first_repair (str): Where the first of them is, as "path:line"; empty if there is none.
    unknown (int): Tokens whose tag was "-".
    unaligned (int): Mentions that do not begin and end with a token; the tokens they touch are
        marked as unknown.
    schemes (dict[str, str]): Per source file, the tagging scheme, or "offsets" for raw text.
    unused_labels (list[str]): Labels of the map that no mention had.
    """

    heads: list[str]
    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    mentions: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    repaired: int = 0
    first_repair: str = ""
    unknown: int = 0
    unaligned: int = 0
    schemes: dict[str, str] = field(default_factory=dict)
    unused_labels: list[str] = field(default_factory=list)

    @property
    def unaligned_share(self) -> float:
        """Share of the mentions that do not align with tokens, from 0 to 1."""
        return self.unaligned / max(sum(self.mentions.values()), 1)


def record_to_doc(
    record: Record, vocab: Vocab, tokenizer: Tokenizer | None = None
) -> tuple[Doc, int]:
    """Make a gold document of a record.

    A record that comes tokenised keeps its tokens: the document has no information on spacing,
    hence spaCy does not tokenise it again in training. Mentions that do not begin and end with a
    token leave all tokens they touch unknown.

    record (Record): The record.
    vocab (Vocab): The vocabulary of the document; for raw text, that of the tokenizer.
    tokenizer (Callable[[str], Doc] | None): Tokenises raw text; not needed for other records.
    RETURNS (tuple[Doc, int]): The document and its number of mentions not aligned with tokens.
    RAISES (InputError): If the name of a head ends like a group of unknown tokens, or is empty.
    """
    doc, tokens = _tokenize(record, vocab, tokenizer)
    starts = [token.start for token in tokens]
    ends = [token.end for token in tokens]

    def touched(start: int, end: int) -> tuple[int, int]:
        return bisect_right(ends, start), bisect_left(starts, end)

    n_unaligned = 0
    for head, mentions in record.mentions.items():
        _check_head(head)
        gold = []
        unknown = {touched(word.start, word.end) for word in record.unknown.get(head, ())}
        for mention in mentions:
            first, after = touched(mention.start, mention.end)
            if first < after and starts[first] == mention.start and ends[after - 1] == mention.end:
                gold.append(Span(doc, first, after, label=mention.label))
            else:
                n_unaligned += 1
                unknown.add((first, after))
        doc.spans[head] = gold
        open_spans = [
            Span(doc, first, after, label=UNKNOWN_LABEL)
            for first, after in sorted(unknown)
            if first < after
        ]
        if open_spans:
            doc.spans[head + UNKNOWN_SUFFIX] = open_spans
    return doc, n_unaligned


def doc_to_record(doc: Doc, heads: Sequence[str]) -> Record:
    """Take the record of a document.

    doc (Doc): The document, gold or predicted.
    heads (Sequence[str]): The heads to take; those without a span group are left out.
    RETURNS (Record): Text, tokens, sentences and mentions; the id is empty.
    """
    starts = [token.i for token in doc if token.is_sent_start]
    return Record(
        id="",
        text=doc.text,
        mentions={
            head: [Mention(span.start_char, span.end_char, span.label_) for span in doc.spans[head]]
            for head in heads
            if head in doc.spans
        },
        words=[Word(token.idx, token.idx + len(token)) for token in doc],
        sentence_starts=starts or [0][: len(doc)],
    )


def read_label_map(path: Path) -> dict[str, str | None]:
    """Read a map of labels from JSON (.json) or YAML.

    path (Path): The file: old label to new label, or to null or "" for labels to leave out.
    RETURNS (dict[str, str | None]): The map.
    RAISES (InputError): If the file is missing or holds anything else.
    """
    read: Callable[[Path], Any] = srsly.read_json if path.suffix == ".json" else srsly.read_yaml
    try:
        label_map = read(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as {'JSON' if path.suffix == '.json' else 'YAML'} ({error}); "
            "give a file of lines like 'OldLabel: NewLabel'"
        ) from None
    if not isinstance(label_map, dict) or not all(
        isinstance(old, str) and isinstance(new, str | None) for old, new in label_map.items()
    ):
        raise InputError(
            f"{path}: not a map of labels; write 'OldLabel: NewLabel' lines, in quotation marks "
            "where a label is a number, true or false"
        )
    return label_map


def convert_files(
    sources: Sequence[Path],
    out: Path,
    *,
    head: str | None = None,
    by_type: bool = False,
    heads: Sequence[str] | None = None,
    label_map: Mapping[str, str | None] | None = None,
    sentences_per_doc: int | None = None,
    strict: bool = False,
    source_format: str | None = None,
    tokenizer: str = "bio",
) -> ConversionReport:
    """Convert annotated corpora to one DocBin, which appears whole or not at all.

    sources (Sequence[Path]): Files in CoNLL or PubTator format.
    out (Path): The DocBin to write, a name that ends in .spacy.
    head (str | None): The one head that gets all mentions.
    by_type (bool): Instead: one head per entity type, named after it.
    heads (Sequence[str] | None): With by_type, the types; None takes all types of the sources.
    label_map (Mapping[str, str | None] | None): New labels for old; null or "" leaves one out.
    sentences_per_doc (int | None): Sentences in a document; see conll.group_sentences for None.
    strict (bool): Reject tag sequences that their scheme forbids instead of repairing them.
    source_format (str | None): "conll" or "pubtator"; None recognises it file by file.
    tokenizer (str): "bio" or "english", for raw text.
    RETURNS (ConversionReport): Counts of what was read and repaired.
    RAISES (InputError): If a file or an argument is wrong.
    """
    _check_arguments(out, head, by_type, heads, sentences_per_doc, source_format, tokenizer)
    vocab, tokenize = _make_tokenizer(tokenizer)
    opened = [_open(path, source_format, strict) for path in sources]
    if sentences_per_doc is not None and any(isinstance(source, Path) for source in opened):
        raise InputError("PubTator has documents, not sentences: leave out --sentences-per-doc")

    def records() -> Iterator[tuple[Path, Record]]:
        for path, source in zip(sources, opened, strict=True):
            for record in _read(source, sentences_per_doc):
                yield path, record

    labels = dict(label_map or {})
    if head is not None:
        names = [head]
    elif heads:
        names = list(dict.fromkeys(heads))
    else:
        seen = {
            _rename(mention.label, labels)
            for _, record in records()
            for mention in record.mentions[SOURCE_HEAD]
        }
        names = sorted(label for label in seen if label)
        if not names:
            raise InputError("no entity type in the sources: name the heads, as in --type Disease")
    for name in names:
        _check_head(name)

    report = ConversionReport(heads=names, mentions=dict.fromkeys(names, 0) if by_type else {})
    for path, source in zip(sources, opened, strict=True):
        report.schemes[str(path)] = source.scheme if isinstance(source, ConllFile) else "offsets"
        if isinstance(source, ConllFile) and source.repaired:
            report.first_repair = report.first_repair or f"{path}:{source.repaired[0]}"
            report.repaired += len(source.repaired)
    met: set[str] = set()
    doc_bin = DocBin(store_user_data=False)
    for path, record in records():
        met.update(mention.label for mention in record.mentions[SOURCE_HEAD])
        mentions = _relabel(record.mentions[SOURCE_HEAD], labels, report)
        if by_type:
            _check_types(path, mentions, names)
        unknown = record.unknown.get(SOURCE_HEAD, [])
        record = replace(
            record,
            mentions={
                name: [one for one in mentions if not by_type or one.label == name]
                for name in names
            },
            unknown=dict.fromkeys(names, unknown),
        )
        doc, n_unaligned = record_to_doc(record, vocab, tokenize)
        doc_bin.add(doc)
        report.documents += 1
        report.sentences += len(record.sentence_starts)
        report.tokens += len(doc)
        report.unknown += len(unknown)
        report.unaligned += n_unaligned
    report.unused_labels = sorted(labels.keys() - met)
    _write(doc_bin, out)
    return report


def _tokenize(
    record: Record, vocab: Vocab, tokenizer: Tokenizer | None
) -> tuple[Doc, Sequence[Word]]:
    """Make the document and tell where in the record's text its tokens are."""
    if record.words is None:
        if tokenizer is None:
            raise ValueError(f"record {record.id!r} is raw text: it needs a tokenizer")
        doc = tokenizer(record.text)
        return doc, [Word(token.idx, token.idx + len(token)) for token in doc]
    starts = set(record.sentence_starts)
    doc = Doc(
        vocab,
        words=[record.text[word.start : word.end] for word in record.words],
        sent_starts=[index in starts for index in range(len(record.words))] if starts else None,
    )
    return doc, record.words


def _make_tokenizer(name: str) -> tuple[Vocab, Tokenizer]:
    nlp = spacy.blank("en")
    return nlp.vocab, BioTokenizer(nlp.vocab) if name == "bio" else nlp.tokenizer


def _open(path: Path, source_format: str | None, strict: bool) -> ConllFile | Path:
    """Read a CoNLL file, whose scheme shows only at its end; leave PubTator to be streamed."""
    if source_format == "pubtator" or (source_format is None and is_pubtator(path)):
        return path
    return read_conll(path, strict=strict)


def _read(source: ConllFile | Path, sentences_per_doc: int | None) -> Iterator[Record]:
    if isinstance(source, ConllFile):
        return group_sentences(source, SOURCE_HEAD, sentences_per_doc)
    return read_pubtator(source, SOURCE_HEAD)


def _rename(label: str, labels: Mapping[str, str | None]) -> str | None:
    return labels.get(label, label)


def _relabel(
    mentions: Sequence[Mention], labels: Mapping[str, str | None], report: ConversionReport
) -> list[Mention]:
    """Rename and leave out as the map says, drop what is there twice then, and count."""
    renamed = [
        replace(mention, label=label)
        for mention in mentions
        if (label := _rename(mention.label, labels))
    ]
    distinct = list(dict.fromkeys(renamed))
    report.duplicates += len(renamed) - len(distinct)
    for mention in distinct:
        report.mentions[mention.label] = report.mentions.get(mention.label, 0) + 1
    return distinct


def _check_types(path: Path, mentions: Sequence[Mention], names: Sequence[str]) -> None:
    for mention in mentions:
        if mention.label not in names:
            raise InputError(
                f"{path}: a mention of type {mention.label!r}, which no --type names; add "
                f"--type {mention.label}, or rename or leave out the type with --map"
            )


def _check_head(name: str) -> None:
    if not name.strip() or name.endswith(UNKNOWN_SUFFIX):
        raise InputError(
            f"{name!r} cannot name a head, as it is empty or ends in {UNKNOWN_SUFFIX!r}; choose "
            "another name, or rename the type with --map"
        )


def _check_arguments(
    out: Path,
    head: str | None,
    by_type: bool,
    heads: Sequence[str] | None,
    sentences_per_doc: int | None,
    source_format: str | None,
    tokenizer: str,
) -> None:
    if (head is None) != by_type:
        raise InputError("give either --head NAME or --by-type, one of the two")
    if heads and not by_type:
        raise InputError("--type names heads for --by-type: add --by-type or leave out --type")
    if out.suffix != ".spacy":
        raise InputError(f"{out}: the last argument is the file to write; end its name in .spacy")
    if sentences_per_doc is not None and sentences_per_doc < 1:
        raise InputError(f"--sentences-per-doc is {sentences_per_doc}; give 1 or more")
    if source_format not in (None, "conll", "pubtator"):
        raise InputError(f"unknown format {source_format!r}; --from takes conll or pubtator")
    if tokenizer not in ("bio", "english"):
        raise InputError(f"unknown tokenizer {tokenizer!r}; --tokenizer takes bio or english")


def _write(doc_bin: DocBin, out: Path) -> None:
    with write_whole(out, "wb") as file:
        cast(IO[bytes], file).write(doc_bin.to_bytes())
