"""XML files that hold one element per document, read element by element in bounded memory."""

from collections.abc import Iterator
from contextlib import suppress
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
    scout = _make_parser(("start",), None)
    found = None
    with open_source(source) as file:
        children = _Children(source, roots, tags)
        chunk = name_dtd(file.read(_CHUNK))
        try:
            while chunk:
                if found is None:
                    found = _find_root(scout, chunk)
                    if found is not None and found not in roots:
                        raise InputError(
                            f"{source}: the root of this XML file is {found!r} where "
                            f"{' or '.join(map(repr, roots))} is needed; check the format"
                        )
                yield from children.feed(chunk)
                chunk = file.read(_CHUNK)
            children.close()
        except etree.XMLSyntaxError as error:
            yield from children.take()
            raise InputError(
                f"{source}:{error.lineno or 1}: malformed or cut off XML ({error.msg}); repair the "
                "file or copy it again"
            ) from None


class _Children:
    """The children of the root, one after the other."""

    def __init__(
        self, source: Path | Source, roots: tuple[str, ...], tags: tuple[str, ...]
    ) -> None:
        """Read nothing yet."""
        self._source = source
        self._tags = tags
        self._parser = _make_parser(("start", "end"), (*roots, *tags))
        self._root: Element = None
        # The child that is being read, and how many bytes of it were.
        self._last: Element = None
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Element | BadRecord]:
        """Read a piece of the file, and give the children that end in it."""
        self._parser.feed(chunk)
        yield from self.take()
        if self._root is None or not len(self._root):
            return
        # Children of other tags stay until here.
        del self._root[:-1]
        last = self._root[-1]
        self._size = self._size + len(chunk) if last is self._last else 0
        self._last = last
        while self._size > LARGEST_XML_RECORD and len(last):
            del last[:-1]
            last = last[-1]

    def take(self) -> Iterator[Element | BadRecord]:
        """Give the children that ended."""
        for event, element in self._parser.read_events():
            parent = element.getparent()
            if parent is None:
                self._root = element
            elif event == "end" and parent.getparent() is None:
                if element is self._last and self._size > LARGEST_XML_RECORD:
                    limit = over("LARGEST_XML_RECORD", LARGEST_XML_RECORD)
                    place = f"{self._source}:{find_line(element)}"
                    yield BadRecord("", f"{place}: {limit} in one record; divide it")
                else:
                    yield element
                self._drop(element)
            elif event == "end" and not self._is_in_record(element):
                place = f"{self._source}:{find_line(element)}"
                yield BadRecord(
                    "",
                    f"{place}: a {element.tag!r} inside of {parent.tag!r}, where it has to stand "
                    f"directly in {self._root.tag!r}; take it out of there",
                )
                self._drop(element)

    def _is_in_record(self, element: Element) -> bool:
        return any(each.tag in self._tags for each in element.iterancestors())

    def _drop(self, element: Element) -> None:
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]

    def close(self) -> None:
        """Check that the file ends where it should."""
        self._parser.close()


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


def _make_parser(events: tuple[str, ...], tags: tuple[str, ...] | None) -> Any:
    return etree.XMLPullParser(
        events=events,
        tag=tags,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _find_root(scout: Any, chunk: bytes) -> str | None:
    """Look ahead for the root, so that a large file of another kind is refused at once."""
    with suppress(etree.XMLSyntaxError):
        scout.feed(chunk)
    for _, element in scout.read_events():
        return str(element.tag)
    return None
