"""Probabilities in texts that other programs may have written."""

import math
import re

_NUMBER = re.compile(r"(\d+(\.\d+)?|\.\d+)(e-?\d+)?", re.ASCII)
_LONGEST = 40


def parse_score(text: str) -> float | None:
    """Read a number; other programs may mean something else by a score.

    text (str): What stands where a score would.
    RETURNS (float | None): The number; None if it is none, or negative or infinite.
    """
    if len(text) > _LONGEST or _NUMBER.fullmatch(text) is None:
        return None
    score = float(text)
    return score if math.isfinite(score) else None
