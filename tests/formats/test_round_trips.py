"""Published corpora through every format that is read and written, and back."""

import re
from html import unescape

import pytest
from real_data import CORPORA, PUBTATOR, marks
from spacy.util import filter_spans
from tagged import read_strictly, words_of

from spacy_bioner_mtl.formats.conll import read_conll
from spacy_bioner_mtl.formats.pubtator import read_pubtator
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, Record, strict
from spacy_bioner_mtl.formats.registry import FORMATS

TEXTS = ["BC5CDR_Test", "NCBIdisease_Test"]

pytestmark = marks(CORPORA, PUBTATOR)


def spans(record):
    """What every format keeps of the mentions of a record with one head."""
    return sorted((each.start, each.end, each.label) for each in record.mentions[SOURCE_HEAD])


def longest(record):
    """The record with mentions that do not overlap, for formats in which they cannot."""
    kept = filter_spans(record.mentions[SOURCE_HEAD])
    return Record(record.id, record.text, {SOURCE_HEAD: kept})


def through(name, records, tmp_path):
    """Write and read."""
    path = tmp_path / "file"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(FORMATS[name].load_writer()(records))
    return list(strict(FORMATS[name].load_reader()(path)))


@pytest.mark.parametrize("corpus", TEXTS)
@pytest.mark.parametrize("name", ["jsonl", "doccano", "inline", "pubtator"])
def test_texts_and_mentions_come_back(tmp_path, name, corpus):
    records = list(read_pubtator(PUBTATOR / f"{corpus}.PubTator"))
    if not FORMATS[name].overlaps:
        records = [longest(record) for record in records]
    again = through(name, records, tmp_path)
    assert [record.text for record in again] == [record.text for record in records]
    # A mention that is annotated twice is one in PubTator.
    assert [set(spans(record)) for record in again] == [set(spans(record)) for record in records]
    assert sum(len(record.mentions[SOURCE_HEAD]) for record in again) >= 900


@pytest.mark.parametrize("corpus", TEXTS)
def test_a_page_shows_the_texts(tmp_path, corpus):
    records = list(read_pubtator(PUBTATOR / f"{corpus}.PubTator"))
    records = [longest(record) for record in records]
    page = "".join(FORMATS["html"].load_writer()(records))
    shown = unescape(re.sub(r"<[^>]*>", "", re.sub("</?br ?/?>", "\n", page)))
    position = 0
    for record in records:
        position = shown.index(record.text, position) + len(record.text)
    assert page.count("<mark") == sum(len(record.mentions[SOURCE_HEAD]) for record in records)


@pytest.mark.parametrize("corpus", ["BC2GM-IOBES", "BC5CDR-IOBES", "NCBI-disease-IOBES", "JNLPBA"])
def test_tokens_and_labels_come_back(tmp_path, corpus):
    records = list(read_conll(CORPORA / corpus / "test.tsv"))
    path = tmp_path / "again.tsv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(FORMATS["conll"].load_writer()(records))
    again = read_strictly(path)
    assert [each.words for each in again] == [each.words for each in records]
    assert [each.mentions for each in again] == [each.mentions for each in records]
    words = [words_of(each) for each in FORMATS["conll"].load_reader()(path, gold=False)]
    assert words == [words_of(each) for each in records]
