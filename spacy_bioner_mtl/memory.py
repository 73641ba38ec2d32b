"""What is remembered of words, so that it is not computed anew each time that they come."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: How many words are remembered before starting anew: a few megabytes for each ten columns.
LIMIT = 100_000


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
        self._rows: dict[int, int] = {}
        self._values = np.zeros((0, 0), dtype=np.float32)

    def __len__(self) -> int:
        """Number of words remembered."""
        return len(self._rows)

    def clear(self) -> None:
        """Forget all words."""
        self._rows.clear()
        self._values = np.zeros((0, 0), dtype=np.float32)

    def missing(self, keys: Sequence[int]) -> list[int]:
        """Tell which words are to be added before they can be looked up.

        keys (Sequence[int]): Hashes of the distinct words of a batch.
        RETURNS (list[int]): Indices in keys.
        """
        if len(self._rows) > self.limit:
            self.clear()
        found = [index for index, key in enumerate(keys) if key not in self._rows]
        self.hits += len(keys) - len(found)
        self.misses += len(found)
        return found

    def add(self, keys: Sequence[int], values: NDArray[np.float32]) -> None:
        """Remember words.

        keys (Sequence[int]): Hashes of words that are missing, each once.
        values (NDArray[float32]): Shape (words, width).
        """
        first = len(self._rows)
        needed = first + len(keys)
        if needed > len(self._values):
            # Twice as many rows as needed: few copies on the way to a large vocabulary.
            grown = np.zeros((2 * needed, values.shape[1]), dtype=np.float32)
            if first:
                grown[:first] = self._values[:first]
            self._values = grown
        self._values[first:needed] = values
        self._rows.update(zip(keys, range(first, needed), strict=True))

    def look_up(self, keys: Sequence[int]) -> NDArray[np.float32]:
        """Return the rows of words that are remembered. Shape (words, width)."""
        return self._values[[self._rows[key] for key in keys]]

    def __deepcopy__(self, _: object) -> "WordMemory":
        """Start without words: a copy of a model may get other weights."""
        return type(self)(self.limit)

    def __reduce__(self) -> tuple[type["WordMemory"], tuple[int]]:
        """Start without words in another process."""
        return type(self), (self.limit,)
