"""The cache of what is known of words, shared by all threads that use a network.

Each kind of knowledge (integers, static vectors, character features) is a column: one row of
numbers for each word, by the word's hash in spaCy's string store. The hash depends on the word
alone and is the same in every vocab.

Readers take an immutable state of a column in one step and need no lock. Whoever adds words holds
a lock, writes rows that no state shows yet, and swaps in a new state at the end. So a call that is
interrupted anywhere, by a signal for example, leaves the column as it was.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.nn.forking import reset_after_fork

#: Words a column holds before it starts anew: a few megabytes for each ten numbers of a row.
LIMIT = 100_000

#: Hashes of words in spaCy's string store, each once.
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class _Column:
    """One state of a column. Nothing that it shows ever changes.

    source (tuple[object, ...]): The objects that rows are computed from.
    generation (object): Another object after every invalidation.
    keys (NDArray[uint64]): The words, sorted, so that those of a batch are found in one call.
    rows (NDArray[int64]): For each of them, its row among the values.
    values (NDArray): Shape (capacity, width); rows behind the last word are free.
    """

    source: tuple[object, ...]
    generation: object
    keys: Keys
    rows: NDArray[np.int64]
    values: NDArray[Any]

    def come_from(self, source: Sequence[object]) -> bool:
        """Compare sources by identity: comparing tables would take longer than computing rows."""
        return list(map(id, self.source)) == list(map(id, source))

    def find(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Places of words among the keys, and which of them are there."""
        places = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), dtype=np.bool_)
        inside = places < len(self.keys)
        known[inside] = self.keys[places[inside]] == keys[inside]
        return places, known


class WordStore:
    """Columns of rows of numbers, one row for each word."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Start without words.

        limit (int): Words in a column, at most, before a batch that has new ones.
        """
        self.limit = limit
        self._columns: dict[str, _Column] = {}
        self._lock = threading.Lock()
        reset_after_fork(self)

    def reset_lock(self) -> None:
        """Take a new lock: in a forked process, the thread that held the old one is not there."""
        self._lock = threading.Lock()

    def size(self, column: str) -> int:
        """Return the number of words in a column.

        column (str): Its name.
        RETURNS (int): The number.
        """
        state = self._columns.get(column)
        return 0 if state is None else len(state.keys)

    def invalidate(self, *columns: str) -> None:
        """Drop the words of columns; needed when what their rows were computed from changes.

        columns (str): Their names; none at all for every column.
        """
        with self._lock:
            for column in columns or list(self._columns):
                self._columns.pop(column, None)

    def rows(
        self,
        column: str,
        keys: Keys,
        compute: Callable[[Keys], NDArray[Any]],
        source: Sequence[object] = (),
    ) -> NDArray[Any]:
        """Return the rows of words; those of new words are computed and added.

        column (str): The column's name.
        keys (NDArray[uint64]): The words.
        compute (Callable): Takes those of them that are new, in ascending order, and returns their
            rows, of shape (words, width); always of one type and width. Threads that meet the same
            new word at the same time may each be asked for it.
        source (Sequence[object]): The objects that rows are computed from. If they are not those
            of the words in the column, the column starts anew.
        RETURNS (NDArray): Shape (words, width).
        """
        state = self._columns.get(column)
        if state is None or not state.come_from(source):
            state = _empty(source)
            with self._lock:
                self._columns[column] = state
        places, known = state.find(keys)
        new = np.sort(keys[~known])
        if not len(new):
            return state.values[state.rows[places]]
        computed = compute(new)
        self._add(column, state.generation, new, computed)
        result = np.empty((len(keys), computed.shape[1]), dtype=computed.dtype)
        if len(new) < len(keys):
            result[known] = state.values[state.rows[places[known]]]
        result[~known] = computed[np.searchsorted(new, keys[~known])]
        return result

    def _add(self, column: str, generation: object, keys: Keys, values: NDArray[Any]) -> None:
        """Add new words, in ascending order, unless the column was invalidated meanwhile."""
        with self._lock:
            state = self._columns.get(column)
            if state is None or state.generation is not generation:
                return
            if len(state.keys) > self.limit:
                state = _empty(state.source)
            places, known = state.find(keys)
            if known.any():
                # Another thread was faster.
                keys, values, places = keys[~known], values[~known], places[~known]
            used, size = len(state.keys), len(state.keys) + len(keys)
            table = state.values
            if size > len(table):
                # Twice as many rows as needed: few copies on the way to a large vocabulary.
                table = np.zeros((2 * size, values.shape[1]), dtype=values.dtype)
                if used:
                    table[:used] = state.values[:used]
            table[used:size] = values
            self._columns[column] = replace(
                state,
                keys=np.insert(state.keys, places, keys),
                rows=np.insert(state.rows, places, np.arange(used, size)),
                values=table,
            )

    def __deepcopy__(self, _: object) -> "WordStore":
        """Start without words: a copy of a model may get other weights."""
        return type(self)(self.limit)

    def __reduce__(self) -> tuple[type["WordStore"], tuple[int]]:
        """Start without words in another process."""
        return type(self), (self.limit,)


def _empty(source: Sequence[object]) -> _Column:
    return _Column(
        tuple(source),
        object(),
        np.zeros(0, dtype=np.uint64),
        np.zeros(0, dtype=np.int64),
        np.zeros((0, 0)),
    )
