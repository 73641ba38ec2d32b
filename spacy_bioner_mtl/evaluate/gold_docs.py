"""Scores of a pipeline on gold documents, head by head."""

import warnings
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import srsly
from numpy.typing import NDArray

from spacy_bioner_mtl.console.progress import counted, track
from spacy_bioner_mtl.corpora.gold_files import check_corpora, iterate_examples
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import write_whole
from spacy_bioner_mtl.pipeline.loading import head_names

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

    from spacy_bioner_mtl.pipeline.judge import Key


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
            rows.append(score_row(head, values, sum(counts.values())))
            for label, scores in sorted(self.scores[f"{key}_per_type"].items()):
                values = [scores[part] for part in "prf"]
                rows.append(score_row(f"  {label}", values, counts.get(label, 0)))
        total = sum(sum(counts.values()) for counts in self.gold.values())
        values = [self.scores[f"{MACRO}_{part}"] for part in "prf"]
        return [*rows, score_row("macro average", values, total)]

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


def score_row(name: str, scores: Iterable[float], mentions: int) -> tuple[str, str, str, str, str]:
    """Lay scores out as a row of a table.

    name (str): The name of the row.
    scores (Iterable[float]): Precision, recall and F1, from 0 to 1.
    mentions (int): Number of gold mentions.
    RETURNS (tuple): The row, in percent.
    """
    precision, recall, f_score = (f"{100 * score:.2f}" for score in scores)
    return name, precision, recall, f_score, f"{mentions:,}"


def evaluate_pipeline(nlp: "Language", paths: Sequence[Path]) -> Evaluation:
    """Score a pipeline on gold documents, as ``spacy evaluate`` does.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): .spacy files, or folders with such files anywhere in them.
    RETURNS (Evaluation): The scores.
    RAISES (InputError): If a path holds no DocBin, or no document is annotated for any head.
    """
    from spacy_bioner_mtl.pipeline.spans import count_labels

    examples = _read_examples(nlp, paths)
    gold = count_labels(example.reference for example in examples)
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
        gold={head: dict(sorted(counts.items())) for head, counts in gold.items()},
        documents=len(examples),
        tokens=sum(len(example.reference) for example in examples),
        unknown_heads=[head for head in gold if head not in known],
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
    examples = _read_examples(nlp, paths)
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
    from spacy_bioner_mtl.pipeline.judge import Judge

    judges = (Judge(example, head) for example in examples if head in example.reference.spans)
    return count_pairs((judge.predicted(), judge.gold) for judge in judges)


def count_pairs(pairs: "Iterable[tuple[Set[Key], Set[Key]]]") -> NDArray[np.int64]:
    """Count mentions document by document.

    pairs (Iterable[tuple[Set[Key], Set[Key]]]): What was found in each document, and its gold.
    RETURNS (NDArray[int64]): Shape (documents, 3): true positives, predicted mentions, gold
        mentions.
    """
    counts = [(len(spans & gold), len(spans), len(gold)) for spans, gold in pairs]
    return np.array(counts, dtype=np.int64).reshape(-1, 3)


def _read_examples(nlp: "Language", paths: Sequence[Path]) -> "list[Example]":
    check_corpora(paths)
    examples: list[Example] = []
    for path in paths:
        try:
            examples += track(iterate_examples(path, nlp), "gold documents read")
        except Exception as error:
            raise InputError(
                f"{path}: cannot be read as documents ({error}). Convert the corpus again."
            ) from error
    return examples
