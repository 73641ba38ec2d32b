"""What is remembered of words, so that it is not computed anew each time that they come."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: How many words are remembered before starting anew: a few megabytes for each ten columns.
LIMIT = 100_000

#: Hashes of words in spaCy's string store, in ascending order, each once.
Keys = NDArray[np.uint64]


class WordMemory:
    """One row of numbers for each word, by the word's hash in spaCy's string store.

    The hash depends on the word alone and is the same in every vocab.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """Start without words.

        limit (int): Words that are remembered at most, before a batch that has new ones.
        """
        self.limit = limit
        self.hits = 0
        self.misses = 0
        self.clear()

    def __len__(self) -> int:
        """Number of words remembered."""
        return len(self._keys)

    def clear(self) -> None:
        """Forget all words."""
        # Sorted, so that all words of a batch are found in one call.
        self._keys: Keys = np.zeros(0, dtype=np.uint64)
        self._rows = np.zeros(0, dtype=np.int64)
        self._values: NDArray[Any] = np.zeros((0, 0))

    def recall(self, keys: Keys, compute: Callable[[Keys], NDArray[Any]]) -> NDArray[Any]:
        """Return the rows of words, and remember those that are new.

        keys (NDArray[uint64]): The words.
        compute (Callable): Takes those of them that are new and returns their rows, of shape
            (words, width); always of one type and width.
        RETURNS (NDArray): Shape (words, width).
        """
        if len(self._keys) > self.limit:
            self.clear()
        places = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), dtype=bool)
        inside = places < len(self._keys)
        known[inside] = self._keys[places[inside]] == keys[inside]
        new = keys[~known]
        self.hits += len(keys) - len(new)
        self.misses += len(new)
        if len(new):
            values = compute(new)
            rows = np.arange(len(self), len(self) + len(new))
            self._make_room(len(self) + len(new), values)
            self._values[rows] = values
            self._keys = np.insert(self._keys, places[~known], new)
            self._rows = np.insert(self._rows, places[~known], rows)
            places = np.searchsorted(self._keys, keys)
        return self._values[self._rows[places]]

    def _make_room(self, size: int, values: NDArray[Any]) -> None:
        """Have rows for so many words, like the values."""
        if size > len(self._values):
            # Twice as many rows as needed: few copies on the way to a large vocabulary.
            grown = np.zeros((2 * size, values.shape[1]), dtype=values.dtype)
            grown[: len(self)] = self._values[: len(self)].reshape(len(self), values.shape[1])
            self._values = grown

    def __deepcopy__(self, _: object) -> "WordMemory":
        """Start without words: a copy of a model may get other weights."""
        return type(self)(self.limit)

    def __reduce__(self) -> tuple[type["WordMemory"], tuple[int]]:
        """Start without words in another process."""
        return type(self), (self.limit,)
