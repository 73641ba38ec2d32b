"""Scores on raw text: a head's spans against gold mentions, character by character.

Gold documents of a DocBin come with tokens, and often with sentences. Here the pipeline gets the
bare text, so that its tokens and sentence boundaries are on trial, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from spacy.scorer import PRFScore

from spacy_bioner_mtl.console.progress import track
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import score_row
from spacy_bioner_mtl.formats.gold_records import (
    GoldOptions,
    GoldReport,
    find_unknown,
    read_sources,
)
from spacy_bioner_mtl.formats.label_map import LabelMap, rename
from spacy_bioner_mtl.formats.record import MERGED_HEAD, SOURCE_HEAD, Record
from spacy_bioner_mtl.pipeline.judge import Key, LabelScores
from spacy_bioner_mtl.pipeline.loading import active_head_names, bioner_pipes

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

#: Documents in a memory zone of spaCy's, which drops new words at its end.
DOCUMENTS_PER_ZONE = 256


@dataclass
class RawTextEvaluation:
    """What an evaluation on raw text found.

    head (str): The head, or MERGED_HEAD.
    documents (int): Number of documents.
    tokens (int): Number of the pipeline's tokens, white space left out.
    labels (LabelScores): Scores of each label, in the gold or predicted.
    duplicates (int): Gold mentions left out, since the same span has the same label already.
    left_out (int): Gold mentions whose label the map leaves out.
    unreachable (int): Gold mentions that do not begin and end with a token.
    cut (int): Gold mentions that a sentence boundary cuts in two.
    overlapping (int): Gold mentions that share text with a longer one, or with an earlier one of
        the same length: a head's spans never overlap.
    unused_labels (list[str]): Labels of the map that no mention had, gold or predicted.
    unknown_labels (list[str]): Labels in the gold, after the map, that the head never predicts.
    unjudged (int): Predicted mentions that touch text of unknown annotation, and are neither right
        nor wrong.
    gold (GoldReport): What was wrong with annotations, and what was left out.
    """

    head: str
    documents: int = 0
    tokens: int = 0
    labels: LabelScores = field(default_factory=LabelScores)
    duplicates: int = 0
    left_out: int = 0
    unreachable: int = 0
    cut: int = 0
    overlapping: int = 0
    unused_labels: list[str] = field(default_factory=list)
    unknown_labels: list[str] = field(default_factory=list)
    unjudged: int = 0
    gold: GoldReport = field(default_factory=GoldReport)

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Lay the scores out as a table, in percent.

        RETURNS (list[tuple]): Name, precision, recall, F1 and gold mentions: of the head, below it
            of each label.
        """
        named = [(self.head, self.labels.total())]
        named += [(f"  {label}", self.labels[label]) for label in sorted(self.labels)]
        return [score_row(name, each.to_dict().values(), each.tp + each.fn) for name, each in named]

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file.

        RETURNS (dict[str, Any]): Scores from 0 to 1, and the counts.
        """
        return {
            "head": self.head,
            **_to_json(self.labels.total()),
            "per_type": {label: _to_json(self.labels[label]) for label in sorted(self.labels)},
            "documents": self.documents,
            "tokens": self.tokens,
            "duplicates": self.duplicates,
            "left_out": self.left_out,
            "unreachable": self.unreachable,
            "cut": self.cut,
            "overlapping": self.overlapping,
            "unjudged": self.unjudged,
            "flaws": {kind.value: flaw.count for kind, flaw in self.gold.flaws.items()},
            "documents_left_out": self.gold.left_out,
        }


def _to_json(score: PRFScore) -> dict[str, float]:
    counts = {"found": score.tp, "predicted": score.tp + score.fp, "gold": score.tp + score.fn}
    return {**score.to_dict(), **counts}


class GoldTexts:
    """Gold documents of a source, which is read once: the first is read at once.

    source (Path): The file or folder, or STANDARD_INPUT.
    options (GoldOptions): How to read it.
    """

    def __init__(self, source: Path, options: GoldOptions) -> None:
        """Read the first document, to refuse what cannot be read before a model is loaded.

        RAISES (InputError): The format is unknown, or the file is missing or malformed at its
            start.
        """
        self.report = GoldReport()
        self._source = source
        records = (record for _, record in read_sources([source], options, self.report))
        self._records = chain([next(records)], records)

    def __iter__(self) -> Iterator[Record]:
        """Give the documents; those that were given before are gone.

        RAISES (InputError): Something is malformed, or no annotation was there to be scored by, but
            some that cannot be used.
        """
        yield from self._records
        self.report.refuse_if_useless(str(self._source), self.report.usable)


def evaluate_raw_text(
    nlp: "Language", texts: GoldTexts, head: str, *, label_map: LabelMap | None = None
) -> RawTextEvaluation:
    """Let a pipeline annotate texts, and compare one head with the gold mentions.

    nlp (Language): The pipeline.
    texts (GoldTexts): The texts, of any length.
    head (str): The head, or MERGED_HEAD for doc.ents.
    label_map (Mapping[str, str | None] | None): New labels for old ones, of gold and of the head;
        null or "" leaves a label out of both.
    RETURNS (RawTextEvaluation): Scores and counts.
    RAISES (InputError): If there is no such head, it is not active, or the file is malformed.
    """
    heads = active_head_names(nlp)
    if head not in (*heads, MERGED_HEAD):
        raise InputError(
            f"there is no head {head!r} in the pipeline, or it is switched off; choose from: "
            f"{', '.join((*heads, MERGED_HEAD))}"
        )
    label_map = label_map or {}
    evaluation = RawTextEvaluation(head, gold=texts.report)
    met: set[str] = set()
    records = track(texts, "documents")
    while chunk := list(islice(records, DOCUMENTS_PER_ZONE)):
        with nlp.memory_zone():
            # Of its own accord a pipeline takes no texts longer than nlp.max_length.
            docs = nlp.pipe(nlp.tokenizer(record.text) for record in chunk)
            for doc, record in zip(docs, chunk, strict=True):
                _count(evaluation, doc, record, label_map, met)
    evaluation.unused_labels = sorted(label_map.keys() - met)
    known = {rename(label, label_map) for label in _head_labels(nlp, head)}
    in_gold = {label for label, each in evaluation.labels.items() if each.tp + each.fn}
    evaluation.unknown_labels = sorted(in_gold - known)
    return evaluation


def _head_labels(nlp: "Language", name: str) -> Iterator[str]:
    for pipe in bioner_pipes(nlp):
        for head in pipe.heads:
            if name in (head.name, MERGED_HEAD):
                yield from head.labels


def _count(
    evaluation: RawTextEvaluation, doc: "Doc", record: Record, label_map: LabelMap, met: set[str]
) -> None:
    """Add one document to an evaluation."""
    keys: list[Key] = []
    for mention in record.mentions[SOURCE_HEAD]:
        met.add(mention.label)
        label = rename(mention.label, label_map)
        if label:
            keys.append((mention.start, mention.end, label))
        else:
            evaluation.left_out += 1
    met.update(flaw.label for flaw in record.flaws)
    gold = set(keys)
    unknown = np.zeros(len(record.text), dtype=np.bool_)
    for piece in find_unknown(record, label_map):
        unknown[piece.start : piece.end] = True
    predicted: set[Key] = set()
    for span in doc.ents if evaluation.head == MERGED_HEAD else doc.spans[evaluation.head]:
        met.add(span.label_)
        label = rename(span.label_, label_map)
        key = (span.start_char, span.end_char, label or "")
        if label and key not in gold and unknown[span.start_char : span.end_char].any():
            evaluation.unjudged += 1
        elif label:
            predicted.add(key)
    evaluation.labels.add(predicted, gold)
    evaluation.documents += 1
    evaluation.tokens += sum(not token.is_space for token in doc)
    evaluation.duplicates += len(keys) - len(gold)
    evaluation.unreachable += sum(doc.char_span(start, end) is None for start, end, _ in gold)
    evaluation.cut += _count_cut(doc, gold)
    evaluation.overlapping += _count_overlapping(len(record.text), gold)


def _count_cut(doc: "Doc", gold: Iterable[Key]) -> int:
    boundaries = [token.idx for token in doc if token.is_sent_start]
    return sum(any(start < boundary < end for boundary in boundaries) for start, end, _ in gold)


def _count_overlapping(length: int, gold: Iterable[Key]) -> int:
    count = 0
    taken = np.zeros(length, dtype=np.bool_)
    for start, end, _ in sorted(gold, key=lambda one: (one[0] - one[1], one)):
        if taken[start:end].any():
            count += 1
        else:
            taken[start:end] = True
    return count
