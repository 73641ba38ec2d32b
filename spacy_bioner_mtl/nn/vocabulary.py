"""Tokens to integers: characters and table rows, once per distinct word of a batch.

The integers of a word depend on the word alone, so they are cached.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.nn.word_store import Keys, WordStore

#: Row of padding and row of what was too rare or unseen, in both tables.
PADDING, UNSEEN = 0, 1
#: The character between words in the sentence-level form.
BLANK = " "
#: Longer words are cut in their middle for the character encoder.
LONGEST_WORD = 40
#: Words are padded to the next of these numbers of characters. A kernel is made anew for each shape
#: of tensors, which takes longer than to run it: a few shapes are made once.
LENGTHS = (6, 11, 16, 24, LONGEST_WORD)


@dataclass(frozen=True)
class Vocabulary:
    """What has a row of its own in the trainable tables.

    words (tuple[str, ...]): Words, in the form the table looks them up.
    characters (tuple[str, ...]): Characters.
    caseless (bool): Whether words are looked up lower-cased.
    """

    words: tuple[str, ...]
    characters: tuple[str, ...]
    caseless: bool

    @classmethod
    def count(
        cls, words: Iterable[str], *, minimum_count: int, caseless: bool, with_words: bool
    ) -> "Vocabulary":
        """Count words and characters of training text.

        words (Iterable[str]): The tokens of the training documents.
        minimum_count (int): Words and characters seen less often share the row of the unseen,
            which is trained by them.
        caseless (bool): Whether words are counted and looked up lower-cased.
        with_words (bool): Whether there is a table of words at all.
        RETURNS (Vocabulary): Sorted, so that it does not depend on the order of the documents.
        """
        counts = Counter(words)
        characters: Counter[str] = Counter()
        forms: Counter[str] = Counter()
        for word, count in counts.items():
            for character in word:
                characters[character] += count
            if with_words:
                forms[word.lower() if caseless else word] += count
        return cls(
            words=tuple(sorted(form for form, count in forms.items() if count >= minimum_count)),
            characters=tuple(
                sorted(
                    {BLANK} | {char for char, count in characters.items() if count >= minimum_count}
                )
            ),
            caseless=caseless,
        )

    def union(self, other: "Vocabulary") -> "Vocabulary":
        """Have what either of two has.

        other (Vocabulary): The other one, as caseless as this one.
        RETURNS (Vocabulary): Sorted.
        """
        return Vocabulary(
            tuple(sorted({*self.words, *other.words})),
            tuple(sorted({*self.characters, *other.characters})),
            self.caseless,
        )


@dataclass
class WordIntegers:
    """Integers of words, in ascending order of their lengths.

    order (NDArray[int64]): Shape (words,): which of the words asked for each one is.
    table_rows (NDArray[int64]): Shape (words,): rows of the table of words.
    characters (NDArray[int64]): Shape (characters, words): rows of the table of characters,
        PADDING behind the words. The first dimension is one of LENGTHS.
    n_characters (NDArray[int64]): Shape (words,): number of characters, at least 1.
    """

    order: NDArray[np.int64]
    table_rows: NDArray[np.int64]
    characters: NDArray[np.int64]
    n_characters: NDArray[np.int64]


@dataclass
class SentenceCharacters:
    """Characters of whole sequences, words separated by blanks.

    characters (NDArray[int64]): Shape (characters, sequences); begins and ends with a blank.
    n_characters (NDArray[int64]): Shape (sequences,).
    before (NDArray[int64]): Shape (tokens, sequences): position of the blank before each token.
    after (NDArray[int64]): Shape (tokens, sequences): position of the blank after each token.
    """

    characters: NDArray[np.int64]
    n_characters: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


class FeatureExtractor:
    """Looks words up in a vocabulary."""

    def __init__(self, vocabulary: Vocabulary, store: WordStore):
        """Prepare the look-ups.

        vocabulary (Vocabulary): What has a row of its own.
        store (WordStore): Caches, for each word, its row of the table, its number of characters and
            the rows of its characters.
        """
        self.vocabulary = vocabulary
        self._word_rows = {word: row for row, word in enumerate(vocabulary.words, UNSEEN + 1)}
        self._character_rows = {
            character: row for row, character in enumerate(vocabulary.characters, UNSEEN + 1)
        }
        self._store = store

    def words(self, keys: Keys, strings: Mapping[int, str]) -> WordIntegers:
        """Look words up.

        keys (NDArray[uint64]): Hashes of the words, each once.
        strings (Mapping[int, str]): The words by their hashes, such as spaCy's string store.
        RETURNS (WordIntegers): Their integers.
        """
        rows = self._store.rows(
            "integers",
            keys,
            lambda new: np.stack([self._row_of(strings[key]) for key in new.tolist()]),
        )
        order = np.argsort(rows[:, 1], kind="stable")
        rows = rows[order]
        n_characters = rows[:, 1].astype(np.int64)
        longest = int(n_characters.max(initial=1))
        characters = rows[:, 2 : 2 + next(length for length in LENGTHS if length >= longest)]
        return WordIntegers(
            order=order,
            table_rows=rows[:, 0].astype(np.int64),
            characters=np.ascontiguousarray(characters.T, dtype=np.int64),
            n_characters=n_characters,
        )

    def sentences(
        self,
        words: WordIntegers,
        word_index: NDArray[np.int64],
        lengths: NDArray[np.int64],
    ) -> SentenceCharacters:
        """Characters of whole sequences.

        words (WordIntegers): The distinct words of the sequences.
        word_index (NDArray[int64]): Shape (tokens, sequences): which word stands where.
        lengths (NDArray[int64]): Shape (sequences,): number of tokens.
        RETURNS (SentenceCharacters): The characters and where the words are.
        """
        blank = self._character_rows[BLANK]
        spelt = [
            word[:count]
            for word, count in zip(
                words.characters.T.tolist(), words.n_characters.tolist(), strict=True
            )
        ]
        before, after = np.zeros_like(word_index), np.zeros_like(word_index)
        rows: list[list[int]] = []
        for column, length in enumerate(lengths.tolist()):
            row = [blank]
            for t, word in enumerate(word_index[:length, column].tolist()):
                before[t, column] = len(row) - 1
                row.extend(spelt[word])
                after[t, column] = len(row)
                row.append(blank)
            rows.append(row)
        n_characters = np.array([len(row) for row in rows], dtype=np.int64)
        characters = np.full((int(n_characters.max(initial=1)), len(rows)), PADDING, dtype=np.int64)
        for column, row in enumerate(rows):
            characters[: len(row), column] = row
        return SentenceCharacters(characters, n_characters, before, after)

    def _row_of(self, word: str) -> NDArray[np.int32]:
        """Make the integers of a word."""
        row = np.full(2 + LONGEST_WORD, PADDING, dtype=np.int32)
        form = word.lower() if self.vocabulary.caseless else word
        spelt = [self._character_rows.get(character, UNSEEN) for character in _cut(word)]
        row[:2] = self._word_rows.get(form, UNSEEN), len(spelt)
        row[2 : 2 + len(spelt)] = spelt
        return row


def _cut(word: str) -> str:
    """Keep both ends of a very long word: they tell most about it, and memory stays bounded."""
    half = LONGEST_WORD // 2
    return word if len(word) <= LONGEST_WORD else word[:half] + word[-half:]
