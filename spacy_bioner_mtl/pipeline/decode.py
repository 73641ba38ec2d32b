"""The network's answers as spans with probabilities."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from spacy_bioner_mtl.models.sequences import Sequences, concatenate, split_sequences
from spacy_bioner_mtl.models.types import Answer
from spacy_bioner_mtl.nn.crf import ForwardBackward, viterbi
from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, Lattice
from spacy_bioner_mtl.nn.tagset import OUTSIDE, Head, tags_to_spans
from spacy_bioner_mtl.pipeline.settings import HeadSettings
from spacy_bioner_mtl.pipeline.spans import FoundSpan
from spacy_bioner_mtl.pipeline.windows import ROW, Part, join_windows

#: The network's answers to a part of the documents.
Reply = tuple[Part, list[Answer]]


def decode(
    replies: Iterable[Reply], heads: list[Head], settings: HeadSettings, n_docs: int
) -> list[list[FoundSpan]]:
    """Read the most probable tagging of every pair of sequence and head, all heads at once.

    replies (Iterable[Reply]): Parts of the documents, in order, and the network's answers.
    heads (list[Head]): The network's heads.
    settings (HeadSettings): Which scores to compute and which spans to drop.
    n_docs (int): Number of documents.
    RETURNS (list[list[FoundSpan]]): For each document, its spans in order of head and text.
    """
    tables, parts, n_sequences = [np.empty(0, dtype=ROW)], [split_sequences([])], 0
    for part, answers in replies:
        own = part.sequences
        table = _rows_of_part(own, answers, settings)
        table["sequence"] += n_sequences
        n_sequences += len(own)
        tables.append(table)
        parts.append(replace(own, docs=own.docs + part.first_doc))
    rows, sequences = np.concatenate(tables), concatenate(parts)
    rows = join_windows(rows[np.argsort(rows["sequence"], kind="stable")], sequences)
    # NaN, a score not asked for, is below no threshold.
    rows = rows[~(rows["score"] < settings.thresholds[rows["head"]])]
    doc = sequences.docs[rows["sequence"]]
    order = np.lexsort((rows["start"], rows["head"], doc))
    found = _found_spans(rows[order], heads, settings.scores)
    ends = np.cumsum(np.bincount(doc, minlength=n_docs)).tolist()
    return [found[first:end] for first, end in pairwise([0, *ends])]


def _found_spans(rows: NDArray[np.void], heads: list[Head], scores: bool) -> list[FoundSpan]:
    """Make what leaves this module of rows."""
    names = [head.name for head in heads]
    labels = [head.labels for head in heads]
    return [
        FoundSpan(start, end, labels[head][label], names[head], score if scores else None)
        for _, head, start, end, label, score in rows.tolist()
    ]


def _rows_of_part(
    sequences: Sequences, answers: list[Answer], settings: HeadSettings
) -> NDArray[np.void]:
    """Rows of all answers to a part; their tokens are those of the documents."""
    rows = np.concatenate([_rows_of_answer(answer, settings) for answer in answers])
    rows["start"] = sequences.to_doc(rows["sequence"], rows["start"])
    rows["end"] = sequences.to_doc(rows["sequence"], rows["end"] - 1) + 1
    return rows


def _rows_of_answer(answer: Answer, settings: HeadSettings) -> NDArray[np.void]:
    """Rows of an answer; tokens are counted from the beginning of each sequence."""
    tags = viterbi(answer.lattice)
    # Only what has a span needs probabilities: in most pairs a head finds nothing.
    pairs = torch.nonzero((tags != OUTSIDE).any(dim=0))[:, 0]
    asked = answer.pairs[pairs.cpu().numpy()]
    tags = tags[:, pairs]
    columns, starts, ends, labels = tags_to_spans(tags.T.cpu().numpy())
    rows = np.empty(len(columns), dtype=ROW)
    rows["sequence"], rows["head"] = asked[columns].T
    rows["start"], rows["end"], rows["label"] = starts, ends, labels
    rows["score"] = np.nan
    scored = np.flatnonzero(settings.scored[asked[:, 1]])
    if len(scored):
        chosen = torch.as_tensor(scored, device=pairs.device)
        lattice = _select(answer.lattice, pairs[chosen])
        temperatures = settings.temperatures[asked[scored, 1]]
        column = np.full(len(asked), -1)
        column[scored] = np.arange(len(scored))
        among = column[columns]
        mine = among >= 0
        rows["score"][mine] = span_scores(
            temper(lattice, temperatures), tags[:, chosen], among[mine], starts[mine], ends[mine]
        )
    return rows


def span_scores(
    lattice: Lattice,
    tags: torch.Tensor,
    columns: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Compute the probabilities of spans of a path, whatever the rest of it is.

    lattice (Lattice): The scores of N sequences.
    tags (Tensor): Shape (L, N): their paths.
    columns (NDArray[int64]): Shape (spans,): the sequence of each span.
    starts (NDArray[int64]): Shape (spans,): its first token.
    ends (NDArray[int64]): Shape (spans,): the token after its last.
    RETURNS (NDArray[float64]): Shape (spans,).
    """
    alone, given = (step.cpu().numpy() for step in ForwardBackward(lattice).path_steps(tags))
    given = np.cumsum(given, axis=0)
    log_scores = alone[starts, columns] + given[ends - 1, columns] - given[starts, columns]
    scores: NDArray[np.float64] = np.exp(np.minimum(log_scores, 0.0))
    return scores


def temper(lattice: Lattice, temperatures: NDArray[np.float64]) -> Lattice:
    """Divide scores by temperatures (Guo et al. 2017): above 1, what is probable becomes less so.

    The order of taggings by their scores, and so the best one, stays.

    lattice (Lattice): The scores of N sequences.
    temperatures (NDArray[float64]): Shape (N,).
    RETURNS (Lattice): The scores divided; what is impossible stays so.
    """
    if (temperatures == 1.0).all():
        return lattice
    divisors = torch.as_tensor(temperatures).to(lattice.emissions)

    def divide(scores: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        return torch.where(scores > IMPOSSIBLE / 2, scores / by, scores)

    return Lattice(
        divide(lattice.emissions, divisors[:, None]),
        divide(lattice.transitions, divisors[:, None, None]),
        lattice.lengths,
    )


def _select(lattice: Lattice, pairs: torch.Tensor) -> Lattice:
    """Keep some of a batch's sequences."""
    transitions = lattice.transitions
    return Lattice(
        lattice.emissions[:, pairs],
        transitions[pairs] if transitions.dim() == 3 else transitions[:, pairs],
        lattice.lengths[pairs],
    )
