"""What annotation answers: offsets that fit any text, scores, passages, in bounded memory."""

import dataclasses
import gc
import json
import weakref

import pytest
from annotating import annotate_file, rows_of, write_lines
from conftest import GOLD
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.annotate import Request, check_request, documents
from spacy_bioner_mtl.annotate.annotator import load_annotator
from spacy_bioner_mtl.annotate.documents import answer
from spacy_bioner_mtl.formats.record import BadRecord, Passage, Record, check_offsets
from spacy_bioner_mtl.formats.registry import FORMATS

HEADS = ["genes", "medicine"]
#: What is text to Python and hardly any program has seen, beside ordinary words.
ODD = ["e\u0301", "\u200b", "\ufeff", "\U0001f9ec", "\u0130", "\xa0", "\x85", "\u2028"]
PIECES = st.sampled_from(
    ["renal failure", "aspirin", "BRAC4", " ", "\n", "\r\n", "\t", ".", "<Disease>", "|t|", *ODD]
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.lists(PIECES, max_size=12).map("".join),
)


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


def test_scores_only_where_asked_for(model, tmp_path):
    source = write_lines(tmp_path / "a.txt", *(words for words, _ in GOLD))

    def answers(**options):
        request = Request(
            str(model), source, tmp_path / "o.jsonl", "lines", "jsonl", threads=1, **options
        )
        (shard,) = check_request(request).shards
        load_annotator(request).annotate(shard, lambda count: None)
        return [span for row in rows_of(tmp_path / "o.jsonl") for span in row["spans"]]

    for head in ("merged", "all", "genes"):
        without, having = answers(head=head), answers(head=head, scores=True)
        assert all(0 < span["score"] <= 1 for span in having)
        assert without and without == [
            {key: value for key, value in span.items() if key != "score"} for span in having
        ]


def test_one_head_alone_asks_no_other(model, tmp_path):
    request = Request(str(model), tmp_path, tmp_path / "out", head="genes")
    nlp = load_annotator(request).nlp
    assert list(nlp("TKR2 protects from renal failure .").spans) == ["genes"]


def test_heads_that_are_switched_off_are_no_columns(copy_of_trained, tmp_path):
    copy_of_trained.get_pipe("bioner_mtl").cfg["active_heads"] = ["medicine"]
    source = write_lines(tmp_path / "a.txt", "aspirin")
    annotate_file(copy_of_trained, source, tmp_path / "out", head="all")
    assert (tmp_path / "out").read_text() == "aspirin\tS-Chemical\n\n"


def test_no_mention_runs_from_passage_to_passage(trained):
    text = "Mice with renal\nfailure got aspirin ."
    whole = Record("1", text)
    parts = dataclasses.replace(
        whole, passages=[Passage(0, 15, "title"), Passage(16, len(text), "abstract")]
    )
    (one,) = answer(trained, [whole], ["medicine"])
    (two,) = answer(trained, [parts], ["medicine"])
    assert (10, 23) in [(each.start, each.end) for each in one.mentions["medicine"]]
    assert all(each.end <= 15 or each.start >= 16 for each in two.mentions["medicine"])
    assert one.sentence_starts == [0] and two.sentence_starts == [0, 3]
    assert two.passages == parts.passages


@given(st.lists(TEXTS, max_size=8))
@example(["", " ", "\n\n", "a" * 100_000, "x\r\n\r\ny"])
@settings(deadline=None, max_examples=60)
def test_any_text_is_answered_with_offsets_that_fit(trained, texts):
    records = [Record(str(number), text) for number, text in enumerate(texts)]
    answered = list(answer(trained, records, [*HEADS, "merged"], source="s"))
    assert [(one.id, one.text) for one in answered] == [(one.id, one.text) for one in records]
    for record in answered:
        check_offsets(record)
        assert list(record.mentions) == [*HEADS, "merged"]
        doc = trained(record.text)
        tokens = [token for token in doc if not token.is_space]
        assert [record.text[word.start : word.end] for word in record.words] == [
            token.text for token in tokens
        ]
        for head in HEADS:
            assert [
                (record.text[one.start : one.end], one.label) for one in record.mentions[head]
            ] == [(span.text, span.label_) for span in doc.spans[head]]


@pytest.mark.parametrize("target", [each.name for each in FORMATS.values() if each.writer])
@given(st.lists(TEXTS, max_size=6))
@settings(deadline=None, max_examples=20)
def test_no_document_is_lost_on_its_way_to_a_file(trained, tmp_path_factory, target, texts):
    folder = tmp_path_factory.mktemp("texts")
    source, out = folder / "source.jsonl", folder / "out"
    lines = [json.dumps({"id": f"d{n}", "text": text}) for n, text in enumerate(texts)]
    source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    report = annotate_file(trained, source, out, source_format="jsonl", target_format=target)
    lost = {error["id"] for error in report.errors}
    assert report.documents + len(report.errors) == len(texts)
    if target != "bioc-xml":  # XML cannot hold every character
        assert not lost
    if not (report.documents and FORMATS[target].reader) or target in ("conll", "inline"):
        return  # these know no identifiers
    paths = sorted(out.glob("*.txt")) if out.is_dir() else [out]
    read = {record.id: record for path in paths for record in FORMATS[target].load_reader()(path)}
    assert set(read) == {f"d{number}" for number in range(len(texts))} - lost
    assert not [record for record in read.values() if isinstance(record, BadRecord)]
    for identifier, record in read.items():
        text = texts[int(identifier[1:])]
        assert record.text == text or target == "pubtator"
        mentions = [one for some in record.mentions.values() for one in some]
        found = {(one.start, one.end, one.label) for one in mentions}
        assert found == {(e.start_char, e.end_char, e.label_) for e in trained(text).ents}


@pytest.mark.slow
def test_a_text_of_200_000_tokens_without_a_full_stop(trained):
    text = " ".join(["renal failure got aspirin"] * 50_000)
    assert len(text) > trained.max_length
    (record,) = answer(trained, [Record("", text)], ["medicine"])
    assert len(record.words) == 200_000 and len(record.mentions["medicine"]) > 50_000
    check_offsets(record)


# Memory


def test_memory_is_bounded_by_chunks(trained, monkeypatch):
    monkeypatch.setattr(documents, "DOCUMENTS_PER_CHUNK", 10)
    alive = weakref.WeakSet()
    most = 0

    def read():
        nonlocal most
        for number in range(200):
            record = Record(str(number), f"aspirin {number}")
            alive.add(Box(record))
            most = max(most, len(alive))
            yield record

    class Box:
        """Lives as long as its record."""

        def __init__(self, record):
            record.meta["box"] = self

    answered = 0
    for record in answer(trained, read(), HEADS):
        answered += 1
        del record
        gc.collect(0)
    assert answered == 200
    assert most <= 2 * 10


def test_chunks_are_bounded_by_characters(trained, monkeypatch):
    monkeypatch.setattr(documents, "CHARACTERS_PER_CHUNK", 1_000)
    sizes = []
    pipe = trained.pipe
    monkeypatch.setattr(trained, "pipe", lambda docs: sizes.append(len(docs)) or pipe(docs))
    records = [Record("", "aspirin " * 50) for _ in range(9)]
    assert len(list(answer(trained, records, HEADS))) == 9
    assert sizes == [3, 3, 3]
