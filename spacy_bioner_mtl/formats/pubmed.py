"""PubMed's XML, as its baseline and update files and its search hold it.

The text of a record is its title, a line break, and its abstract as PubMed shows it: the sections
of a structured abstract stand on lines of their own, with their labels ("METHODS: We ...").

- Line breaks in the file, with the blanks and tabs around them, are one space. Other white space
  stays. Of markup inside the text, such as subscripts and formulas, the text remains.
- A title or abstract of nothing but a placeholder ("[Not Available].") counts as not there. Where
  there is no title, the text is the abstract alone.
- Left out are abstracts in other languages, titles in the language of the article, copyright,
  and sections without text. The label UNLABELLED is no label.
- Records that an update file deletes (DeleteCitation) are not documents and are passed over. Of a
  record that occurs in several versions, all are given, in the order of the file.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.record import BadRecord, Passage, ReadRecord, Record
from spacy_bioner_mtl.formats.xml_stream import Element, find_entity, find_line, iter_elements

_ROOTS = ("PubmedArticleSet", "PubmedBookArticleSet")
# Where a record holds its identifier, title and abstract, by its tag.
_PLACES = {
    "PubmedArticle": (
        "MedlineCitation/PMID",
        ("MedlineCitation/Article/ArticleTitle",),
        "MedlineCitation/Article/Abstract/AbstractText",
    ),
    "PubmedBookArticle": (
        "BookDocument/PMID",
        ("BookDocument/ArticleTitle", "BookDocument/Book/BookTitle"),
        "BookDocument/Abstract/AbstractText",
    ),
}
_PLACEHOLDERS = frozenset(["[not available]", "[in process citation]"])
_NO_LABEL = "UNLABELLED"
_LINE_BREAKS = re.compile("[\r\n]+")
_BLANKS = " \t"


def read_pubmed(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a file record by record, in bounded memory; records are not annotated for any head.

    source (Path | Source): The file, or standard input; compressed with gzip or not.
    gold (bool): Of no effect: there are no annotations.
    YIELDS (ReadRecord): The records, with their PMID as id. The title is a passage of kind "title",
        an abstract, or each of its sections, one of kind "abstract", with its label in
        meta["label"]. A record without a PMID or without text, or with references to entities that
        XML itself does not know, is a BadRecord.
    RAISES (InputError): If the file is malformed, cut off or not PubMed's; records before that come
        first.
    """
    for element in iter_elements(source, _ROOTS, tuple(_PLACES)):
        if isinstance(element, BadRecord):
            yield element
            continue
        yield _make_record(element, f"{source}:{find_line(element)}")


def _make_record(element: Element, where: str) -> ReadRecord:
    identifier_at, titles_at, sections_at = _PLACES[element.tag]
    identifier = " ".join((element.findtext(identifier_at) or "").split())
    if not identifier:
        return BadRecord("", f"{where}: a record without PMID; give it one")
    entity = find_entity(element)
    if entity:
        return BadRecord(
            identifier,
            f"{where}: record {identifier} refers to the entity {entity}; write the character "
            "itself",
        )
    title = next(filter(None, map(_get_text, map(element.find, titles_at))), "")
    parts = [("title", title, "")] if title else []
    for section in element.iterfind(sections_at):
        text = _get_text(section)
        if text:
            label = _tidy(section.get("Label", ""))
            parts.append(("abstract", text, "" if label == _NO_LABEL else label))
    if not parts:
        return BadRecord(
            identifier, f"{where}: record {identifier} has neither title nor abstract; leave it out"
        )
    lines: list[str] = []
    passages = []
    start = 0
    for kind, text, label in parts:
        line = f"{label}: {text}" if label else text
        passages.append(Passage(start, start + len(line), kind, {"label": label} if label else {}))
        lines.append(line)
        start += len(line) + 1
    return Record(identifier, "\n".join(lines), passages=passages)


def _get_text(element: Element | None) -> str:
    text = "" if element is None else _tidy("".join(element.itertext()))
    return "" if text.rstrip(".").lower() in _PLACEHOLDERS or text.isspace() else text


def _tidy(text: str) -> str:
    """Undo what the layout of the file put into a text."""
    lines = (line.strip(_BLANKS) for line in _LINE_BREAKS.split(text))
    return " ".join(filter(None, lines))
