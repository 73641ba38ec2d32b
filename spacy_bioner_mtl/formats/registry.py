"""The formats that are read and written, by the names that the command line takes.

Readers and writers are named, not imported: most commands need one of them, and some need libraries
that take long to import or are not installed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.record import ReadRecord, Record

#: Turns records into the pieces of one text file.
Writer = Callable[[Iterable[Record]], Iterator[str]]
#: Turns records into the pieces of one file that is no text.
BytesWriter = Callable[[Iterable[Record]], Iterator[bytes]]
#: Turns records into files of a folder: name and content of each.
FolderWriter = Callable[[Iterable[Record]], Iterator[tuple[str, str]]]


class Reader(Protocol):
    """Reads a file (Path("-") for standard input) document by document, in bounded memory.

    Its own annotations are read only if gold is true: for those who want the text alone no
    annotation can be wrong. A document that is malformed comes as a BadRecord; InputError ends the
    file.
    """

    def __call__(self, source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
        """Read."""


@dataclass(frozen=True)
class Format:
    """A format of annotated text.

    name (str): Its name on the command line.
    description (str): What it is, in half a line.
    suffixes (tuple[str, ...]): How names of its files end, that of written files first. In a folder
        these are read, compressed with gzip (.gz) as well.
    reader (str): "module:function" of a Reader, module relative to this package; empty for none.
    writer (str): Of a Writer, a BytesWriter or a FolderWriter; empty for none.
    folder (bool): Whether it writes a folder of files, not one file.
    binary (bool): Whether what it writes is no text.
    table (bool): Whether it is a table of mentions, which always tells their probabilities.
    overlaps (bool): Whether mentions of several heads, which overlap, can be written.
    gold (bool): Whether what is read may have mentions, to learn or to score.
    sentences (bool): Whether it is read sentence by sentence, from columns of tokens and tags.
    companions (tuple[str, ...]): How names of files end that are read with those of the format.
    page (str): The paragraph of docs that says how it is read.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    reader: str = ""
    writer: str = ""
    folder: bool = False
    binary: bool = False
    table: bool = False
    overlaps: bool = True
    gold: bool = True
    sentences: bool = False
    companions: tuple[str, ...] = ()
    page: str = "annotation.md#formats"

    def reads(self, name: str) -> bool:
        """Check whether a file's name is one of this format.

        name (str): The name, with or without ".gz".
        RETURNS (bool): Whether it ends like one.
        """
        bare = name.lower().removesuffix(".gz")
        return bare.endswith(tuple(suffix.lower() for suffix in self.suffixes))

    def load_reader(self, *, word_column: int | None = None, label: str | None = None) -> Reader:
        """Import the reader.

        word_column (int | None): The column of the token, from 1, in formats of columns; None
            leaves that to the reader.
        label (str | None): The entity type of tags without a type, in formats with tags.
        RETURNS (Reader): The reader.
        RAISES (InputError): If a library is missing, or the format has no columns.
        """
        reader = _load(self.reader)
        if self.sentences:
            reader = partial(reader, word_column=word_column, label=label)
        elif word_column is not None:
            raise InputError(f"--word-column is for files of columns; {self.name} has none")
        return cast(Reader, partial(_read, reader, self.page))

    def load_writer(self) -> Writer:
        """Import the writer of a format that writes one file.

        RETURNS (Writer): The writer.
        RAISES (InputError): If a library is missing.
        """
        return cast(Writer, _load(self.writer))

    def load_bytes_writer(self) -> BytesWriter:
        """Import the writer of a format that writes one file that is no text.

        RETURNS (BytesWriter): The writer.
        RAISES (InputError): If a library is missing.
        """
        return cast(BytesWriter, _load(self.writer))

    def load_folder_writer(self) -> FolderWriter:
        """Import the writer of a format that writes a folder.

        RETURNS (FolderWriter): The writer.
        RAISES (InputError): If a library is missing.
        """
        return cast(FolderWriter, _load(self.writer))


def _read(
    reader: Reader, page: str, source: Path | Source, gold: bool = True
) -> Iterator[ReadRecord]:
    """Read; what ends the file tells where the format is described."""
    with see(page):
        yield from reader(source, gold)


def _load(name: str) -> Any:
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(f"spacy_bioner_mtl.{module}"), function)
    except ModuleNotFoundError as error:
        raise InputError(
            f"this format needs the package {error.name!r}: pip install 'spacy_bioner_mtl[formats]'"
        ) from error


_ALL = [
    Format(
        "conll",
        "a token a line, a blank line between sentences; written with IOBES labels",
        (".tsv", ".conll", ".iob", ".txt"),
        "formats.conll:read_conll",
        "formats.tokens:write_label_columns",
        sentences=True,
        page="corpora.md#files-of-tokens-conll",
    ),
    Format(
        "inline",
        "<Type> … </Type> around entities",
        (".txt",),
        "formats.inline:read_inline",
        "formats.inline:write_inline",
        overlaps=False,
        page="corpora.md#tags-in-the-text-inline",
    ),
    Format("text", "a file is a document", (".txt",), "formats.text:read_text", gold=False),
    Format("lines", "a line is a document", (".txt",), "formats.text:read_text_lines", gold=False),
    Format(
        "jsonl",
        "a JSON object with text and spans a line (spaCy, Prodigy)",
        (".jsonl",),
        "formats.jsonl:read_jsonl",
        "formats.jsonl:write_jsonl",
        page="corpora.md#prodigy-jsonl",
    ),
    Format(
        "doccano",
        "a JSON object with text and label a line",
        (".jsonl",),
        "formats.jsonl:read_jsonl",
        "formats.jsonl:write_doccano",
        page="corpora.md#doccano-doccano",
    ),
    Format(
        "pubtator",
        "title, abstract, mentions with offsets",
        (".pubtator", ".PubTator", ".txt"),
        "formats.pubtator:read_pubtator",
        "formats.pubtator:write_pubtator",
        page="corpora.md#pubtator-pubtator",
    ),
    Format(
        "bioc-xml",
        "BioC as XML",
        (".xml",),
        "formats.bioc_xml:read_bioc_xml",
        "formats.bioc_xml:write_bioc_xml",
        page="corpora.md#bioc-bioc-xml-and-bioc-json",
    ),
    Format(
        "bioc-json",
        "BioC as JSON",
        (".json",),
        "formats.bioc_json:read_bioc_json",
        "formats.bioc_json:write_bioc_json",
        page="corpora.md#bioc-bioc-xml-and-bioc-json",
    ),
    Format(
        "brat",
        "a text file and an annotation file for each document",
        (".txt",),
        "formats.brat:read_brat",
        "formats.brat:write_brat",
        folder=True,
        companions=(".ann",),
        page="corpora.md#brat-brat",
    ),
    Format(
        "pubmed",
        "PubMed's XML, baseline or update",
        (".xml",),
        "formats.pubmed:read_pubmed",
        gold=False,
    ),
    Format(
        "csv",
        "a row for each mention, for a spreadsheet",
        (".csv",),
        writer="formats.table:write_csv",
        table=True,
    ),
    Format(
        "tsv",
        "the same with tabs, for programs",
        (".tsv",),
        writer="formats.table:write_tsv",
        table=True,
    ),
    Format(
        "parquet",
        "the same as Parquet, for data frames",
        (".parquet",),
        writer="formats.parquet:write_parquet",
        binary=True,
        table=True,
    ),
    Format(
        "html",
        "a page with entities in colour",
        (".html",),
        writer="formats.html:write_html",
        overlaps=False,
    ),
]
#: All formats by name.
FORMATS = {each.name: each for each in _ALL}


@see("annotation.md#formats")
def find_format(name: str, *, to_read: bool) -> Format:
    """Find a format.

    name (str): Its name.
    to_read (bool): Whether it is to be read, or written.
    RETURNS (Format): The format.
    RAISES (InputError): If there is none of that name, or it cannot be read or written.
    """
    known = [each.name for each in _ALL if (each.reader if to_read else each.writer)]
    if name not in known:
        option = "--from" if to_read else "--to"
        raise InputError(f"unknown format {name!r}; {option} takes {', '.join(known)}")
    return FORMATS[name]


def format_for(out: Path) -> str:
    """Tell in which format a file is to be written that nobody named one for.

    out (Path): The file, or a folder.
    RETURNS (str): The name of the first format whose files end so; else "conll".
    """
    written = [each for each in _ALL if each.writer and not each.folder]
    return next((each.name for each in written if each.reads(out.name)), "conll")


@see("corpora.md#formats")
def find_gold_format(name: str) -> Format:
    """Find a format whose documents may have mentions.

    name (str): Its name.
    RETURNS (Format): The format.
    RAISES (InputError): If there is none of that name, or it holds texts alone.
    """
    known = [each.name for each in _ALL if each.reader and each.gold]
    if name not in known:
        known_without = name in FORMATS
        what = f"{name} holds no mentions" if known_without else f"unknown format {name!r}"
        raise InputError(f"{what}; --from takes {', '.join(known)}")
    return FORMATS[name]
