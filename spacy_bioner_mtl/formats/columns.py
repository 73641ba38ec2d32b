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
    if word_column is not None or not sentences:
        return layout
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


def _is_row(line: Line) -> bool:
    return bool(line.text.strip()) and not _STARTS_DOCUMENT.match(line.text)


def _is_numbered(sentence: list[tuple[int, list[str]]]) -> bool:
    return all(columns[0] == str(n) for n, (_, columns) in enumerate(sentence, start=1))


def _looks_like_identifiers(sentences: Iterable[list[str]]) -> bool:
    """Check whether all are numbers, or the same in all rows of each sentence, but for a number."""
    sentences = list(sentences)
    if all(_NUMBER.fullmatch(word) for sentence in sentences for word in sentence):
        return True
    longer = [sentence for sentence in sentences if len(sentence) > 1]
    if any(len(sentence) > _FEW for sentence in longer):
        longer = [[word.rstrip("0123456789") for word in sentence] for sentence in longer]
    return bool(longer) and all(len(set(sentence)) == 1 for sentence in longer)
