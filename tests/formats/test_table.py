"""Tables of mentions: a row for each, for spreadsheets, programs and data frames."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as arrow_parquet

from spacy_bioner_mtl.formats import parquet
from spacy_bioner_mtl.formats.parquet import write_parquet
from spacy_bioner_mtl.formats.record import Mention, Passage, Record, Word
from spacy_bioner_mtl.formats.table import Row, make_rows, write_csv, write_tsv

TEXT = "Gout\nAcute gout, or\tpodagra. It hurts: =SUM(A1)."


def make_record(identifier="7"):
    mentions = [
        Mention(0, 4, "Disease", 0.9731),
        Mention(5, 15, "Disease"),
        Mention(20, 27, "Disease", 0.5),
        Mention(39, 47, "Chemical"),
    ]
    words = [Word(0, 4), Word(5, 10), Word(11, 15), Word(29, 31), Word(39, 47)]
    passages = [Passage(0, 4, "title"), Passage(5, len(TEXT), "abstract")]
    return Record(
        identifier,
        TEXT,
        {"merged": mentions},
        words=words,
        sentence_starts=[0, 1, 3],
        passages=passages,
    )


def read_csv(pieces):
    content = "".join(pieces).encode()
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def read_parquet(pieces):
    return arrow_parquet.read_table(io.BytesIO(b"".join(pieces))).to_pylist()


def test_a_row_tells_where_a_mention_stands():
    first, second, third, fourth = make_rows(make_record())
    assert first == Row("7", "title", 0, 4, "Gout", "Disease", "", 0.9731, "Gout")
    assert (second.section, second.sentence) == ("abstract", "Acute gout, or podagra.")
    assert (third.text, third.probability) == ("podagra", 0.5)
    assert fourth.sentence == "It hurts: =SUM(A1)."


def test_without_words_or_passages_there_is_no_sentence_or_section():
    record = Record("", "Acute gout", {"Disease": [Mention(6, 10, "Disease")]})
    assert make_rows(record) == [Row("", "", 6, 10, "gout", "Disease", "Disease", None, "")]


def test_a_spreadsheet_gets_a_mark_and_no_formulas():
    content = "".join(write_csv([make_record("=1+1")]))
    assert content.startswith("\ufeffdocument,section,")
    rows = read_csv([content])
    assert rows[0] == list(Row._fields)
    assert [row[0] for row in rows[1:]] == ["'=1+1"] * 4
    assert rows[4][4] == "'=SUM(A1)"
    assert rows[1][7] == "0.9731"
    assert rows[2][7] == ""


@pytest.mark.parametrize("text", ["=A1", "+1", "-CH3", "@x", "\t=A1", "\r\n=A1"])
def test_no_cell_begins_like_a_formula(text):
    record = Record(text, text, {text: [Mention(0, len(text), text)]})
    (cells,) = read_csv(write_csv([record]))[1:]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert cells[4] == f"'{' '.join(text.split())}"


def test_programs_get_the_text_as_it_is():
    content = "".join(write_tsv([make_record("=1+1")]))
    lines = content.splitlines()
    assert lines[0].split("\t") == list(Row._fields)
    assert [line.split("\t")[0] for line in lines[1:]] == ["=1+1"] * 4
    assert lines[4].split("\t")[4] == "=SUM(A1)"


def test_nothing_found_is_a_header_alone():
    record = Record("7", TEXT, {"merged": []})
    assert read_csv(write_csv([record])) == [list(Row._fields)]
    assert "".join(write_tsv([])) == "\t".join(Row._fields) + "\n"
    assert read_parquet(write_parquet([])) == []


characters = "ab =+-@\"',;\t\r\n\x0b\x1c\u2028\ufeffé中😀"
texts = st.text(characters, min_size=1, max_size=30)


@st.composite
def records(draw):
    text = draw(texts)
    spans = draw(st.lists(st.tuples(*[st.integers(0, len(text))] * 2), max_size=5))
    label = st.text(characters, min_size=1, max_size=8)
    mentions = [
        Mention(start, end, draw(label), draw(st.none() | st.floats(0, 1)))
        for start, end in spans
        if start < end
    ]
    return Record(draw(texts), text, {draw(label): mentions})


@given(st.lists(records(), max_size=4))
def test_the_three_tables_say_the_same_of_any_text(given_records):
    rows = [row for record in given_records for row in make_rows(record)]
    frame = read_parquet(write_parquet(given_records))
    assert [Row(**values) for values in frame] == rows
    lines = "".join(write_tsv(given_records)).split("\n")
    assert lines.pop() == ""
    strings = [["" if value is None else str(value) for value in row] for row in rows]
    assert [line.split("\t") for line in lines[1:]] == strings
    for cells, wanted in zip(read_csv(write_csv(given_records))[1:], strings, strict=True):
        for cell, value in zip(cells, wanted, strict=True):
            assert cell == value or (cell == f"'{value}" and value[0] in "=+-@")
    for record in given_records:
        for row in make_rows(record):
            assert row.text == " ".join(record.text[row.start : row.end].split())


def test_parquet_is_written_piece_by_piece(monkeypatch):
    monkeypatch.setattr(parquet, "_ROWS_AT_ONCE", 5)
    given_records = [make_record(str(number)) for number in range(10)]
    pieces = list(write_parquet(given_records))
    assert len(pieces) == 6
    assert all(pieces)
    assert len(read_parquet(pieces)) == 40
