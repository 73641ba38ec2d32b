"""Long sequences in windows: nothing is lost, cut or found twice where windows meet."""

import itertools

import numpy as np
import pytest
import torch
from conftest import GOLD, make_example, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.util import fix_random_seed

from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.models.types import make_query
from spacy_bioner_mtl.pipeline import bioner_mtl as pipe_module
from spacy_bioner_mtl.pipeline import windows as module
from spacy_bioner_mtl.pipeline.windows import (
    MARGIN,
    ROW,
    TOKENS_PER_QUERY,
    WINDOW,
    join_windows,
    split_parts,
    split_windows,
)


@pytest.fixture
def small(monkeypatch):
    """Windows of 64 tokens, so that tests need not be long."""
    monkeypatch.setattr(module, "WINDOW", 64)
    monkeypatch.setattr(module, "MARGIN", 16)


@pytest.mark.parametrize("length", [1, WINDOW, WINDOW + 1, 2 * WINDOW, 5 * WINDOW - 3, 50_000])
def test_windows_cover_a_sequence_and_overlap_as_they_say(length):
    tokens = np.arange(length) * 3
    windows = split_windows(one_sequence(tokens, doc=7))
    assert (windows.docs == 7).all() and max(windows.lengths) <= WINDOW
    overlaps, parts = windows.overlaps.tolist(), windows.split(windows.tokens)
    assert overlaps[0] == 0
    for overlap, (before, after) in zip(overlaps[1:], itertools.pairwise(parts), strict=True):
        assert overlap == 2 * MARGIN < len(after)
        assert before[-overlap:].tolist() == after[:overlap].tolist()
    new = [part[overlap:] for part, overlap in zip(parts, overlaps, strict=True)]
    assert np.concatenate(new).tolist() == tokens.tolist()
    assert (len(windows) == 1) == (length <= WINDOW)


def one_sequence(tokens, doc=0):
    return Sequences(np.array([doc]), tokens, np.array([len(tokens)]), np.array([0]))


def find(spans, window, edge):
    """What a window finds of spans (head, start, end): those inside, and something of the rest."""
    first, last = int(window[0]), int(window[-1]) + 1
    rows = []
    for head, start, end in spans:
        if first <= start and end <= last:
            rows.append((head, start, end))
        elif start < last and end > first:
            rows.extend(edge(head, max(start, first), min(end, last)))
    return rows


def as_rows(found):
    rows = np.zeros(sum(map(len, found)), dtype=ROW)
    every = [(index, *row) for index, rows_of in enumerate(found) for row in rows_of]
    for row, (index, head, start, end) in zip(rows, every, strict=True):
        row["sequence"], row["head"], row["start"], row["end"] = index, head, start, end
    return rows


def joined(spans, length, edge):
    windows = split_windows(one_sequence(np.arange(length)))
    found = [find(spans, window, edge) for window in windows.split(windows.tokens)]
    rows = join_windows(as_rows(found), windows)
    return sorted(zip(*(rows[name].tolist() for name in ("head", "start", "end")), strict=True))


EDGES = {
    "cut": lambda head, start, end: [(head, start, end)],
    "lost": lambda head, start, end: [],
    "in pieces": lambda head, start, end: [(head, t, t + 1) for t in range(start, end)],
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_what_windows_agree_on_is_found_once_and_whole(edge, data):
    """Spans of up to MARGIN tokens, side by side or apart, in 400 tokens."""
    length = 400
    before = module.WINDOW, module.MARGIN
    module.WINDOW, module.MARGIN = 64, 16
    try:
        spans = []
        for head in range(2):
            position = 0
            while position < length:
                position += data.draw(st.integers(0, 20))
                end = min(position + data.draw(st.integers(1, 16)), length)
                if position < end:
                    spans.append((head, position, end))
                position = end
        assert joined(spans, length, edge) == sorted(spans)
    finally:
        module.WINDOW, module.MARGIN = before


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
@pytest.mark.parametrize("size", [1, 2, 16, 32])
def test_a_span_at_any_distance_from_a_seam(small, size, edge):
    for start in range(100):
        assert joined([(0, start, start + size)], 150, edge) == [(0, start, start + size)]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_joined_spans_never_cross_whatever_windows_find(data):
    windows = split_windows(one_sequence(np.arange(2 * (WINDOW - MARGIN))))
    assert len(windows) == 2
    found = []
    for window in windows.split(windows.tokens):
        first, last = int(window[0]), int(window[-1]) + 1
        # Mostly in the overlap, where there is something to decide
        near = st.integers(max(first, WINDOW - 2 * MARGIN - 9), min(last, WINDOW + 9))
        points = st.one_of(near, st.integers(first, last))
        cuts = sorted(data.draw(st.sets(points, max_size=12)))
        found.append([(0, *pair) for pair in itertools.pairwise(cuts) if data.draw(st.booleans())])
    rows = join_windows(as_rows(found), windows)
    order = sorted(zip(rows["start"].tolist(), rows["end"].tolist(), strict=True))
    for one, other in itertools.pairwise(order):
        assert one[1] <= other[0]
    known = {(start, end) for each in found for _, start, end in each}
    assert set(order) <= known


def test_an_entity_beyond_both_ends_of_an_overlap_is_cut_where_the_window_ends(small, monkeypatch):
    monkeypatch.setattr(module, "MARGIN", 8)
    spans = [(0, 20, 100), (0, 110, 112)]
    assert joined(spans, 150, EDGES["cut"]) == [(0, 20, 64), (0, 110, 112)]


def make_reader(**model):
    """A pipeline that knows GOLD also where sentences follow each other without a mark."""
    nlp = make_pipeline(3, **model)
    examples = []
    for pair in itertools.product(GOLD, repeat=2):
        words = [text.split() for text, _ in pair]
        heads = {
            head: [
                (start + offset, end + offset, label)
                for offset, (_, gold) in zip((0, len(words[0])), pair, strict=True)
                for start, end, label in gold.get(head, [])
            ]
            for head in ("genes", "medicine")
        }
        examples.append(make_example(nlp, words[0] + words[1], heads))
    nlp.initialize(lambda: examples)
    train(nlp, examples, 30)
    return nlp


@pytest.fixture(scope="module")
def reader():
    return make_reader()


def random_words(length, seed):
    fix_random_seed(seed)
    words = []
    while len(words) < length:
        words.extend(GOLD[int(torch.randint(len(GOLD), (1,)))][0].split())
    return words[:length]


def spans_of(pipe, words):
    (found,) = pipe.predict([Doc(pipe.vocab, words=words)])
    return {(s.head, s.start, s.end, s.label): s.score for s in found}


@pytest.mark.parametrize("characters", ["word", "sentence"])
@pytest.mark.parametrize("crf", ["small", "large"])
def test_windows_find_what_the_whole_sequence_has(monkeypatch, crf, characters):
    pipe = make_reader(crf=crf, characters=characters).get_pipe("bioner_mtl")
    words = random_words(3_000, 5)
    monkeypatch.setattr(module, "WINDOW", 10**6)
    whole = spans_of(pipe, words)
    monkeypatch.setattr(module, "WINDOW", 400)
    monkeypatch.setattr(module, "MARGIN", 100)
    windowed = spans_of(pipe, words)
    assert len(whole) > 300 and windowed.keys() == whole.keys()
    for span, score in whole.items():
        assert windowed[span] == pytest.approx(score, abs=1e-3)


def test_a_document_of_50_000_tokens_has_the_spans_of_its_pieces(reader, monkeypatch):
    pipe = reader.get_pipe("bioner_mtl")
    queries = watch(monkeypatch)
    words = random_words(50_000, 1)
    long = spans_of(pipe, words)
    assert len(queries) == 2
    assert max(max(query.sequences.lengths) for query in queries) == WINDOW
    # Pieces that are read whole, with margins that are left aside.
    pieces = {}
    for start in range(0, len(words), 1_500):
        first = max(0, start - 200)
        own = spans_of(pipe, words[first : start + 1_700])
        for (head, begin, end, label), score in own.items():
            if start <= begin + first < start + 1_500:
                pieces[head, begin + first, end + first, label] = score
    assert len(long) > 10_000 and long.keys() == pieces.keys()
    assert all(long[span] == pytest.approx(pieces[span], abs=1e-3) for span in long)


@pytest.mark.parametrize("position", [WINDOW - 2 * MARGIN, WINDOW - MARGIN, WINDOW])
def test_an_entity_is_found_once_wherever_a_seam_meets_it(reader, position):
    """Text moves along by a token at a time, so that each entity falls on each side of the seam."""
    pipe = reader.get_pipe("bioner_mtl")
    filler = ["Nothing", "was", "found", "in", "the", "liver", "."]
    entity = ["Mice", "with", "renal", "failure", "got", "aspirin", "."]
    before = (filler * 400)[: position - 4]
    found = []
    for shift in range(len(entity) + 3):
        words = [*before, *filler[:shift], *entity, *filler * 20]
        spans = [span for span in spans_of(pipe, words) if span[1] >= len(before) + shift]
        start = len(before) + min(shift, len(filler))
        found.append([(h, s - start, e - start, label) for h, s, e, label in spans])
        assert [(h, s, e) for h, s, e, _ in found[-1] if h == "medicine"] == [
            ("medicine", 2, 4),
            ("medicine", 5, 6),
        ]


def watch(monkeypatch):
    """The queries that the network gets from now on."""
    queries = []

    def watched(*arguments, **options):
        queries.append(make_query(*arguments, **options))
        return queries[-1]

    monkeypatch.setattr(pipe_module, "make_query", watched)
    return queries


def test_200_000_tokens_without_a_full_stop(trained, monkeypatch):
    pipe = trained.get_pipe("bioner_mtl")
    queries = watch(monkeypatch)
    words = ["and"] * 200_000
    words[-2:] = ["TKR2", "protects"]
    doc = pipe(Doc(trained.vocab, words=words))
    assert set(doc.spans) == {"genes", "medicine"}
    for query in queries:
        assert sum(query.sequences.lengths) <= TOKENS_PER_QUERY
        assert max(query.sequences.lengths) <= WINDOW
    assert max(max(query.sequences.tokens) for query in queries) == 199_999


def test_many_documents_are_split_between_documents(trained, monkeypatch):
    monkeypatch.setattr(module, "TOKENS_PER_QUERY", 30)
    docs = [Doc(trained.vocab, words=words.split()) for words, _ in GOLD * 3]
    docs.insert(2, Doc(trained.vocab))
    docs.insert(4, Doc(trained.vocab, words=["x"] * 100))
    parts = list(split_parts(docs))
    assert [
        index for part in parts for index in range(part.first_doc, part.first_doc + len(part.docs))
    ] == list(range(len(docs)))
    for part in parts:
        assert len(part.docs) == 1 or sum(map(len, part.docs)) <= 30
    assert list(split_parts([])) == []
    assert list(split_parts([Doc(trained.vocab)])) == []


def test_a_batch_in_parts_is_answered_as_one(trained, monkeypatch):
    pipe = trained.get_pipe("bioner_mtl")
    docs = [Doc(trained.vocab, words=words.split()) for words, _ in GOLD * 3]
    docs.insert(1, Doc(trained.vocab))
    together = pipe.predict(docs)
    monkeypatch.setattr(module, "TOKENS_PER_QUERY", 20)
    apart = pipe.predict(docs)
    assert [[span[:4] for span in each] for each in apart] == [
        [span[:4] for span in each] for each in together
    ]
    assert len(together) == len(docs) and together[1] == []
