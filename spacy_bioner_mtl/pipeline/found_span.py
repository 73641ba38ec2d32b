"""What the heads find, before it is written to a document."""

from typing import NamedTuple


class FoundSpan(NamedTuple):
    """A span that a head found in a document.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its entity type.
    head (str): The head that found it.
    score (float | None): Its probability under the head's CRF, whatever the rest of the sequence
        is; None where scores are not asked for.
    """

    start: int
    end: int
    label: str
    head: str
    score: float | None
