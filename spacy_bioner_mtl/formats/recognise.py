"""Which format is this? Told from the first bytes of a file and its name, or not told at all.

A wrong guess would be worse than none: prose that is taken for tokens gives answers, and they are
nonsense. What cannot be told apart is refused with a message that says what the file looks like.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.files.reading import HEAD_SIZE, STANDARD_INPUT, Source
from spacy_bioner_mtl.formats.encoding import find_wide_encoding, refuse_wide_encoding
from spacy_bioner_mtl.formats.folder import is_report
from spacy_bioner_mtl.formats.lines import BYTE_ORDER_MARK
from spacy_bioner_mtl.formats.registry import FORMATS, Format
from spacy_bioner_mtl.formats.schemes import is_like_a_tag

#: How many files of a folder are looked at.
LOOKED_AT = 20

_COMPRESSED = ".gz"
_TEXT_NAME = re.compile(r"\.txt(\.gz)?$", re.IGNORECASE)
_ANNOTATIONS_NAME = re.compile(r"\.ann(\.gz)?$", re.IGNORECASE)
_ROOTS = {
    "PubmedArticleSet": "pubmed",
    "PubmedBookArticleSet": "pubmed",
    "collection": "bioc-xml",
}
_ROOT = re.compile(rf"<({'|'.join(_ROOTS)})[\s>]")
_PROLOG = re.compile(r"<(\?xml|!DOCTYPE|!--)")
_PUBTATOR = re.compile(r"[^|\s]+\|t\|")
_INLINE = re.compile(r"<([^\s/<>][^<>]*)>[^<>]+</\1>")
# Abstracts hold these; they are not types of entities.
_MARKUP = frozenset(
    ["a", "b", "br", "em", "h1", "h2", "i", "p", "span", "strong", "sub", "sup", "tt", "u"]
)
_HTML = re.compile(r"<(!doctype html|html|head|body|p|div)\b", re.IGNORECASE)
_KEY = re.compile(r'"(\w+)"\s*:')
_COLLECTION_KEYS = frozenset(["documents", "PubTator3", "passages", "bioctype"])
_TEXT_KEYS = frozenset(["text", "data"])
# What stands on a line of its own in files of tokens.
_NO_ROW = re.compile(r"-DOCSTART-|###\S|#(?=[^\t]*$)")


@see("corpora.md#formats")
def recognise(source: Source) -> Format:
    """Recognise the format of a file, or of the files of a folder.

    source (Source): The file; it can still be read from its beginning.
    RETURNS (Format): The format, one that can be read.
    RAISES (InputError): The format cannot be told; the message says what to give for --from. Or the
        file cannot be read.
    """
    if source.path != STANDARD_INPUT and source.path.is_dir():
        return _recognise_folder(source.path)
    if _ANNOTATIONS_NAME.search(source.path.name) or _is_text_of_brat(source.path):
        return FORMATS["brat"]
    try:
        return _recognise_content(str(source), source.head())
    except InputError:
        source.close()
        raise


def _recognise_folder(folder: Path) -> Format:
    """Recognise what its files have in common."""
    suffixes = {
        suffix.lower() for each in FORMATS.values() if each.reader for suffix in each.suffixes
    }
    files = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        bare = Path(path.name.lower().removesuffix(_COMPRESSED))
        is_ours = is_report(folder, path.relative_to(folder).as_posix())
        if not hidden and not is_ours and bare.suffix in suffixes and path.is_file():
            files.append(path)
    if not files:
        raise InputError(
            f"{folder}: no file in this folder has the name of a format that can be read "
            f"({', '.join(sorted(suffixes))}); give --from"
        )
    found: dict[str, Path] = {}
    looked_at = files[:LOOKED_AT]
    if any(map(_is_text_of_brat, looked_at)):
        # Texts that have no annotations yet may stand beside those that have.
        found["brat"] = looked_at[0]
        looked_at = [path for path in looked_at if not _TEXT_NAME.search(path.name)]
    for path in looked_at:
        source = Source(path)
        found.setdefault(recognise(source).name, path)
        source.close()
    if len(found) > 1:
        what = ", ".join(f"{path} like {name}" for name, path in found.items())
        raise InputError(
            f"{folder}: its files are of several formats ({what}); give --from, or a folder with "
            "files of one format"
        )
    return FORMATS[next(iter(found))]


def _is_text_of_brat(path: Path) -> bool:
    name = _TEXT_NAME.search(path.name)
    if not name:
        return False
    stem = path.name[: name.start()]
    return any(path.with_name(stem + suffix).exists() for suffix in (".ann", ".ann.gz"))


def _recognise_content(name: str, head: bytes) -> Format:
    text = _decode(name, head)
    if not text.strip():
        named = [each for each in FORMATS.values() if each.reader and each.reads(name)]
        if len(named) == 1:
            return named[0]
        raise InputError(f"{name}: nothing in this file tells its format; give --from")
    for look in (_look_at_xml, _look_at_json, _look_at_lines):
        found = look(name, text, len(head) < HEAD_SIZE)
        if found:
            return FORMATS[found]
    raise InputError(
        f"{name}: this looks like prose, and a file of prose may be one document or many; to "
        "annotate it, give --from lines (a document a line) or --from text (a document a file). It "
        "has no mentions to learn, score or count"
    )


def _decode(name: str, head: bytes) -> str:
    encoding = find_wide_encoding(head)
    text = head.decode(encoding or "utf-8", errors="replace").removeprefix(BYTE_ORDER_MARK)
    if encoding and not _PROLOG.match(text):
        refuse_wide_encoding(name, head)
    return text


def _look_at_xml(name: str, text: str, is_all: bool) -> str:
    text = text.lstrip()
    if _HTML.match(text):
        raise InputError(
            f"{name}: this looks like HTML, which is not read; save its text and give --from text"
        )
    has_prolog = _PROLOG.match(text)
    root = _ROOT.search(text) if has_prolog else _ROOT.match(text)
    if root:
        return _ROOTS[root[1]]
    if has_prolog:
        raise InputError(
            f"{name}: this looks like XML, but neither like BioC's nor like PubMed's; give --from "
            "if it is one of them"
        )
    return ""


def _look_at_json(name: str, text: str, is_all: bool) -> str:
    if text.lstrip()[0] not in "{[":
        return ""
    first = text.lstrip().split("\n", maxsplit=1)[0]
    value = None
    with suppress(ValueError, RecursionError):
        value = json.loads(first)
    if isinstance(value, dict):
        keys = set(value)
    elif value is None and _KEY.search(text):
        # A value that goes on over many lines, or is longer than what is looked at.
        keys = set(_KEY.findall(text))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        keys = set(value[0]) - _TEXT_KEYS
    else:
        return ""
    if keys & _COLLECTION_KEYS:
        return "bioc-json"
    if keys & _TEXT_KEYS and (isinstance(value, dict) or not (is_all or "\n" in text)):
        return "jsonl"
    raise InputError(
        f"{name}: this looks like JSON, but neither like BioC nor like an object with a text on "
        "each line; give --from jsonl or --from bioc-json if it is one of them"
    )


def _look_at_lines(name: str, text: str, is_all: bool) -> str:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if not is_all and len(lines) > 1:
        # Cut off somewhere
        lines.pop()
    filled = [line for line in lines if line.strip()]
    if _PUBTATOR.match(filled[0]):
        return "pubtator"
    if any(match[1] not in _MARKUP for match in _INLINE.finditer(text)):
        return "inline"
    rows = [line for line in filled if not _NO_ROW.match(line)]
    return "conll" if _are_columns(rows) else ""


def _are_columns(rows: list[str]) -> bool:
    """Check for columns of tokens: tabs, tags at the end of most lines, or single words."""
    columns = list(_split(rows))
    if not columns:
        # Nothing but beginnings of documents
        return True
    if all(len(row) == 1 for row in columns):
        return len(columns) > 1
    tagged = sum(len(row) > 1 and is_like_a_tag(row[-1]) for row in columns)
    after_tab = sum("\t" in line and is_like_a_tag(line.split("\t")[-1].strip()) for line in rows)
    tabbed = sum(
        "\t" in line and not any(" " in column.strip() for column in row[1:])
        for line, row in zip(rows, columns, strict=True)
    )
    return 2 * max(tagged, tabbed) > len(columns) or 4 * after_tab > len(columns)


def _split(rows: list[str]) -> Iterator[list[str]]:
    for row in rows:
        yield row.rstrip().split("\t") if "\t" in row else row.split()
