"""Files of one token a line, in columns: which line is what, and which column is the token.

A blank line ends a sentence. Lines that begin with ``-DOCSTART-``, lines of ``###`` and an
identifier, such as ``###MEDLINE:95369245``, and comments ``# newdoc`` begin a document. Other
comments are passed over: lines that begin with ``#`` and hold no tab where other lines do, or that
look like ``# sent_id = 1``.

The token is the first column, unless the first column numbers the tokens of each sentence from 1:
then it is the second, as in CoNLL-U, of which ranges of tokens and empty nodes are passed over. A
first column that looks like an identifier is refused; which column it is has to be said then.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.lines import Line, read_checked_lines
from spacy_bioner_mtl.formats.schemes import add_type, is_like_a_tag, parse_tag, to_upper

#: So many lines, of so many characters together, are looked at to tell the columns.
LOOKED_AT, LOOKED_AT_CHARACTERS = 2_000, 1_000_000

#: What separates columns. Unicode knows more white space; a word may consist of it (a no-break
#: space does occur).
BLANKS = " \t\v\f"
#: How a line begins that begins a document.
DOCUMENT_START = "-DOCSTART-"

_GAP = re.compile(f"[{BLANKS}]+")
_STARTS_DOCUMENT = re.compile(rf"{DOCUMENT_START}|###\S+\s*$|#\s*newdoc\b(?=[^\t]*$)")
_COMMENT = re.compile(r"#\s*(newpar\b|[\w.:-]+ *=)")
_NO_TOKEN = re.compile(r"\d+[-.]\d+")
_NUMBER = re.compile(r"\d+([-.:/_]\d+)*")
_CONLL_U_COLUMNS = 10
_WITH_DIGIT = re.compile(r"[\w.:/-]*\d[\w.:/-]*")
_HEX = re.compile(r"[0-9a-f]{4,}|[0-9A-F]{4,}")
# Names of columns in the first line of a file
_WORD_NAMES = frozenset(["token", "tokens", "word", "words", "form", "text"])
_TAG_NAMES = frozenset(
    ["tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "entity", "iob", "bio"]
)
#: The number of a line, and its columns.
_Row = tuple[int, list[str]]
# So many words in a row do not look like numbers or tags by chance.
_SEVERAL = 4
# So many words of a sentence may begin alike by chance, as in "IL2 IL4".
_FEW = 2


@dataclass(frozen=True)
class Row:
    """A token.

    number (int): The number of its line.
    word (str): The token.
    tag (str): What stands in the last column; empty if the token is all there is.
    """

    number: int
    word: str
    tag: str


@dataclass(frozen=True)
class Rows:
    """A sentence.

    rows (list[Row]): Its tokens, never none.
    document (int): How many documents began before it.
    """

    rows: list[Row]
    document: int


@dataclass(frozen=True)
class _Layout:
    """How the lines of a file are to be read.

    word (int): The index of the column of the token.
    tabs (bool): Whether tabs part the columns.
    columns (int): How many columns most lines have.
    numbered (bool): Whether the first column numbers the tokens of each sentence.
    conll_u (bool): Whether it is CoNLL-U.
    """

    word: int = 0
    tabs: bool = False
    columns: int = 1
    numbered: bool = False
    conll_u: bool = False


def read_columns(
    source: Path | Source, *, word_column: int | None = None, tagged: bool
) -> Iterator[Rows]:
    """Read a file sentence by sentence, in constant memory.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    word_column (int | None): The column of the token, from 1; None recognises it.
    tagged (bool): Whether every token must have a tag.
    YIELDS (Rows): The sentences.
    RAISES (InputError): At a line that is malformed, or that has no token or tag. Or the first
        column looks like an identifier.
    """
    lines = read_checked_lines(source)
    first = list(_take_first(lines))
    layout = _find_layout(source, first, word_column)
    document = 0
    rows: list[Row] = []
    expected = 1
    for line in chain(first, lines):
        if line.fault:
            raise InputError(line.fault)
        starts_document = _STARTS_DOCUMENT.match(line.text) is not None
        if not line.text.strip() or starts_document:
            if rows:
                yield Rows(rows, document)
            rows, expected = [], 1
            document += starts_document
            continue
        if _is_comment(line.text, layout):
            continue
        columns = _split(line.text)
        place = f"{source}:{line.number}"
        if layout.conll_u and _NO_TOKEN.fullmatch(columns[0]):
            continue
        if layout.numbered and columns[0] != str(expected):
            raise InputError(
                f"{place}: the first column is {columns[0]!r} where the tokens of a sentence are "
                f"numbered and {expected} is due; correct it, or give --word-column"
            )
        expected += 1
        rows.append(_make_row(place, line, columns, layout, tagged))
    if rows:
        yield Rows(rows, document)


def _take_first(lines: Iterator[Line]) -> Iterator[Line]:
    characters = 0
    for line in islice(lines, LOOKED_AT):
        yield line
        characters += len(line.text)
        if characters >= LOOKED_AT_CHARACTERS:
            break


def _split(line: str) -> list[str]:
    line = line.rstrip(BLANKS)
    if "\t" in line:
        return [column.strip(BLANKS) for column in line.split("\t")]
    return _GAP.split(line.lstrip(BLANKS))


def _make_row(place: str, line: Line, columns: list[str], layout: _Layout, tagged: bool) -> Row:
    word = columns[layout.word] if layout.word < len(columns) else ""
    begins_blank = line.text[0] in BLANKS and len(columns) < layout.columns
    if len(columns) > layout.columns == 1 and not tagged:
        raise InputError(
            f"{place}: {len(columns)} columns where other lines have one; correct the line, or "
            "give --from lines or --from text if this is prose"
        )
    lacks_word = len(columns) == 1 < layout.columns and is_like_a_tag(word)
    if tagged and (len(columns) < layout.word + 2 or not word or begins_blank):
        if layout.word:
            raise InputError(
                f"{place}: a word in column {layout.word + 1} and a tag after it are needed; write "
                "both, or correct --word-column"
            )
        raise InputError(
            f"{place}: one column where a word and a tag are needed; write both, separated by a tab"
        )
    if not word or begins_blank or lacks_word:
        which = "the first column" if layout.word == 0 else f"column {layout.word + 1}"
        raise InputError(
            f"{place}: no token in {which}; begin the line with the token, or leave it blank to "
            "end a sentence"
        )
    if tagged:
        _check_tag(place, columns[-1])
    return Row(line.number, word, columns[-1] if len(columns) > 1 else "")


def _check_tag(place: str, tag: str) -> None:
    try:
        parse_tag(add_type(to_upper(tag), "any"))
    except ValueError as error:
        raise InputError(f"{place}: tag {error}; correct the last column") from None


def _is_comment(line: str, layout: _Layout) -> bool:
    if not line.startswith("#") or "\t" in line:
        return False
    several = layout.columns > 1 or len(_split(line)) > 1
    return layout.tabs or (several and _COMMENT.match(line) is not None)


def _find_layout(source: Path | Source, lines: list[Line], word_column: int | None) -> _Layout:
    """Look at the first lines of a file."""
    if word_column is not None and word_column < 1:
        raise InputError(f"--word-column is {word_column}; count columns from 1")
    filled = [line for line in lines if line.text.strip() and not line.fault]
    rows = [line for line in filled if not line.text.startswith("#")]
    tabs = 2 * sum("\t" in line.text for line in rows) > len(rows)
    layout = _Layout((word_column or 1) - 1, tabs, 2)
    kept = [line for line in lines if not line.fault and not _is_comment(line.text, layout)]
    sentences = [
        [(line.number, _split(line.text)) for line in some]
        for is_row, some in groupby(kept, key=_is_row)
        if is_row
    ]
    sizes = sorted(len(columns) for sentence in sentences for _, columns in sentence)
    size = sizes[len(sizes) // 2] if sizes else 1
    layout = _Layout(layout.word, tabs, size)
    rows_of_all = [row for sentence in sentences for row in sentence]
    if word_column is not None:
        _check_named_column(source, rows_of_all, layout.word)
    if word_column is not None or not sentences:
        return layout
    _check_order(source, rows_of_all)
    if tabs and all(each == _CONLL_U_COLUMNS for each in sizes):
        tokens = [
            [row for row in sentence if not _NO_TOKEN.fullmatch(row[1][0])]
            for sentence in sentences
        ]
        if all(map(_is_numbered, tokens)):
            return _Layout(1, tabs, size, numbered=True, conll_u=True)
    further = (columns[1:] for sentence in sentences for _, columns in sentence)
    if all(map(is_like_a_tag, chain.from_iterable(further))):
        return layout
    if any(len(sentence) > 1 for sentence in sentences) and all(map(_is_numbered, sentences)):
        return _Layout(1, tabs, size, numbered=True)
    if _looks_like_identifiers([[columns[0] for _, columns in some] for some in sentences]):
        number, columns = sentences[0][0]
        raise InputError(
            f"{source}:{number}: the first column ({columns[0]!r}) looks like a number or an "
            "identifier, not like a token; say with --word-column which column is the token, "
            "counted from 1"
        )
    return layout


def _check_named_column(source: Path | Source, rows: list[_Row], index: int) -> None:
    """Refuse a column of numbers where another one holds words."""
    if len(rows) < _SEVERAL or not all(
        index < len(columns) and _NUMBER.fullmatch(columns[index]) for _, columns in rows
    ):
        return
    for other in set(range(min(len(columns) for _, columns in rows) - 1)) - {index}:
        words = {columns[other] for _, columns in rows if columns[other].isalpha()}
        if 2 * len(words) > len(rows):
            raise InputError(
                f"{source}:{rows[0][0]}: column {index + 1} ({rows[0][1][index]!r}) holds nothing "
                f"but numbers, and column {other + 1} ({rows[0][1][other]!r}) words; correct "
                "--word-column"
            )


def _check_order(source: Path | Source, rows: list[_Row]) -> None:
    """Refuse files that surely hold something else than a word in the first column."""
    number, columns = rows[0]
    place = f"{source}:{number}"
    firsts, lasts = [row[0] for _, row in rows], [row[-1] for _, row in rows]
    if len(columns) > 1 and columns[0].lower() in _WORD_NAMES and columns[-1].lower() in _TAG_NAMES:
        raise InputError(
            f"{place}: {columns[0]!r} and {columns[-1]!r} are names of columns, not a token and "
            "its tag; take this line out"
        )
    if _are_tags(firsts) and not all(map(is_like_a_tag, lasts)):
        raise InputError(
            f"{place}: the first column ({columns[0]!r}) holds tags; put the token first and the "
            "tag last, or say with --word-column which column is the token, counted from 1"
        )
    for sign in ",;":
        parts = [first.rpartition(sign) for first in firsts]
        whole = all(len(row) == 1 for _, row in rows) and all(word for word, _, _ in parts)
        if whole and _are_tags([tag for _, _, tag in parts]):
            raise InputError(
                f"{place}: columns parted by {sign!r} ({columns[0]!r}); part them by tabs"
            )


def _are_tags(values: list[str]) -> bool:
    """Check whether all are tags, so many, or with types, that they are no words by chance."""
    typed = sum(value[1:2] == "-" and value[2:] != "" for value in values)
    strict = all(is_like_a_tag(value) and value == to_upper(value) for value in values)
    return strict and ((len(values) > 1 and typed > 0) or len(values) >= _SEVERAL)


def _is_row(line: Line) -> bool:
    return bool(line.text.strip()) and not _STARTS_DOCUMENT.match(line.text)


def _is_numbered(sentence: list[tuple[int, list[str]]]) -> bool:
    return all(columns[0] == str(n) for n, (_, columns) in enumerate(sentence, start=1))


def _looks_like_identifiers(sentences: Iterable[list[str]]) -> bool:
    """Check whether all have numbers, or are the same in all rows of a sentence, but for one."""
    sentences = list(sentences)
    every = [word for sentence in sentences for word in sentence]
    if all(map(_NUMBER.fullmatch, every)):
        return True
    if len(every) >= _SEVERAL:
        n_with_digits = sum(_WITH_DIGIT.fullmatch(word) is not None for word in every)
        alike = len({len(word) for word in every}) == 1 and all(map(_HEX.fullmatch, every))
        # No text has a digit in every word.
        if n_with_digits == len(every) or (alike and 2 * n_with_digits > len(every)):
            return True
    longer = [sentence for sentence in sentences if len(sentence) > 1]
    if any(len(sentence) > _FEW for sentence in longer):
        longer = [[word.rstrip("0123456789") for word in sentence] for sentence in longer]
    return bool(longer) and all(len(set(sentence)) == 1 for sentence in longer)
