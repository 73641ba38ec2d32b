"""The network's answers as spans with probabilities."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from spacy_bioner_mtl.models.sequences import concatenate, split_sequences
from spacy_bioner_mtl.models.types import Answer
from spacy_bioner_mtl.nn.crf import span_scores, viterbi
from spacy_bioner_mtl.nn.lattice import temper
from spacy_bioner_mtl.nn.tagset import BEGIN, OUTSIDE, SINGLE, Head, spans_to_tags, tags_to_spans
from spacy_bioner_mtl.pipeline.consistency import Occurrences, find_repeats
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
    n_tags = np.array([head.n_tags for head in heads])
    for part, answers in replies:
        own = part.sequences
        narrow = [each for answer in answers for each in _split_by_tags(answer, n_tags)]
        table = _rows_of_part(part, narrow, settings)
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


def _split_by_tags(answer: Answer, n_tags: NDArray[np.int64]) -> list[Answer]:
    """Split an answer by number of tags: Viterbi takes time for each pair of tags, asked or not.

    n_tags (NDArray[int64]): Shape (heads,).
    """
    own = n_tags[answer.pairs[:, 1]]
    split = []
    for size in np.unique(own).tolist():
        columns = np.flatnonzero(own == size)
        chosen = torch.as_tensor(columns, device=answer.lattice.emissions.device)
        split.append(Answer(answer.pairs[columns], answer.lattice.select(chosen).crop(size)))
    return split


def _found_spans(rows: NDArray[np.void], heads: list[Head], scores: bool) -> list[FoundSpan]:
    """Make what leaves this module of rows."""
    names = [head.name for head in heads]
    labels = [head.labels for head in heads]
    return [
        FoundSpan(start, end, labels[head][label], names[head], score if scores else None)
        for _, head, start, end, label, score in rows.tolist()
    ]


def find_occurrences(
    part: Part, answers: list[Answer], settings: HeadSettings, heads: NDArray[np.bool_]
) -> Occurrences:
    """Find spans, and all other occurrences of their strings in their documents.

    part (Part): The part of the documents.
    answers (list[Answer]): The network's answers to it.
    settings (HeadSettings): The temperatures.
    heads (NDArray[bool]): Shape (heads,): those whose other occurrences are looked for.
    RETURNS (Occurrences): All of them, with their scores; tokens are counted in each sequence.
    """
    paths, found = _best_paths(answers)
    further, groups = find_repeats(part.docs, part.sequences, found, heads)
    rows = np.concatenate([found, further])
    _score(rows, answers, paths, settings.temperatures)
    return Occurrences(rows, groups, np.arange(len(rows)) < len(found))


def _rows_of_part(part: Part, answers: list[Answer], settings: HeadSettings) -> NDArray[np.void]:
    """Rows of all answers to a part; their tokens are those of the documents."""
    heads = ~np.isnan(settings.consistency[:, 0])
    if not heads.any():
        paths, rows = _best_paths(answers)
        scored = settings.scored[rows["head"]]
        rows[scored] = _score(rows[scored], answers, paths, settings.temperatures)
    else:
        occurrences = find_occurrences(part, answers, settings, heads)
        rows = occurrences.revise(settings.consistency)
    rows["start"], rows["end"] = part.sequences.spans_to_doc(
        rows["sequence"], rows["start"], rows["end"]
    )
    return rows


def _best_paths(answers: list[Answer]) -> tuple[list[torch.Tensor], NDArray[np.void]]:
    """The best path of every pair, answer by answer, and the rows of their spans."""
    paths = [viterbi(answer.lattice) for answer in answers]
    rows = [_best_spans(*each) for each in zip(answers, paths, strict=True)]
    return paths, np.concatenate(rows)


def _best_spans(answer: Answer, path: torch.Tensor) -> NDArray[np.void]:
    """Rows of the spans of an answer's best paths; tokens are counted in each sequence."""
    # In most pairs a head finds nothing.
    pairs = torch.nonzero((path != OUTSIDE).any(dim=0))[:, 0]
    columns, starts, ends, labels = tags_to_spans(path[:, pairs].T.cpu().numpy())
    rows = np.empty(len(columns), dtype=ROW)
    rows["sequence"], rows["head"] = answer.pairs[pairs.cpu().numpy()[columns]].T
    rows["start"], rows["end"], rows["label"] = starts, ends, labels
    rows["score"] = np.nan
    return rows


def _score(
    rows: NDArray[np.void],
    answers: list[Answer],
    paths: list[torch.Tensor],
    temperatures: NDArray[np.float64],
) -> NDArray[np.void]:
    """Give spans their probabilities, in place; none of one pair shares a token."""
    # Every pair of sequence and head has one number, and one column in one answer.
    n_heads = len(temperatures)
    numbers = rows["sequence"] * n_heads + rows["head"]
    for answer, path in zip(answers, paths, strict=True):
        of_answer = answer.pairs[:, 0] * n_heads + answer.pairs[:, 1]
        order = np.argsort(of_answer)
        place = np.minimum(np.searchsorted(of_answer, numbers, sorter=order), len(order) - 1)
        column = order[place]
        mine = np.flatnonzero(of_answer[column] == numbers)
        if len(mine):
            columns, among = np.unique(column[mine], return_inverse=True)
            chosen = torch.as_tensor(columns, device=path.device)
            lattice = answer.lattice.select(chosen)
            tags = _write_tags(path[:, chosen], rows[mine], among)
            lattice = temper(lattice, temperatures[answer.pairs[columns, 1]])
            rows["score"][mine] = span_scores(
                lattice, tags, among, rows["start"][mine], rows["end"][mine]
            )
    return rows


def _write_tags(
    path: torch.Tensor, rows: NDArray[np.void], columns: NDArray[np.int64]
) -> torch.Tensor:
    """Write the tags of spans into paths that have others there."""
    starts, ends, labels = rows["start"], rows["end"], rows["label"]
    first = 1 + 4 * labels + np.where(ends - starts == 1, SINGLE, BEGIN)
    tags = path.cpu().numpy()
    others = np.flatnonzero(tags[starts, columns] != first).tolist()
    if not others:
        return path
    tags = tags.copy()
    for index in others:
        start, end = int(starts[index]), int(ends[index])
        span = (0, end - start, int(labels[index]))
        tags[start:end, columns[index]] = spans_to_tags([span], end - start)
    return torch.as_tensor(tags, device=path.device)
