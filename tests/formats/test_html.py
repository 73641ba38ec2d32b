"""The page shows the text itself, entities marked."""

from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.formats.colors import COLORS
from spacy_bioner_mtl.formats.html import write_html
from spacy_bioner_mtl.formats.record import Mention, Record

#: Characters that HTML can hold; a parser of HTML replaces NUL.
TEXTS = st.text(
    st.sampled_from('a <b>&"\n\r\t;amp\u2028{}') | st.characters(exclude_categories=["Cs", "Cc"])
)


class Page(HTMLParser):
    """Headings, texts and entities of a page, by figure."""

    def __init__(self, page):
        super().__init__()
        self.figures = []
        self.open = []
        # As a browser does before anything else.
        self.feed(page.replace("\r\n", "\n").replace("\r", "\n"))
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag == "figure":
            self.figures.append({"heading": "", "text": "", "entities": []})
        elif tag == "br":
            self.figures[-1]["text"] += "\n"
            return
        elif tag == "mark":
            mark = dict(attributes)
            begin = len(self.figures[-1]["text"])
            self.figures[-1]["entities"].append([begin, begin, mark["data-label"], mark["style"]])
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "mark":
            self.figures[-1]["entities"][-1][1] = len(self.figures[-1]["text"])

    def handle_data(self, data):
        if "div" in self.open:
            self.figures[-1]["text"] += data
        elif "h2" in self.open:
            self.figures[-1]["heading"] += data


@st.composite
def records(draw):
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    labels = st.sampled_from(["Disease", "A&B", '"x"', "<b>", "{text}"])
    mentions = [Mention(start, end, draw(labels)) for start, end in pairwise(cuts)]
    return Record(draw(TEXTS.filter(lambda one: "\r" not in one)), text, {"H": mentions})


@given(st.lists(records(), max_size=3))
@settings(deadline=None)
def test_texts_and_entities_are_on_the_page(given_records):
    page = Page("".join(write_html(given_records)))
    assert page.open == []
    assert [(figure["heading"], figure["text"]) for figure in page.figures] == [
        (record.id, record.text) for record in given_records
    ]
    assert [[tuple(one[:3]) for one in figure["entities"]] for figure in page.figures] == [
        [(one.start, one.end, one.label) for one in record.mentions["H"]]
        for record in given_records
    ]


def test_colours_and_records_without_mentions():
    records = [Record("7", "a"), Record("", "Zinc", {"H": [Mention(0, 4, "Chemical")]})]
    first, second = Page("".join(write_html(records))).figures
    assert first == {"heading": "7", "text": "a", "entities": []}
    assert second["heading"] == ""
    assert COLORS["Chemical"] in second["entities"][0][3]


def test_the_page_is_streamed():
    def endless():
        while True:
            yield Record("7", "abc")

    pieces = write_html(endless())
    assert next(pieces).startswith("<!DOCTYPE html>")
    assert "abc" in next(pieces)


@pytest.mark.parametrize(
    ("mentions", "message"),
    [
        ({"one": [], "two": []}, "record '7': mentions of several heads"),
        ({"H": [Mention(1, 3, "X"), Mention(0, 2, "Y")]}, "record '7': mention 1-3 overlaps"),
    ],
)
def test_records_that_cannot_be_written(mentions, message):
    with pytest.raises(ValueError, match=message):
        list(write_html([Record("7", "abc", mentions)]))
