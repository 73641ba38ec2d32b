"""BioC as XML. What is kept of a document is said in formats/bioc.py."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

from bioc import BioCDocument, biocxml
from bioc.biocxml.encoder import encode_document
from lxml import etree

from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.bioc import SOURCE, make_document, read_document
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record
from spacy_bioner_mtl.formats.xml_stream import Element, find_entity, find_line, iter_elements

_HEADER = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection>
<source>{SOURCE}</source>
<date></date>
<key></key>
"""
_FOOTER = "</collection>\n"
_PARTS = ("document", "passage", "sentence", "annotation", "relation")
_TAGS = frozenset([*_PARTS, "id", "infon", "offset", "text", "location", "node"])
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_bioc_xml(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a collection, one document at a time, in bounded memory.

    source (Path | Source): The file, or standard input.
    gold (bool): Whether to read the annotations.
    YIELDS (ReadRecord): The documents. One whose annotations do not fit its text, or with
        references to entities that XML itself does not know, is a BadRecord.
    RAISES (InputError): If the file is malformed or no BioC; documents before that come first.
    """
    for element in iter_elements(source, ("collection",), ("document",)):
        if isinstance(element, BadRecord):
            yield element
            continue
        identifier = element.findtext("id") or ""
        where = f"{source}:{find_line(element)}"
        malformed = _tidy(element, gold)
        yield read_document(_decode, element, identifier, where, malformed=malformed, gold=gold)


def write_bioc_xml(records: Iterable[Record]) -> Iterator[str]:
    """Write records as one collection.

    records (Iterable[Record]): The records.
    RETURNS (Iterator[str]): The head of the file, a piece for each record, the end of the file. It
        raises ValueError in place of a record that holds characters that XML cannot, or whose
        offsets are wrong, and goes on with the next.
    """
    return chain([_HEADER], map(_write_document, records), [_FOOTER])


def _tidy(document: Element, gold: bool) -> list[str]:
    """Take out what is not read, or what the library cannot decode, and tell about the latter."""
    for text in document.iter("text"):
        # Markup inside of a text, such as <sup>; entities stay, and are refused later.
        etree.strip_tags(text, "*")
    for infon in list(document.iter("infon")):
        if "key" not in infon.attrib and infon.getparent().tag != "annotation":
            infon.getparent().remove(infon)
    _add_offsets(document, ("passage", "sentence"), 0)
    malformed = []
    for each in list(document.iter("relation", "annotation")):
        fault = _find_fault(each) if gold and each.tag == "annotation" else ""
        if fault:
            malformed.append(f"annotation {each.get('id', '')!r} {fault}")
        if fault or not gold or each.tag == "relation":
            each.getparent().remove(each)
        elif "id" not in each.attrib:
            each.set("id", "")
    return malformed


def _add_offsets(parent: Element, tags: tuple[str, ...], after: int) -> None:
    """Give passages, and the sentences in them, that lack an offset that of their place."""
    for part in parent.iterchildren(tags[0]):
        offset = part.find("offset")
        if offset is None:
            offset = etree.SubElement(part, "offset")
            part.insert(0, offset)
        try:
            after = int(offset.text or "")
        except ValueError:
            offset.text = str(after)
        if len(tags) > 1:
            _add_offsets(part, tags[1:], after)
        after += len(part.findtext("text") or "") + 1


def _find_fault(annotation: Element) -> str:
    entity = find_entity(annotation)
    if entity:
        return f"refers to the entity {entity}"
    if any("key" not in infon.attrib for infon in annotation.iterfind("infon")):
        return "has an infon without a key"
    for location in annotation.iterfind("location"):
        for name in ("offset", "length"):
            try:
                int(location.get(name, ""))
            except ValueError:
                return f"has a location whose {name} is no whole number"
    return ""


def _decode(element: Element) -> BioCDocument:
    entity = find_entity(element)
    if entity:
        raise ValueError(f"it refers to the entity {entity}; write the character itself")
    _check_texts(element)
    # The library's own stream of documents keeps all of the file in memory.
    document = etree.tostring(element, encoding="unicode", with_tail=False)
    return biocxml.loads(f"<collection>{document}</collection>").documents[0]


def _check_texts(document: Element) -> None:
    """Refuse a document of which not all text would be read."""
    found = False
    for text in document.iter(etree.Element):
        inside = _list_parents(text, document)
        if str(text.tag).lower() != "text" or "annotation" in inside:
            continue
        parent = text.getparent()
        if text.tag != "text" or inside not in (["passage"], ["sentence", "passage"]):
            path = "".join(f"<{tag}>" for tag in (*reversed(inside), text.tag))
            raise ValueError(
                f"its text in {path} is not where BioC has texts; write <passage><text>"
            )
        if parent.find("text") is not text:
            raise ValueError(f"a second <text> in one <{parent.tag}>; give each one of its own")
        found = True
    unknown = next((each for each in document.iter(etree.Element) if _is_foreign(each)), None)
    if document.find("passage") is None or (not found and unknown is not None):
        raise ValueError("no passage with a text in it; write <passage><text>")


def _list_parents(element: Element, document: Element) -> list[str]:
    parents = takewhile(lambda each: each is not document, element.iterancestors())
    return [str(each.tag) for each in parents]


def _is_foreign(element: Element) -> bool:
    return element.tag not in _TAGS and bool("".join(element.itertext()).strip())


def _write_document(record: Record) -> str:
    document = make_document(record)
    for part in (document, *document.passages):
        part.infons = {key: _to_text(value) for key, value in part.infons.items()}
    try:
        element = encode_document(document)
    except ValueError:
        found = _NO_XML.search(record.text)
        where = f" (U+{ord(found[0]):04X} at {found.start()} of its text)" if found else ""
        raise ValueError(
            f"record {record.id!r}: it holds characters that XML cannot{where}; remove them, or "
            "write a format that is not XML"
        ) from None
    return str(etree.tostring(element, encoding="unicode", pretty_print=True))


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
