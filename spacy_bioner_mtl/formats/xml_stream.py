"""XML files that hold one element per document, read element by element in bounded memory."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from lxml import etree

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source, open_source
from spacy_bioner_mtl.formats.limits import LARGEST_XML_RECORD, over
from spacy_bioner_mtl.formats.record import BadRecord
from spacy_bioner_mtl.formats.xml_prolog import name_dtd

_CHUNK = 65_536
_HIGHEST_LINE = 65_535
_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
#: An element of lxml, which comes without types.
Element = Any


def iter_elements(
    source: Path | Source, roots: tuple[str, ...], tags: tuple[str, ...]
) -> Iterator[Element | BadRecord]:
    """Read the children of the root that have certain tags, each of them until the next is read.

    Nothing outside of the file is loaded, and no entity is replaced by what the file declares for
    it. Comments and processing instructions are left out. Memory is bounded, whatever the file
    holds besides.

    source (Path | Source): The file, or standard input.
    roots (tuple[str, ...]): What the tag of the root may be.
    tags (tuple[str, ...]): The tags of the children.
    YIELDS (Element | BadRecord): The children. What was read before is gone when the next is asked
        for. One larger than LARGEST_XML_RECORD is a BadRecord, as is one that stands deeper.
    RAISES (InputError): The file cannot be read, has another root, or is malformed or cut off; the
        last only after all children before that place.
    """
    with open_source(source) as file:
        rest = iter(lambda: file.read(_CHUNK), b"")
        chunks = _Chunks(chain([name_dtd(file.read(_CHUNK))], rest), str(source), roots)
        events = etree.iterparse(chunks, ("start", "end"), tag=(*roots, *tags), **_OPTIONS)
        try:
            for event, element in events:
                if chunks.root is None:
                    chunks.root = element
                parent = element.getparent()
                # The root has no parent, nor has what an entity is declared as. Another one inside
                # of it is no record, nor are those in it.
                if (
                    event == "start"
                    or parent is None
                    or element.tag not in tags
                    or _is_in_record(element, tags)
                ):
                    continue
                fault = ""
                if parent is not chunks.root:
                    fault = (
                        f"a {element.tag!r} inside of {parent.tag!r}, where it has to stand "
                        f"directly in {chunks.root.tag!r}; take it out of there"
                    )
                elif element is chunks.last and chunks.size > LARGEST_XML_RECORD:
                    limit = over("LARGEST_XML_RECORD", LARGEST_XML_RECORD)
                    fault = f"{limit} in one record; divide it"
                place = f"{source}:{find_line(element)}"
                yield BadRecord("", f"{place}: {fault}") if fault else element
                element.clear()
        except etree.XMLSyntaxError as error:
            # What it says of comments holds the beginning of the comment, line breaks included.
            what = " ".join((error.msg or "").split())
            raise InputError(
                f"{source}:{error.lineno or 1}: malformed or cut off XML ({what}); repair the file "
                "or copy it again"
            ) from None


def _is_in_record(element: Element, tags: tuple[str, ...]) -> bool:
    return next(element.iterancestors(*tags), None) is not None


class _Chunks:
    """A file that lxml reads in chunks. Before each, what was read is taken out of the tree.

    chunks (Iterator[bytes]): The chunks.
    name (str): The name of the file, for messages.
    roots (tuple[str, ...]): What the tag of the root may be.
    """

    def __init__(self, chunks: Iterator[bytes], name: str, roots: tuple[str, ...]) -> None:
        """Read nothing yet."""
        self._chunks = chunks
        self._name = name
        self._roots = roots
        # Looks ahead for the root, so that a large file of another kind is refused at once.
        self._scout = etree.XMLPullParser(("start",), **_OPTIONS)
        self.root: Element = None
        # The child that is being read, and how many bytes of it were.
        self.last: Element = None
        self.size = 0

    def read(self, _: int) -> bytes:
        """Read the next chunk."""
        chunk = next(self._chunks, b"")
        if self.root is None:
            self._check_root(chunk)
        elif len(self.root):
            self._prune(len(chunk))
        return chunk

    def _check_root(self, chunk: bytes) -> None:
        with suppress(etree.XMLSyntaxError):
            self._scout.feed(chunk)
        _, root = next(self._scout.read_events(), (None, None))
        if root is not None and root.tag not in self._roots:
            raise InputError(
                f"{self._name}: the root of this XML file is {root.tag!r} where "
                f"{' or '.join(map(repr, self._roots))} is needed; check the format"
            )

    def _prune(self, size: int) -> None:
        del self.root[:-1]
        last = self.root[-1]
        self.size = self.size + size if last is self.last else 0
        self.last = last
        while self.size > LARGEST_XML_RECORD and len(last):
            del last[:-1]
            last = last[-1]


def find_entity(element: Element) -> str | None:
    """Find a reference to an entity, for which nothing stands in the text.

    element (Element): The element.
    RETURNS (str | None): The first, such as "&alpha;"; None if there is none.
    """
    entity = next(element.iter(etree.Entity), None)
    return None if entity is None else str(entity.text)


def find_line(element: Element) -> int:
    """Find the line of the file on which an element begins, or one of the first inside of it.

    element (Element): The element.
    RETURNS (int): The number of the line, from 1.
    """
    # The parser keeps the line of elements in 16 bits, that of texts in more, and looks for a text
    # near the beginning.
    lines = (int(each.sourceline) for each in element.iter())
    return next((line for line in lines if line != _HIGHEST_LINE), _HIGHEST_LINE)
