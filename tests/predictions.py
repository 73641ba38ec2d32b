"""Gold and predictions at random, for what counts them."""

from conftest import make_example
from hypothesis import strategies as st
from spacy.lang.en import English
from spacy.tokens import Span

NLP = English()


def example_of(length, gold, predicted):
    """gold and predicted: spans per head; heads missing in gold are not annotated."""
    example = make_example(NLP, ["w"] * length, gold)
    for head, spans in predicted.items():
        doc = example.predicted
        doc.spans[head] = [Span(doc, *span) for span in spans]
    return example


@st.composite
def spans_of(draw, length):
    """Spans that do not overlap."""
    spans, at = [], 0
    while at < length:
        size = draw(st.integers(1, 3))
        if at + size <= length and draw(st.booleans()):
            spans.append((at, at + size, draw(st.sampled_from(["X", "Y"]))))
        at += size
    return spans


@st.composite
def documents(draw):
    pairs = []
    for _ in range(draw(st.integers(1, 5))):
        length = draw(st.integers(1, 12))
        gold = draw(spans_of(length))
        # Half of the predictions are right: chance alone would hardly ever be.
        predicted = gold if draw(st.booleans()) else draw(spans_of(length))
        pairs.append((length, gold, predicted))
    return pairs
