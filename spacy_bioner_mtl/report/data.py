"""What the page shows, computed from a pipeline and gold documents."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import srsly
from numpy.typing import NDArray

from spacy_bioner_mtl.corpora.gold_files import iterate_docs
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.calibration import Calibration, measure
from spacy_bioner_mtl.evaluate.gold_docs import count_mentions
from spacy_bioner_mtl.evaluate.matrix import Annotated, annotate_corpora
from spacy_bioner_mtl.evaluate.significance import f_scores
from spacy_bioner_mtl.pipeline.confidence import SCORES
from spacy_bioner_mtl.pipeline.judge import Judge, Key
from spacy_bioner_mtl.pipeline.loading import bioner_pipes, head_names
from spacy_bioner_mtl.report.mistakes import Agreement, Kind, Pair, measure_agreement, pair_mentions
from spacy_bioner_mtl.report.sentences import Sentence, choose_sentences, text_of
from spacy_bioner_mtl.report.traits import make_traits

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

#: Samples of documents that confidence intervals are made of.
SAMPLES = 1_000
_INTERVAL = (2.5, 97.5)
#: How many strings of each head are shown.
SHOWN = 15


@dataclass
class HeadReport:
    """What a head gets right and wrong.

    name (str): The head.
    documents (int): Documents that are annotated for it.
    gold (int): Gold mentions.
    precision (float): From 0 to 1.
    recall (float): From 0 to 1.
    f_score (float): From 0 to 1.
    interval (tuple[float, float]): In which F1 of 95 of 100 samples of such documents lies.
    agreement (Agreement): F1 under other measures.
    per_label (dict[str, float]): F1 of each label.
    kinds (Counter[Kind]): How many pairs there are of each kind.
    traits (dict[str, tuple[int, int]]): Of gold mentions with a trait, how many were found exactly,
        and how many there are.
    missed (list[tuple[str, int]]): Strings that are missed most often.
    invented (list[tuple[str, int]]): Strings that are wrong most often.
    confused (list[tuple[str, str, int]]): What the gold has and what was found in its place.
    sentences (list[Sentence]): Sentences with mistakes, kind by kind.
    calibration (Calibration | None): Whether the probabilities of what it found are true; None if
        it found nothing.
    """

    name: str
    documents: int
    gold: int
    precision: float
    recall: float
    f_score: float
    interval: tuple[float, float]
    agreement: Agreement
    per_label: dict[str, float] = field(default_factory=dict)
    kinds: Counter[Kind] = field(default_factory=Counter)
    traits: dict[str, tuple[int, int]] = field(default_factory=dict)
    missed: list[tuple[str, int]] = field(default_factory=list)
    invented: list[tuple[str, int]] = field(default_factory=list)
    confused: list[tuple[str, str, int]] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    calibration: Calibration | None = None


def annotate_with_scores(nlp: "Language", paths: Sequence[Path]) -> list[Annotated]:
    """Let a pipeline annotate corpora once, for all parts of the page.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): Gold documents: .spacy files, or folders with such files.
    RETURNS (list[tuple[str, list[Example]]]): The name of each corpus, and annotated and gold
        documents, with probabilities of what was found.
    RAISES (InputError): A path holds no DocBin.
    """
    with ExitStack() as stack:
        for pipe in bioner_pipes(nlp):
            stack.enter_context(pipe.settings(scores=True))
        return list(annotate_corpora(nlp, paths))


def report_heads(
    nlp: "Language", corpora: Sequence[Annotated], train: Sequence[Path] = ()
) -> list[HeadReport]:
    """Look at every head that documents are annotated for.

    nlp (Language): The pipeline.
    corpora (Sequence[tuple[str, list[Example]]]): What annotate_with_scores returned.
    train (Sequence[Path]): The training documents, to tell mentions that were seen from others.
    RETURNS (list[HeadReport]): By name.
    RAISES (InputError): No document is annotated for a head.
    """
    names = [name for name, _ in corpora]
    examples = [example for _, of_corpus in corpora for example in of_corpus]
    seen = _find_seen(train)
    reports = []
    for head in sorted(head_names(nlp)):
        own = [example for example in examples if head in example.reference.spans]
        if own:
            reports.append(_report_head(head, own, seen.get(head)))
    if not reports:
        raise InputError(
            f"{', '.join(names)}: no document is annotated for a head of the pipeline, "
            f"which has {', '.join(head_names(nlp))}."
        )
    return reports


def read_curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Read what the logger of a training saved.

    path (Path): The file; see training.logger.
    RETURNS (dict[str, list[tuple[int, float]]]): For each head, steps and F1.
    RAISES (InputError): It holds something else.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    try:
        for row in srsly.read_jsonl(path):
            for head, f_score in row["heads"].items():
                curves.setdefault(head, []).append((int(row["step"]), float(f_score)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no scores of a training ({error}). Train with a path as "
            "--training.logger.scores, and name that file."
        ) from error
    return curves


def _report_head(head: str, examples: "list[Example]", seen: set[str] | None) -> HeadReport:
    counts = count_mentions(examples, head)
    right, n_found, n_gold = counts.sum(axis=0).tolist()
    pairs: list[tuple[Example, Pair]] = []
    for example in examples:
        judge = Judge(example, head)
        pairs += [(example, pair) for pair in pair_mentions(judge.gold, judge.predicted())]
    kinds = Counter(pair.kind for _, pair in pairs)
    report = HeadReport(
        head,
        len(examples),
        n_gold,
        right / max(n_found, 1),
        right / max(n_gold, 1),
        float(f_scores(counts.sum(axis=0))),
        _interval(counts),
        measure_agreement(pair.kind for _, pair in pairs),
        per_label=_score_labels(pair for _, pair in pairs),
        kinds=kinds,
    )
    texts = [
        (pair.kind, text_of(example.reference, pair.gold), text_of(example.reference, pair.found))
        for example, pair in pairs
    ]
    for name, has in make_traits(seen).items():
        of_trait = [kind for kind, gold, _ in texts if gold and has(gold)]
        report.traits[name] = (of_trait.count(Kind.RIGHT), len(of_trait))
    report.missed = Counter(g for kind, g, _ in texts if kind is Kind.MISSED).most_common(SHOWN)
    report.invented = Counter(f for kind, _, f in texts if kind is Kind.INVENTED).most_common(SHOWN)
    both = (Kind.BOUNDARY, Kind.TYPE, Kind.BOTH)
    confused = Counter(
        (_named(gold, pair.gold, kind), _named(found, pair.found, kind))
        for (kind, gold, found), (_, pair) in zip(texts, pairs, strict=True)
        if kind in both
    )
    report.confused = [(*names, count) for names, count in confused.most_common(SHOWN)]
    report.sentences = choose_sentences(pairs)
    report.calibration = _calibrate(head, examples)
    return report


def _calibrate(head: str, examples: "list[Example]") -> Calibration | None:
    """Compare the probabilities of what a head found, as users see it, with the gold."""
    scores: list[float] = []
    right: list[bool] = []
    for example in examples:
        judge = Judge(example, head)
        group = example.predicted.spans.get(head)
        if group is None:  # The head is switched off.
            continue
        for span, score in zip(group, group.attrs[SCORES], strict=True):
            is_right = judge.is_right(span.start, span.end, span.label_)
            if is_right is not None:
                scores.append(score)
                right.append(is_right)
    return measure(np.array(scores), np.array(right, dtype=np.bool_)) if scores else None


def _interval(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Bounds of F1 over samples of documents, drawn with replacement."""
    generator = np.random.default_rng(0)
    n_docs = len(counts)
    totals = np.stack(
        [counts[generator.integers(n_docs, size=n_docs)].sum(axis=0) for _ in range(SAMPLES)]
    )
    low, high = np.percentile(f_scores(totals), _INTERVAL).tolist()
    return low, high


def _score_labels(pairs: Iterable[Pair]) -> dict[str, float]:
    """F1 of each label, of exact mentions."""
    right: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for pair in pairs:
        for key in (pair.gold, pair.found):
            if key is not None:
                both[key[2]] += 1
        if pair.kind is Kind.RIGHT and pair.gold:
            right[pair.gold[2]] += 1
    return {label: 2 * right[label] / both[label] for label in sorted(both)}


def _find_seen(train: Sequence[Path]) -> dict[str, set[str]]:
    """Texts of training mentions, by head."""
    seen: dict[str, set[str]] = {}
    for doc in iterate_docs(train):
        for head, group in doc.spans.items():
            seen.setdefault(head, set()).update(span.text.lower() for span in group)
    return seen


def _named(text: str, key: Key | None, kind: Kind) -> str:
    """A mention's text, and its type where that is what is wrong."""
    return f"{text} ({key[2]})" if key and kind is not Kind.BOUNDARY else text
