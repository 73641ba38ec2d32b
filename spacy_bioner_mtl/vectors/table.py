"""Choose the rows of a vector table while reading it once, never holding all of it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.errors import InputError

Payload = TypeVar("Payload")

NOT_UTF8 = "words are not valid UTF-8"
WHITE_SPACE = "words are empty or hold white space"
NOT_LOWER = "words are not lower-case"
REPEATED = "words came up before"
NOT_FINITE = "vectors hold NaN or infinity"


@dataclass
class VectorSource(Generic[Payload]):
    """A stream of words with their vectors.

    name (str): What it is, for messages.
    dimensions (int): Length of a vector.
    count (int | None): Number of rows, if it is known beforehand.
    rows (Iterator[tuple[bytes, Payload]]): Words in UTF-8, most frequent first, each with its
        vector as it is stored: most rows are passed over, so only the kept ones are parsed.
    parse (Callable[[Payload], NDArray[float32]]): Makes the vector of what is stored.
    """

    name: str
    dimensions: int
    count: int | None
    rows: Iterator[tuple[bytes, Payload]]
    parse: Callable[[Payload], NDArray[np.float32]]


@dataclass
class VectorTable:
    """The rows that were kept.

    words (list[str]): Distinct words; first those that were wanted, then the others, each group
        in the source's order.
    data (NDArray[float32]): Shape (words, dimensions).
    n_wanted (int): How many of the words were wanted.
    left_out (dict[str, int]): Rows that could not be used, by reason.
    """

    words: list[str]
    data: NDArray[np.float32]
    n_wanted: int
    left_out: dict[str, int] = field(default_factory=dict)


def select_rows(
    source: VectorSource[Payload], keep: int, wanted: Collection[str] = (), *, caseless: bool
) -> VectorTable:
    """Keep at most so many rows: wanted words first, then the source's order.

    source (VectorSource): The stream; it is read once, and only as far as needed.
    keep (int): The largest number of rows.
    wanted (Collection[str]): Words to keep wherever they stand.
    caseless (bool): Whether words will be looked up lower-cased. Others are left out then, as
        nothing could ever find them.
    RETURNS (VectorTable): The rows. Unusable ones are left out and counted: of a repeated word
        the first row is kept; a word that no token can equal or a vector that is not finite is
        left out. Rows that are merely not among the kept are not looked at.
    RAISES (InputError): If no row is usable.
    """
    if keep < 1:
        raise InputError(f"--keep is {keep}: keep at least one word.")
    wanted_words = {word.encode("utf-8", "surrogatepass") for word in wanted}
    left_out: Counter[str] = Counter()
    seen: set[bytes] = set()
    first: list[tuple[str, NDArray[np.float32]]] = []
    rest: list[tuple[str, NDArray[np.float32]]] = []
    for raw, payload in source.rows:
        is_wanted = raw in wanted_words
        full = len(first) + len(rest) >= keep
        if full and not is_wanted:
            if len(first) in (len(wanted_words), keep):
                break
            continue
        word, reason = _check_word(raw, seen, caseless)
        if not reason:
            vector = source.parse(payload)
            if not np.isfinite(vector).all():
                reason = NOT_FINITE
        if reason:
            left_out[reason] += 1
            continue
        seen.add(raw)
        if not is_wanted:
            rest.append((word, vector))
        elif not full:
            first.append((word, vector))
        elif rest:
            first.append((word, vector))
            rest.pop()
    rows = first + rest
    if not rows:
        raise InputError(f"{source.name}: no usable word. Give a file of word vectors.")
    return VectorTable(
        words=[word for word, _ in rows],
        data=np.stack([vector for _, vector in rows]),
        n_wanted=len(first),
        left_out=dict(left_out),
    )


def _check_word(raw: bytes, seen: Collection[bytes], caseless: bool) -> tuple[str, str]:
    """Decode a word; RETURNS it and why it cannot be used, "" if it can."""
    if raw in seen:
        return "", REPEATED
    try:
        word = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "", NOT_UTF8
    if word.split() != [word]:
        return word, WHITE_SPACE
    if caseless and word != word.lower():
        return word, NOT_LOWER
    return word, ""
