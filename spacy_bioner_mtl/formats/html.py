"""A page to read: texts with their entities in colour, drawn by displaCy."""

from collections.abc import Iterable, Iterator
from html import escape

from spacy.displacy.render import EntityRenderer

from spacy_bioner_mtl.formats.colors import COLORS
from spacy_bioner_mtl.formats.record import Record, flat_mentions

# White space is shown as it is in the text.
_HEADER = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<title>Entities</title>
<style>
body { font-family: sans-serif; margin: 3rem auto; max-width: 60rem; padding: 0 1rem; }
figure { margin: 0 0 3rem; }
"""
_FOOTER = "</body>\n</html>\n"
# displaCy's own template puts line breaks and the label between the characters of the text, which
# then can be neither shown with its own white space nor copied.
_ENTITY = '<mark class="entity" data-label="{label}" style="background: {bg}">{text}</mark>'


#: Styles of what render_record makes.
STYLES = """
.entities { white-space: pre-wrap; overflow-wrap: break-word; }
.entity { border-radius: 0.35em; color: black; padding: 0.3em 0.4em; }
.entity::after { content: attr(data-label); font-size: 0.75em; font-weight: bold;
  margin-left: 0.5em; }
"""


def write_html(records: Iterable[Record]) -> Iterator[str]:
    """Write one page, a figure for each record with its identifier as the heading.

    records (Iterable[Record]): The records, each annotated for one head at most.
    YIELDS (str): The pieces of the page.
    RAISES (ValueError): If a record has several heads, or mentions that overlap.
    """
    yield f"{_HEADER}{STYLES}</style>\n</head>\n<body>\n"
    for record in records:
        yield f"<figure>{render_record(record)}</figure>\n"
    yield _FOOTER


def render_record(record: Record) -> str:
    """Draw a text with its entities in colour.

    record (Record): The record, annotated for one head at most.
    RETURNS (str): HTML, with its identifier as the heading.
    RAISES (ValueError): If there are several heads, or mentions overlap.
    """
    entities = [
        {"start": one.start, "end": one.end, "label": escape(one.label)}
        for one in flat_mentions(record)
    ]
    title = escape(record.id) or None
    renderer = EntityRenderer({"colors": COLORS, "template": _ENTITY})
    block: str = renderer.render([{"text": record.text, "ents": entities, "title": title}])
    # A parser of HTML takes a carriage return for a line break unless it is written like this.
    return block.replace(chr(13), "&#13;")
