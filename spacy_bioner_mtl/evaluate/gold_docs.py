"""Scores of a pipeline on gold documents, head by head."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import srsly
from numpy.typing import NDArray

from spacy_bioner_mtl.console.progress import counted, track
from spacy_bioner_mtl.corpora.gold_files import check_corpora
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import write_whole
from spacy_bioner_mtl.pipeline.loading import head_names

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    scores (dict[str, Any]): All scores of ``nlp.evaluate``, from 0 to 1, under spaCy's keys.
    gold (dict[str, dict[str, int]]): For each head that documents are annotated for, the gold
        mentions of each label.
    documents (int): Number of documents.
    tokens (int): Number of gold tokens.
    unknown_heads (list[str]): Heads that documents are annotated for and the pipeline lacks; they
        score 0, and count in the averages.
    """

    scores: dict[str, Any]
    gold: dict[str, dict[str, int]]
    documents: int
    tokens: int
    unknown_heads: list[str]

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Lay the scores out as a table, in percent.

        RETURNS (list[tuple]): Name, precision, recall, F1 and gold mentions: of each head, below it
            of each of its labels, and at the end the means of the heads.
        """
        from spacy_bioner_mtl.pipeline.scorer import MACRO

        rows = []
        for head, counts in self.gold.items():
            key = f"spans_{head}"
            values = [self.scores[f"{key}_{part}"] for part in "prf"]
            rows.append(_row(head, values, sum(counts.values())))
            for label, scores in sorted(self.scores[f"{key}_per_type"].items()):
                values = [scores[part] for part in "prf"]
                rows.append(_row(f"  {label}", values, counts.get(label, 0)))
        total = sum(sum(counts.values()) for counts in self.gold.values())
        values = [self.scores[f"{MACRO}_{part}"] for part in "prf"]
        return [*rows, _row("macro average", values, total)]

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file.

        RETURNS (dict[str, Any]): spaCy's scores under their own keys, and the counts.
        """
        counts = {
            "gold_mentions": self.gold,
            "documents": self.documents,
            "tokens": self.tokens,
        }
        return {**self.scores, **counts}


def evaluate_pipeline(nlp: "Language", paths: Sequence[Path]) -> Evaluation:
    """Score a pipeline on gold documents, as ``spacy evaluate`` does.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): .spacy files, or folders with such files anywhere in them.
    RETURNS (Evaluation): The scores.
    RAISES (InputError): If a path holds no DocBin, or no document is annotated for any head.
    """
    from spacy_bioner_mtl.pipeline.spans import annotated_heads

    check_corpora(paths)
    examples = [example for path in paths for example in _read_examples(nlp, path)]
    gold: dict[str, Counter[str]] = {}
    for example in examples:
        for head in annotated_heads(example.reference):
            spans = example.reference.spans[head]
            gold.setdefault(head, Counter()).update(span.label_ for span in spans)
    if not gold:
        raise InputError(
            f"{', '.join(map(str, paths))}: no document is annotated for any head. Make the files "
            "with `bioner-mtl convert`."
        )
    known = head_names(nlp)
    with counted(nlp, len(examples)), warnings.catch_warnings():
        # Told by unknown_heads.
        warnings.filterwarnings("ignore", message="Documents are annotated for heads")
        scores = nlp.evaluate(examples)
    return Evaluation(
        scores=scores,
        gold={head: dict(sorted(gold[head].items())) for head in sorted(gold)},
        documents=len(examples),
        tokens=sum(len(example.reference) for example in examples),
        unknown_heads=[head for head in sorted(gold) if head not in known],
    )


def find_meta(model: str) -> Path:
    """Find the meta.json of a pipeline's folder.

    model (str): The folder.
    RETURNS (Path): The file.
    RAISES (InputError): If this is no folder of a pipeline.
    """
    path = Path(model) / "meta.json"
    if not path.is_file():
        raise InputError(
            f"{model}: scores can be saved in the meta.json of a pipeline's folder, and there is "
            "none. Name the folder that spacy train wrote."
        )
    return path


def save_performance(evaluation: Evaluation, meta: Path) -> None:
    """Make scores the performance that a pipeline's meta.json tells of.

    evaluation (Evaluation): The scores.
    meta (Path): The meta.json; nothing else in it changes.
    """
    content = srsly.read_json(meta)
    scores = {key: value for key, value in evaluation.scores.items() if key != "speed"}
    with write_whole(meta) as file:
        file.write(srsly.json_dumps({**content, "performance": scores}, indent=2))


def annotate_gold(nlp: "Language", paths: Sequence[Path]) -> "list[Example]":
    """Let a pipeline annotate gold documents, as evaluate_pipeline does.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): As for evaluate_pipeline.
    RETURNS (list[Example]): Annotated and gold documents, in the order of the files.
    RAISES (InputError): If a path holds no DocBin.
    """
    check_corpora(paths)
    examples = [example for path in paths for example in _read_examples(nlp, path)]
    docs = track(nlp.pipe([example.predicted for example in examples]), "documents", len(examples))
    for example, doc in zip(examples, docs, strict=True):
        example.predicted = doc
    return examples


def count_mentions(examples: "Sequence[Example]", head: str) -> NDArray[np.int64]:
    """Count one head's mentions document by document; their sums are what the scorer scores.

    examples (Sequence[Example]): Annotated and gold documents.
    head (str): The head.
    RETURNS (NDArray[int64]): Shape (documents annotated for the head, 3): true positives,
        predicted mentions, gold mentions.
    """
    annotated = [example for example in examples if head in example.reference.spans]
    counts = [_count_document(example, head) for example in annotated]
    return np.array(counts, dtype=np.int64).reshape(-1, 3)


def _count_document(example: "Example", head: str) -> tuple[int, int, int]:
    from spacy_bioner_mtl.pipeline.gold import unknown_tokens

    unknown = unknown_tokens(example, head)
    spans = [
        span
        for span in example.predicted.spans.get(head, ())
        if unknown.isdisjoint(range(span.start, span.end))
    ]
    aligned = example.get_aligned_spans_x2y(spans, allow_overlap=True)
    predicted = {(span.start, span.end, span.label_) for span in aligned}
    gold = {(span.start, span.end, span.label_) for span in example.reference.spans[head]}
    return len(predicted & gold), len(predicted), len(gold)


def _read_examples(nlp: "Language", path: Path) -> "list[Example]":
    from spacy.training import Corpus

    try:
        return list(track(Corpus(path)(nlp), "gold documents read"))
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as documents ({error}). Convert the corpus again."
        ) from error


def _row(name: str, values: Sequence[float], mentions: int) -> tuple[str, str, str, str, str]:
    precision, recall, f_score = (f"{100 * value:.2f}" for value in values)
    return name, precision, recall, f_score, f"{mentions:,}"
