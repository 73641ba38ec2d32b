"""What is remembered of words, so that it is not computed anew each time that they come."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: How many words are remembered before starting anew: a few megabytes for each ten columns.
LIMIT = 100_000

#: Hashes of words in spaCy's string store, each once.
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
        compute (Callable): Takes those of them that are new, in ascending order, and returns their
            rows, of shape (words, width); always of one type and width.
        RETURNS (NDArray): Shape (words, width).
        """
        if len(self._keys) > self.limit:
            self.clear()
        places = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), dtype=bool)
        inside = places < len(self)
        known[inside] = self._keys[places[inside]] == keys[inside]
        new = np.sort(keys[~known])
        self.hits += len(keys) - len(new)
        self.misses += len(new)
        if len(new):
            self._add(new, compute(new))
            places = np.searchsorted(self._keys, keys)
        return self._values[self._rows[places]]

    def _add(self, keys: Keys, values: NDArray[Any]) -> None:
        """Remember new words, which are in ascending order."""
        size = len(self) + len(keys)
        if size > len(self._values):
            # Twice as many rows as needed: few copies on the way to a large vocabulary.
            grown = np.zeros((2 * size, values.shape[1]), dtype=values.dtype)
            if len(self):
                grown[: len(self)] = self._values[: len(self)]
            self._values = grown
        rows = np.arange(len(self), size)
        self._values[rows] = values
        places = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, places, keys)
        self._rows = np.insert(self._rows, places, rows)

    def __deepcopy__(self, _: object) -> "WordMemory":
        """Start without words: a copy of a model may get other weights."""
        return type(self)(self.limit)

    def __reduce__(self) -> tuple[type["WordMemory"], tuple[int]]:
        """Start without words in another process."""
        return type(self), (self.limit,)
