import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemes_written import tags_in
from seqeval.metrics.sequence_labeling import get_entities

from spacy_bioner_mtl.formats.schemes import (
    SchemeConflict,
    detect_scheme,
    illegal_positions,
    parse_tag,
    spans_to_tags,
    tags_to_spans,
)

SCHEMES = ["IOB1", "IOB2", "IOBES", "BILUO"]
PREFIXES = {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES", "BILUO": "BILU"}
TYPES = ["Gene", "cell-line", "x"]


@st.composite
def annotated(draw, types=TYPES):
    """A sentence length and spans in it that do not overlap, often adjacent."""
    spans, position = [], 0
    for gap, width in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=6)):
        start = position + gap
        position = start + width
        spans.append((start, position, draw(st.sampled_from(types))))
    return position + draw(st.integers(0, 2)), spans


def tag_sequences(prefixes):
    tag = st.builds("{}-{}".format, st.sampled_from(prefixes), st.sampled_from(TYPES))
    return st.lists(st.one_of(st.just("O"), tag), max_size=10)


# The rules of the conlleval script as two tables over (previous prefix, current prefix), written
# down pair by pair; a change of type ends and starts a chunk as well.
ENDS = {
    "BB",
    "BS",
    "BO",
    "IB",
    "IS",
    "IO",
    "EB",
    "EI",
    "EE",
    "ES",
    "EO",
    "SB",
    "SI",
    "SE",
    "SS",
    "SO",
}
STARTS = {
    *("OB", "OI", "OE", "OS", "BB", "BS", "IB", "IS"),
    *("EB", "EI", "EE", "ES", "SB", "SI", "SE", "SS"),
}


def conlleval_chunks(tags):
    chunks, begin = [], None
    previous_prefix, previous_type = "O", None
    for index, tag in enumerate([*tags, "O"]):
        prefix = {"L": "E", "U": "S"}.get(tag[0], tag[0])
        type_ = tag[2:] or None
        differs = previous_type != type_
        if previous_prefix != "O" and (previous_prefix + prefix in ENDS or differs):
            chunks.append((begin, index, previous_type))
        if prefix != "O" and (previous_prefix + prefix in STARTS or differs):
            begin = index
        previous_prefix, previous_type = prefix, type_
    return chunks


def legal_by_rewriting(tags, scheme):
    """Legal are exactly the sequences that a writer of the scheme makes of some spans."""
    return tags_in(scheme, conlleval_chunks(tags), len(tags)) == tags


@pytest.mark.parametrize("scheme", SCHEMES)
@given(annotated())
def test_spans_survive_the_tags(scheme, sentence):
    length, spans = sentence
    tags = tags_in(scheme, spans, length)
    assert len(tags) == length
    assert {tag[0] for tag in tags} <= {"O", *PREFIXES[scheme]}
    assert tags_to_spans(tags, scheme) == (spans, 0)
    assert scheme != "IOBES" or tags == spans_to_tags(spans, length)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_any_tags_are_read_like_conlleval(scheme, data):
    tags = data.draw(tag_sequences(PREFIXES[scheme]))
    spans, n_repaired = tags_to_spans(tags, scheme)
    assert spans == conlleval_chunks(tags)
    assert (n_repaired == 0) == legal_by_rewriting(tags, scheme)
    assert n_repaired == len(illegal_positions(tags, scheme))


@given(tag_sequences("BIES"))
def test_any_tags_are_read_like_seqeval(tags):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = [(start, last + 1, type_) for type_, start, last in get_entities(list(tags))]
    assert tags_to_spans(tags, "IOBES")[0] == expected


@given(tag_sequences("BIES"))
def test_unknown_tokens_are_read_like_outside_ones(tags):
    unknown = ["-" if tag == "O" else tag for tag in tags]
    assert tags_to_spans(unknown, "IOBES") == tags_to_spans(tags, "IOBES")


@pytest.mark.parametrize(
    ("scheme", "tags", "positions"),
    [
        ("IOB2", "O I-X I-X", [1]),
        ("IOB2", "B-X I-Y", [1]),
        ("IOB2", "I-X", [0]),
        ("IOB2", "B-X - I-X", [2]),
        ("IOB1", "O B-X", [1]),
        ("IOB1", "I-Y B-X", [1]),
        ("IOB1", "I-X B-X I-X I-Y", []),
        ("IOBES", "B-X O", [1]),
        ("IOBES", "B-X I-X", [2]),
        ("IOBES", "E-X", [0]),
        ("IOBES", "B-X I-Y E-Y", [1]),
        ("IOBES", "B-X S-X", [1]),
        ("IOBES", "S-X I-X", [1, 2]),
        ("IOBES", "S-X S-Y B-X E-X S-X", []),
        ("BILUO", "U-X L-X B-X", [1, 3]),
    ],
)
def test_where_tags_are_illegal(scheme, tags, positions):
    assert illegal_positions(tags.split(), scheme) == positions


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["O O", ""], "IOB2"),
        (["B-X I-X O", "B-X"], "IOB2"),
        (["I-X I-X O"], "IOB1"),
        (["I-X B-X O", "O I-Y"], "IOB1"),
        (["I-X B-Y"], "IOB2"),
        (["O I-X", "B-X"], "IOB2"),
        (["B-X I-Y", "I-X B-X"], "IOB2"),
        (["B-X I-X", "- S-X"], "IOBES"),
        (["B-X E-X"], "IOBES"),
        (["B-X I-X L-X"], "BILUO"),
        (["O", "U-X"], "BILUO"),
    ],
)
def test_scheme_is_detected(sentences, scheme):
    assert detect_scheme(sentence.split() for sentence in sentences) == scheme


@pytest.mark.parametrize("scheme", SCHEMES)
@given(st.lists(annotated(), min_size=1, max_size=4))
def test_detected_scheme_reads_what_was_written(scheme, sentences):
    written = [tags_in(scheme, spans, length) for length, spans in sentences]
    detected = detect_scheme(written)
    read = [tags_to_spans(tags, detected) for tags in written]
    assert read == [(spans, 0) for _, spans in sentences]


@pytest.mark.parametrize(
    ("sentences", "sequence", "token"),
    [(["S-X O", "O U-X"], 1, 1), (["B-X L-X E-X"], 0, 2)],
)
def test_two_schemes_at_once_are_refused(sentences, sequence, token):
    with pytest.raises(SchemeConflict) as caught:
        detect_scheme(sentence.split() for sentence in sentences)
    assert (caught.value.sequence, caught.value.token) == (sequence, token)


@pytest.mark.parametrize("tag", ["", "B", "X-Gene", "b-Gene", "BGene", "B-", "B- ", "--", "O-X"])
def test_what_is_no_tag(tag):
    with pytest.raises(ValueError, match=r"neither|lacks"):
        parse_tag(tag)


def test_entity_types_may_hold_hyphens():
    assert parse_tag("B-cell-line") == ("B", "cell-line")


@pytest.mark.parametrize("spans", [[(0, 2, "X"), (1, 3, "X")], [(1, 1, "X")], [(2, 4, "X")]])
def test_spans_that_no_tags_can_hold(spans):
    with pytest.raises(ValueError, match="overlaps another, is empty or out of bounds"):
        spans_to_tags(spans, 3)
