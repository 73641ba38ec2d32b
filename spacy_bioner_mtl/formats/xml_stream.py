"""XML files that hold one element per document, read element by element in bounded memory."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lxml import etree

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import Source, open_source

_CHUNK = 65_536
_HIGHEST_LINE = 65_535
#: An element of lxml, which comes without types.
Element = Any


def iter_elements(
    source: Path | Source, roots: tuple[str, ...], tags: tuple[str, ...]
) -> Iterator[Element]:
    """Read the children of the root that have certain tags, each of them until the next is read.

    Nothing outside of the file is loaded, and no entity is replaced by what the file declares for
    it. Comments and processing instructions are left out.

    source (Path | Source): The file, or standard input.
    roots (tuple[str, ...]): What the tag of the root may be.
    tags (tuple[str, ...]): The tags of the children.
    YIELDS (Element): The children. What was read before is gone when the next is asked for.
    RAISES (InputError): The file cannot be read, has another root, or is malformed or cut off; the
        last only after all children before that place.
    """
    parser = _make_parser("end", tags)
    scout = _make_parser("start", None)
    root = None
    with open_source(source) as file:
        try:
            while chunk := file.read(_CHUNK):
                if root is None:
                    root = _find_root(scout, chunk)
                    if root is not None and root not in roots:
                        raise InputError(
                            f"{source}: the root of this XML file is {root!r} where "
                            f"{' or '.join(map(repr, roots))} is needed; check the format"
                        )
                parser.feed(chunk)
                yield from _take_children(parser)
            parser.close()
        except etree.XMLSyntaxError as error:
            yield from _take_children(parser)
            raise InputError(
                f"{source}:{error.lineno or 1}: malformed or cut off XML ({error.msg}); repair the "
                "file or copy it again"
            ) from None


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


def _make_parser(event: str, tags: tuple[str, ...] | None) -> Any:
    return etree.XMLPullParser(
        events=(event,),
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


def _take_children(parser: Any) -> Iterator[Element]:
    for _, element in parser.read_events():
        parent = element.getparent()
        if parent is None or parent.getparent() is not None:
            continue
        yield element
        element.clear()
        while element.getprevious() is not None:
            del parent[0]
