"""Repeated strings of a document: which there are, how they are judged, in a pipeline."""

import itertools

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from lattices import constrain, enumerate_paths, random_lattice
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.models.types import Answer
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.pipeline.consistency import SURE, Occurrences, find_repeats, to_logits
from spacy_bioner_mtl.pipeline.decode import find_occurrences
from spacy_bioner_mtl.pipeline.settings import read_settings
from spacy_bioner_mtl.pipeline.windows import ROW, Part

VOCAB = Vocab()
WORDS = ["Zinc", "zinc", "a", "A", "of", " "]


def table(*rows):
    return np.array([(*row, 0.5)[:6] for row in rows], dtype=ROW)


def where(rows):
    return [tuple(row)[:5] for row in rows.tolist()]


def test_words_are_compared_without_case_and_short_ones_with_it():
    doc = Doc(VOCAB, words=["Zinc", "A", ".", "zinc", "a", ".", "ZINC", "A", ".", "zinc", "A"])
    rows = table((0, 0, 0, 2, 0))
    further, groups = find_repeats([doc], split_sequences([doc]), rows, np.array([True]))
    assert where(further) == [(0, 0, 6, 8, 0), (0, 0, 9, 11, 0)]
    assert groups.tolist() == [0, 0, 0]


def test_short_forms_are_occurrences_of_what_they_stand_for():
    text = "Chronic renal failure ( CRF ) is rare . CRF and crf kill . Renal failure , too ."
    words = text.split()
    starts = [i in (0, 9, 14) for i in range(len(words))]
    doc = Doc(VOCAB, words=words, sent_starts=starts)
    rows = table((0, 0, 0, 3, 0), (1, 1, 0, 1, 0))  # the second head has found CRF alone
    further, groups = find_repeats([doc], split_sequences([doc]), rows, np.array([True, True]))
    assert sorted(where(further)) == [(0, 0, 4, 5, 0), (0, 1, 4, 5, 0), (1, 0, 0, 1, 0)]
    assert [group for _, group in sorted(zip(further["head"], groups[2:], strict=True))] == [
        *[groups[0], groups[0]],
        groups[1],
    ]
    # What was found already joins its long form.
    rows = table((1, 0, 0, 1, 0), (0, 0, 0, 3, 0))
    further, groups = find_repeats([doc], split_sequences([doc]), rows, np.array([True]))
    assert where(further) == [(0, 0, 4, 5, 0)]
    assert len(set(groups.tolist())) == 1


@st.composite
def documents(draw):
    """Documents with sentences and white space, and what two heads have found in them."""
    docs = []
    for words in draw(st.lists(st.lists(st.sampled_from(WORDS), max_size=12), max_size=3)):
        starts = [True, *draw(st.lists(st.booleans(), min_size=12, max_size=12))][: len(words)]
        docs.append(Doc(VOCAB, words=words, sent_starts=starts))
    sequences = split_sequences(docs)
    rows = []
    for sequence, head in itertools.product(range(len(sequences)), range(2)):
        end = 0
        for start in range(int(sequences.lengths[sequence])):
            if start >= end and draw(st.integers(0, 3)) == 0:
                end = min(start + draw(st.integers(1, 2)), int(sequences.lengths[sequence]))
                rows.append((sequence, head, start, end, draw(st.integers(0, 1))))
    return docs, sequences, table(*rows)


@given(documents(), st.booleans())
def test_repeats_are_those_of_brute_force(drawn, second):
    docs, sequences, rows = drawn
    if not docs:
        return
    further, groups = find_repeats(docs, sequences, rows, np.array([True, second]))
    tokens = sequences.split(sequences.tokens)

    def text(row):
        doc = docs[sequences.docs[row[0]]]
        words = [doc[int(i)].text for i in tokens[row[0]][row[2] : row[3]]]
        return tuple(word if len(word) < 4 else word.lower() for word in words)

    def key(row):
        return int(sequences.docs[row[0]]), row[1], row[4], text(row)

    found, added = where(rows), where(further)
    wanted = {key(row) for row in found if row[1] == 0 or second}
    assert all(key(row) in wanted for row in added)
    # No token twice for one head; every other occurrence shares a token with what is there.
    taken = [(row[0], row[1], token) for row in found + added for token in range(row[2], row[3])]
    assert len(set(taken)) == len(taken)
    for number, head, label, words in wanted:
        for sequence in np.flatnonzero(sequences.docs == number).tolist():
            for start in range(int(sequences.lengths[sequence]) - len(words) + 1):
                row = (sequence, head, start, start + len(words), label)
                if key(row)[3] == words:
                    places = {(sequence, head, token) for token in range(start, start + len(words))}
                    assert places & set(taken)
    by_group = {}
    for row, group in zip(found + added, groups.tolist(), strict=True):
        by_group.setdefault(group, []).append(row)
    for members in by_group.values():
        assert len({key(row) for row in members}) == 1
        assert len(members) == 1 or members[0][1] == 0 or second


@settings(max_examples=1000)
@given(documents(), st.randoms(use_true_random=False))
def test_the_order_in_which_mentions_come_decides_nothing(drawn, chosen):
    docs, sequences, rows = drawn
    if not docs:
        return

    def find(rows):
        further, groups = find_repeats(docs, sequences, rows, np.array([True, True]))
        by_group = {}
        for row, group in zip(where(rows) + where(further), groups.tolist(), strict=True):
            by_group.setdefault(group, set()).add(row)
        return {frozenset(group) for group in by_group.values()}

    others = rows.copy()
    chosen.shuffle(order := list(range(len(rows))))
    assert find(rows) == find(others[order])


def test_an_occurrence_goes_to_the_label_that_more_mentions_have():
    doc = Doc(VOCAB, words=["CMCS", ";", "CMCS", ";", "CMCS", ";", "CMCS"])
    disease, *chemicals = (0, 0, 0, 1, 1), (0, 0, 2, 3, 0), (0, 0, 4, 5, 0)
    for rows in ([disease, *chemicals], [*chemicals, disease]):
        further, _ = find_repeats([doc], split_sequences([doc]), table(*rows), np.array([True]))
        assert where(further) == [(0, 0, 6, 7, 0)]


def test_probabilities_of_what_was_not_found_are_those_of_enumeration():
    """One head; the second of two sentences repeats the words of the first."""
    head = Head("one", ("A",))
    lattice = random_lattice(3, length=4, n_sequences=2)
    lattice.lengths[:] = 4
    lattice = constrain(lattice)
    doc = Doc(VOCAB, words=["some", "long", "words", "here", "some", "long", "words", "here"])
    for token in doc:
        token.is_sent_start = token.i in (0, 4)
    cfg = {"scores": True, "thresholds": {}, "temperatures": {}, "consistency": {}}
    settings = read_settings({**cfg, "active_heads": None, "bfloat16": False}, [head], "bioner_mtl")
    answer = Answer(np.array([[0, 0], [1, 0]]), lattice)
    part = Part([doc], 0, split_sequences([doc]))
    occurrences = find_occurrences(part, [answer], settings, np.array([True]))
    assert len(occurrences.rows)
    for sequence, _, start, end, _, score in occurrences.rows.tolist():
        total = mass = 0.0
        for path, value in enumerate_paths(lattice, sequence):
            weight = float(np.exp(value))
            total += weight
            tags = [4] if end - start == 1 else [1, *[2] * (end - start - 2), 3]
            mass += weight * (list(path[start:end]) == tags)
        assert score == pytest.approx(mass / total, abs=1e-5)


def test_logits_are_bounded():
    assert to_logits(np.array([0.0, 0.5, 1.0])).tolist() == [-SURE, 0.0, SURE]


def test_judging_follows_the_formula():
    given_scores = [0.9, 0.2, 0.4, 0.1]
    rows = table(*((index, 0, 0, 1, 0, score) for index, score in enumerate(given_scores)))
    occurrences = Occurrences(rows, np.array([0, 0, 0, 1]), np.ones(4, dtype=bool))

    def logit(score):
        return np.log(score / (1 - score))

    revised = occurrences.revise(np.array([[0.5, 2.0, 1.0]]))
    wanted = [
        0.5 * logit(0.9) + (logit(0.2) + logit(0.4)) + 1.0,
        0.5 * logit(0.2) + (logit(0.9) + logit(0.4)) + 1.0,
        0.5 * logit(0.4) + (logit(0.9) + logit(0.2)) + 1.0,
    ]
    kept = [index for index, value in enumerate(wanted) if value > 0] + [3]
    assert revised["sequence"].tolist() == kept
    scores = [1 / (1 + np.exp(-wanted[index])) for index in kept[:-1]] + [0.1]
    assert revised["score"].tolist() == pytest.approx(scores)


TEXT = "BRAC4 is expressed in the kidney . Nothing was found in brac4 . TKR2 protects ."


def genes(nlp):
    doc = nlp(Doc(nlp.vocab, words=TEXT.split()))
    return [(span.text, span.start) for span in doc.spans["genes"]]


def test_in_a_pipeline(copy_of_trained):
    pipe = copy_of_trained.get_pipe("bioner_mtl")
    before = genes(copy_of_trained)
    assert ("BRAC4", 0) in before and ("brac4", 11) not in before
    with pipe.settings(consistency={"genes": {"own": 1.0, "others": 0.0, "bias": 30.0}}):
        after = genes(copy_of_trained)
        assert sorted([*before, ("brac4", 11)]) == sorted(after)
        doc = copy_of_trained(Doc(copy_of_trained.vocab, words=TEXT.split()))
        assert ("brac4", "GENE") in [(ent.text, ent.label_) for ent in doc.ents]
        assert all(0.0 <= score <= 1.0 for score in doc.spans["genes"].attrs["scores"])
    # What is alone in its document stays.
    with pipe.settings(consistency={"genes": {"own": 1.0, "others": 0.0, "bias": -30.0}}):
        assert genes(copy_of_trained) == [one for one in before if one[0] != "BRAC4"]
    with pipe.settings(consistency={"medicine": {"own": 1.0, "others": 0.0, "bias": 30.0}}):
        assert genes(copy_of_trained) == before
    assert genes(copy_of_trained) == before


def test_weights_are_saved_and_can_be_overridden(copy_of_trained, tmp_path):
    weights = {"genes": {"own": 1.0, "others": 0.0, "bias": 30.0}}
    copy_of_trained.get_pipe("bioner_mtl").cfg["consistency"] = weights
    copy_of_trained.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    assert again.get_pipe("bioner_mtl").cfg["consistency"] == weights
    assert genes(again) == genes(copy_of_trained)


@pytest.mark.parametrize(
    ("consistency", "message"),
    [
        ({"organs": {"own": 1.0, "others": 0.0, "bias": 0.0}}, "the head 'organs'"),
        ({"genes": {"own": 1.0, "others": 0.0}}, "takes numbers: own, others, bias"),
        ({"genes": {"own": float("nan"), "others": 0.0, "bias": 0.0}}, "takes numbers"),
    ],
)
def test_weights_that_make_no_sense(copy_of_trained, consistency, message):
    pipe = copy_of_trained.get_pipe("bioner_mtl")
    with pytest.raises(InputError, match=message), pipe.settings(consistency=consistency):
        pass
