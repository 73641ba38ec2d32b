"""Within a document, mentions of one string support each other.

Authors repeat names, and annotators annotate them wherever they stand: of the strings that are
annotated somewhere in an abstract of BC5CDR, 99.97 % of all occurrences are. The network reads
sentence by sentence and does not know that. Here, for each head, all occurrences of a string that
the head has found in a document are looked at together, those that it has not found as well, and so
are those of its short form, as in "tumour necrosis factor (TNF)"; each is judged anew by its own
probability and by those of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.pipeline.abbreviations import find_abbreviations

#: Probabilities nearer to 0 or 1 are no surer than this, in logits.
SURE = 7.0
#: Shorter words must be written alike: case tells names from words.
CASELESS_FROM = 4

Rows = NDArray[np.void]


@dataclass(frozen=True)
class Occurrences:
    """Occurrences of strings, found by a head or not.

    rows (NDArray[void]): Sequence, head, start and end in the sequence, label and score.
    groups (NDArray[int64]): Shape (rows,): occurrences of one string in one document, for one head
        and label, have the same number.
    found (NDArray[bool]): Shape (rows,): whether the head has found it.
    """

    rows: Rows
    groups: NDArray[np.int64]
    found: NDArray[np.bool_]

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Mask of the rows that are not alone in their group. Shape (rows,)."""
        repeated: NDArray[np.bool_] = np.bincount(self.groups)[self.groups] > 1
        return repeated

    def evidence(self) -> NDArray[np.float64]:
        """Return each row's own logit, and the mean of those of the others. Shape (rows, 2)."""
        own = to_logits(self.rows["score"])
        count = np.bincount(self.groups)[self.groups]
        others = (np.bincount(self.groups, own)[self.groups] - own) / np.maximum(count - 1, 1)
        return np.stack([own, others], axis=1)

    def revise(self, weights: NDArray[np.float64]) -> Rows:
        """Judge the rows anew: those that are repeated, and of heads that have weights.

        The new logit is own * (its logit) + others * (the mean of the others' logits) + bias.

        weights (NDArray[float64]): Shape (heads, 3): own, others and bias of each head.
        RETURNS (NDArray[void]): Those that are mentions, with their new scores.
        """
        own, others, bias = weights[self.rows["head"]].T
        evidence = self.evidence()
        logits = own * evidence[:, 0] + others * evidence[:, 1] + bias
        repeated = self.repeated
        rows = self.rows.copy()
        rows["score"][repeated] = 1.0 / (1.0 + np.exp(-logits[repeated]))
        kept: Rows = rows[~repeated | (logits > 0.0)]
        return kept


def to_logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn probabilities into logits, bounded by SURE."""
    with np.errstate(divide="ignore"):
        logits: NDArray[np.float64] = np.clip(np.log(scores) - np.log1p(-scores), -SURE, SURE)
    return logits


def find_repeats(
    docs: list[Doc], sequences: Sequences, rows: Rows, heads: NDArray[np.bool_]
) -> tuple[Rows, NDArray[np.int64]]:
    """Find all occurrences of the strings that heads have found in a document.

    A short form that the document explains behind a mention is another string for the same.

    docs (list[Doc]): The documents.
    sequences (Sequences): Their sequences, all of them.
    rows (NDArray[void]): What heads have found: sequence, head, start and end in the sequence,
        label. Of one head, no two share a token.
    heads (NDArray[bool]): Shape (heads,): those whose strings are looked for; what others have
        found is alone in its group.
    RETURNS (tuple[NDArray[void], NDArray[int64]]): Further occurrences, which share no token with
        what the same head has found, nor with each other; and the groups of all: first of the given
        rows, then of the further ones.
    """
    flat = sequences.flatten(np.array([len(doc) for doc in docs])).tokens
    # Lists: single tokens and short pieces are what they are several times as fast at.
    keys = _token_keys(docs)[flat].tolist()
    starts = sequences.starts
    of_token = np.repeat(np.arange(len(sequences)), sequences.lengths)
    bounds = np.searchsorted(sequences.docs[of_token], np.arange(len(docs) + 1))
    groups = np.zeros(len(rows), dtype=np.int64)
    known: dict[tuple[int, int, int, tuple[int, ...]], int] = {}
    taken: dict[int, bytearray] = {}
    # Where mentions end: what short forms may stand for
    ends: dict[int, list[tuple[int, int]]] = {}
    first = starts[rows["sequence"]] + rows["start"]
    columns = [first, first + rows["end"] - rows["start"], sequences.docs[rows["sequence"]]]
    for index, (begin, end, number, head, label) in enumerate(
        np.stack([*columns, rows["head"], rows["label"]], axis=1).tolist()
    ):
        if heads[head]:
            key = number, head, label, tuple(keys[begin:end])
            groups[index] = known.setdefault(key, len(known))
            taken.setdefault(head, bytearray(len(keys)))[begin:end] = b"\1" * (end - begin)
            ends.setdefault(end, []).append((index, begin))
    found_in = sorted({number for number, *_ in known})
    for index, number, begin, end in _short_forms(docs, found_in, flat, ends):
        key = number, *rows[["head", "label"]][index].tolist(), tuple(keys[begin:end])
        groups[groups == known.get(key, -1)] = groups[index]
        known[key] = int(groups[index])
    places = {
        number: _places(keys, int(bounds[number]), int(bounds[number + 1]))
        for number in {number for number, *_ in known}
    }
    mentions = np.bincount(groups[heads[rows["head"]]], minlength=len(known))
    # Longer strings first: they may hold shorter ones. Then those with more mentions, such as one
    # of two labels. Nothing may depend on the order of the rows, which is that of a batch.
    order = sorted(
        (-len(text), -int(mentions[group]), places[number][text[0]][0], label, number, head, text)
        for (number, head, label, text), group in known.items()
    )
    further: list[tuple[int, ...]] = []
    for *_, label, number, head, text in order:
        group = known[number, head, label, text]
        end_of_doc = int(bounds[number + 1])
        for begin in places[number].get(text[0], ()):
            end = begin + len(text)
            if (
                end <= end_of_doc
                and tuple(keys[begin:end]) == text
                and of_token[begin] == of_token[end - 1]
                and 1 not in taken[head][begin:end]
            ):
                taken[head][begin:end] = b"\1" * len(text)
                sequence = int(of_token[begin])
                start = begin - int(starts[sequence])
                further.append((sequence, head, start, start + len(text), label, group))
    found = np.zeros(len(further), dtype=rows.dtype)
    table = np.array(further, dtype=np.int64).reshape(-1, 6)
    for column, name in enumerate(("sequence", "head", "start", "end", "label")):
        found[name] = table[:, column]
    others = np.flatnonzero(~heads[rows["head"]])
    groups[others] = len(known) + np.arange(len(others))
    return found, np.concatenate([groups, table[:, 5]])


def _short_forms(
    docs: list[Doc],
    chosen: list[int],
    flat: NDArray[np.int64],
    ends: dict[int, list[tuple[int, int]]],
) -> Iterator[tuple[int, int, int, int]]:
    """Index of a mention, its document, and start and end of a short form that stands for it."""
    sizes = np.array([len(doc) for doc in docs])
    offsets = np.cumsum(sizes) - sizes
    position = np.full(int(sizes.sum()), -1)
    position[flat] = np.arange(len(flat))
    for number in chosen:
        doc = docs[number]
        # Several times as fast as asking each token
        forms, spaced = doc.to_array(["ORTH", "SPACY"]).T
        words = [doc.vocab.strings[form] for form in forms.tolist()]
        spaces = spaced.astype(bool).tolist()
        places = position[offsets[number] : offsets[number] + len(words)]
        for pair in find_abbreviations(words, spaces):
            short = places[pair.short_start : pair.short_end]
            if (np.diff(short) == 1).all() and short[0] >= 0:
                for index, begin in ends.get(int(places[pair.long_end - 1]) + 1, ()):
                    # Where it starts otherwise, every other short form is no mention.
                    if begin == places[pair.long_start]:
                        yield index, number, int(short[0]), int(short[-1]) + 1


def _token_keys(docs: list[Doc]) -> NDArray[np.uint64]:
    """What tokens are compared by: lower-cased forms of words, forms of short words."""
    values = np.concatenate([doc.to_array(["ORTH", "LOWER", "LENGTH"]) for doc in docs])
    keys: NDArray[np.uint64] = np.where(values[:, 2] < CASELESS_FROM, values[:, 0], values[:, 1])
    return keys


def _places(keys: list[int], begin: int, end: int) -> dict[int, list[int]]:
    """Where each key stands between two tokens."""
    places: dict[int, list[int]] = {}
    for place in range(begin, end):
        places.setdefault(keys[place], []).append(place)
    return places
