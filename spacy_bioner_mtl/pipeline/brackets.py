"""Spans that cut a bracket in two: a head's mistake, since names are written with both or none.

A CRF over tokens cannot know: how many brackets are open is no tag. tmChem (Leaman et al. 2015, doi
10.1186/1758-2946-7-S1-S3) repairs such mentions or drops them. Here they are dropped, since the
probability that a head gives is that of these bounds, not of others.
"""

from collections.abc import Sequence

import numpy as np
from spacy.tokens import Doc

from spacy_bioner_mtl.pipeline.spans import FoundSpan

_OPENING = {")": "(", "]": "[", "}": "{"}
_BRACKETS = frozenset("()[]{}")


def is_balanced(text: str) -> bool:
    """Check that every bracket of a text closes, or was opened, within it.

    text (str): The text.
    RETURNS (bool): Whether they do; in an order that they nest by.
    """
    if _BRACKETS.isdisjoint(text):
        return True
    opened: list[str] = []
    for character in text:
        if character in "([{":
            opened.append(character)
        elif character in _OPENING and (not opened or opened.pop() != _OPENING[character]):
            return False
    return not opened


def drop_unbalanced(docs: Sequence[Doc], found: Sequence[list[FoundSpan]]) -> list[list[FoundSpan]]:
    """Leave out spans that have one of two brackets.

    docs (Sequence[Doc]): The documents.
    found (Sequence[list[FoundSpan]]): The spans of each.
    RETURNS (list[list[FoundSpan]]): Those that have both or none, in the same order.
    """
    return [_balanced(*each) if each[1] else [] for each in zip(docs, found, strict=True)]


def _balanced(doc: Doc, spans: list[FoundSpan]) -> list[FoundSpan]:
    # Most spans have no bracket, and text is made anew whenever it is asked for.
    forms, index = np.unique(doc.to_array("ORTH"), return_inverse=True)
    words = [doc.vocab.strings[form] for form in forms.tolist()]
    is_bracket = np.array([not _BRACKETS.isdisjoint(word) for word in words])
    before = [0, *np.cumsum(is_bracket[index]).tolist()]
    return [
        span
        for span in spans
        if before[span.start] == before[span.end] or is_balanced(doc[span.start : span.end].text)
    ]
