"""How far the probabilities of found spans can be trusted, and temperatures that make them truer.

A calibrated head is right about 90 of 100 spans that it gives a probability of 0.9. A network
that learns until it makes no more mistakes in training becomes too sure of itself; dividing its
scores by one number, the temperature, is the usual remedy (Guo et al. 2017, "On Calibration of
Modern Neural Networks"). What is found stays the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.console.progress import track
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold
from spacy_bioner_mtl.pipeline.loading import bioner_pipes, head_names, load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

    from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL

#: Temperatures that are tried; between the best and its neighbours a parabola is laid.
TRIED = 2.0 ** np.arange(-2.0, 3.01, 0.25)
#: Documents whose answers of the network are kept at a time.
DOCS_AT_ONCE = 256
#: No probability counts as nearer to 0 or 1 than this, so that one sure mistake is not everything.
SURE = 1e-7

#: Temperatures of heads by name; heads that are not named have 1.
Temperatures = Mapping[str, float]


@dataclass(frozen=True)
class Judged:
    """Spans that a head found, and whether they are right.

    scores (NDArray[float64]): Shape (settings, spans): their probabilities.
    right (NDArray[bool]): Shape (spans,): whether the gold has them.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """Spans of similar probability.

    low (float): The lowest probability of the bin.
    high (float): The highest.
    spans (int): Number of spans.
    mean_score (float): Their mean probability.
    share_right (float): The share of them that is right.
    """

    low: float
    high: float
    spans: int
    mean_score: float
    share_right: float


@dataclass(frozen=True)
class Calibration:
    """How far a head's probabilities can be trusted.

    spans (int): Number of spans found.
    mean_score (float): Their mean probability.
    share_right (float): The share of them that is right: the head's precision.
    error (float): The expected calibration error: the mean distance of probability and share of
        right spans over the bins, each weighted with its number of spans.
    brier (float): The mean squared distance of a span's probability from 1 if it is right, else 0.
    bins (list[Bin]): The bins that have spans.
    """

    spans: int
    mean_score: float
    share_right: float
    error: float
    brier: float
    bins: list[Bin]

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """Temperatures found for the heads, and what they change.

    temperatures (dict[str, float]): The temperature of each head that spans were found for.
    before (dict[str, Calibration]): Calibration with the temperatures that the pipeline had.
    after (dict[str, Calibration]): Calibration with the new ones.
    """

    temperatures: dict[str, float]
    before: dict[str, Calibration]
    after: dict[str, Calibration]


def calibrate(
    nlp: "Language", paths: Sequence[Path], *, n_bins: int = 10
) -> dict[str, Calibration]:
    """Compare the probabilities of found spans with how often they are right.

    Thresholds are left aside: all that the heads find counts, in the documents that are annotated
    for them. As in scoring, spans on tokens whose annotation is unknown do not count.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): .spacy files, or folders with such files anywhere in them.
    n_bins (int): Number of bins of equal width from 0 to 1.
    RETURNS (dict[str, Calibration]): For each head that documents are annotated for.
    RAISES (InputError): If a path holds no DocBin, or no document is annotated for any head of the
        pipeline, or there are no bins.
    """
    check_bins(n_bins)
    judged = judge_spans(nlp, paths, [_present_temperatures(nlp)])
    return {head: measure(each.scores[0], each.right, n_bins) for head, each in judged.items()}


def fit_temperatures(nlp: "Language", paths: Sequence[Path], *, n_bins: int = 10) -> Fit:
    """Find the temperature of each head that makes its probabilities truest.

    It is the one under which right spans together are most probable, and wrong ones least: the
    lowest negative log likelihood. The pipeline stays as it is.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): Documents that the pipeline was not trained on; as for calibrate.
    n_bins (int): As for calibrate.
    RETURNS (Fit): The temperatures. A head of whose spans all or none are right keeps its own.
    RAISES (InputError): As calibrate.
    """
    check_bins(n_bins)
    present = _present_temperatures(nlp)
    heads = head_names(nlp)
    tried = [dict.fromkeys(heads, float(temperature)) for temperature in TRIED]
    judged = judge_spans(nlp, paths, [present, *tried])
    temperatures = {
        head: present.get(head, 1.0)
        if each.right.all() or not each.right.any()
        else best_temperature(each.scores[1:], each.right)
        for head, each in judged.items()
    }
    fitted = judge_spans(nlp, paths, [{**present, **temperatures}])
    return Fit(
        temperatures,
        {head: measure(each.scores[0], each.right, n_bins) for head, each in judged.items()},
        {head: measure(each.scores[0], each.right, n_bins) for head, each in fitted.items()},
    )


def save_settings(folder: Path, settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write settings of heads into a saved pipeline.

    folder (Path): The pipeline's folder.
    settings (Mapping[str, Mapping[str, Any]]): For names of settings, such as "temperatures",
        values of heads; None takes away what a head has.
    RETURNS (list[str]): The heads of the pipeline that got some.
    RAISES (InputError): It has none of these heads, or cannot be loaded.
    """
    nlp = load_pipeline(str(folder))
    named = {head for values in settings.values() for head in values}
    heads = [head for head in head_names(nlp) if head in named]
    if not heads:
        raise InputError(
            f"{folder}: its heads are {', '.join(head_names(nlp)) or 'none'}, and the settings are "
            f"those of {', '.join(sorted(named)) or 'none'}. Name a pipeline with the same heads."
        )
    set_heads(nlp, settings)
    nlp.to_disk(folder)
    return heads


def set_heads(nlp: "Language", settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Change settings of heads in a pipeline.

    nlp (Language): The pipeline.
    settings (Mapping[str, Mapping[str, Any]]): As for save_settings; other heads are left out.
    """
    for pipe in bioner_pipes(nlp):
        names = {head.name for head in pipe.heads}
        for name, values in settings.items():
            own = {head: value for head, value in values.items() if head in names}
            known = {**pipe.cfg[name], **own}
            pipe.cfg[name] = {head: value for head, value in known.items() if value is not None}


def check_bins(n_bins: int) -> None:
    """Refuse a number of bins that is none.

    n_bins (int): The number.
    RAISES (InputError): If it is below 1.
    """
    if n_bins < 1:
        raise InputError(f"{n_bins} bins hold no spans; give a number of bins from 1 on")


def measure(scores: NDArray[np.float64], right: NDArray[np.bool_], n_bins: int = 10) -> Calibration:
    """Compare probabilities with outcomes.

    scores (NDArray[float64]): Shape (spans,), each from 0 to 1.
    right (NDArray[bool]): Shape (spans,).
    n_bins (int): Number of bins of equal width; a score on an edge belongs to the bin above.
    RETURNS (Calibration): The comparison; all 0 where there are no spans.
    """
    if not len(scores):
        return Calibration(0, 0.0, 0.0, 0.0, 0.0, [])
    number = np.minimum((scores * n_bins).astype(np.int64), n_bins - 1)
    bins = [
        Bin(
            low=each / n_bins,
            high=(each + 1) / n_bins,
            spans=int(inside.sum()),
            mean_score=float(scores[inside].mean()),
            share_right=float(right[inside].mean()),
        )
        for each in np.unique(number).tolist()
        for inside in [number == each]
    ]
    distances = sum(each.spans * abs(each.mean_score - each.share_right) for each in bins)
    return Calibration(
        spans=len(scores),
        mean_score=float(scores.mean()),
        share_right=float(right.mean()),
        error=distances / len(scores),
        brier=float(((scores - right) ** 2).mean()),
        bins=bins,
    )


def best_temperature(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Choose the temperature with the lowest negative log likelihood of outcomes.

    scores (NDArray[float64]): Shape (temperatures of TRIED, spans).
    right (NDArray[bool]): Shape (spans,).
    RETURNS (float): The temperature, to three digits.
    """
    sure = np.clip(scores, SURE, 1.0 - SURE)
    losses = -np.where(right, np.log(sure), np.log1p(-sure)).mean(axis=1)
    best = int(losses.argmin())
    logs = np.log(TRIED)
    if 0 < best < len(TRIED) - 1:
        before, here, behind = losses[best - 1 : best + 2]
        step = logs[1] - logs[0]
        shift = 0.5 * step * (before - behind) / (before - 2 * here + behind)
        return float(f"{np.exp(logs[best] + shift):.3g}")
    return float(TRIED[best])


def judge_spans(
    nlp: "Language", paths: Sequence[Path], settings: Sequence[Temperatures]
) -> dict[str, Judged]:
    """Find spans and tell right from wrong, with their probabilities under several settings.

    The network runs once for all settings.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): As for calibrate.
    settings (Sequence[Temperatures]): Temperatures of the heads.
    RETURNS (dict[str, Judged]): For each head that documents are annotated for.
    RAISES (InputError): As calibrate.
    """
    examples = prepare_gold(nlp, paths)
    pipes = bioner_pipes(nlp)
    rows: dict[str, list[tuple[bool, list[float]]]] = {}
    for pipe in pipes:
        for heads, batch in batches_by_annotation(examples, pipe):
            for head in heads:
                rows.setdefault(head, [])
            for head, right, scores in _judge_batch(pipe, heads, batch, settings):
                rows[head].append((right, scores))
    if not rows:
        raise InputError(
            f"{', '.join(map(str, paths))}: no document is annotated for any head of the pipeline, "
            f"which are: {', '.join(head_names(nlp))}. Convert the corpus with one of them as "
            "`bioner-mtl convert --head`."
        )
    return {
        head: Judged(
            np.array([scores for _, scores in rows[head]]).reshape(-1, len(settings)).T,
            np.array([right for right, _ in rows[head]], dtype=np.bool_),
        )
        for head in sorted(rows)
    }


def prepare_gold(nlp: "Language", paths: Sequence[Path]) -> "list[Example]":
    """Let what stands before the components of this package annotate gold documents.

    nlp (Language): The pipeline.
    paths (Sequence[Path]): As for calibrate.
    RETURNS (list[Example]): The documents, without predictions of those components.
    RAISES (InputError): If a path holds no DocBin.
    """
    own = [pipe.name for pipe in bioner_pipes(nlp)]
    last = nlp.pipe_names.index(own[-1])
    with nlp.select_pipes(disable=[*own, *nlp.pipe_names[last + 1 :]]):
        return annotate_gold(nlp, paths)


def _present_temperatures(nlp: "Language") -> dict[str, float]:
    return {k: v for pipe in bioner_pipes(nlp) for k, v in pipe.cfg["temperatures"].items()}


def batches_by_annotation(
    examples: "list[Example]", pipe: "BioNERMTL"
) -> "Iterator[tuple[list[str], list[Example]]]":
    """Batch documents that are annotated for the same heads of a component.

    examples (list[Example]): The documents.
    pipe (BioNERMTL): The component.
    YIELDS (tuple[list[str], list[Example]]): The heads, at least one, and some of their documents.
    """
    from spacy.util import minibatch

    def annotated(example: "Example") -> list[str]:
        return [head.name for head in pipe.heads if head.name in example.reference.spans]

    for heads, group in groupby(sorted(examples, key=annotated), key=annotated):
        if heads:
            chosen = list(group)
            batches = minibatch(chosen, DOCS_AT_ONCE)  # type: ignore[no-untyped-call]
            n_batches = -(-len(chosen) // DOCS_AT_ONCE)
            for batch in track(batches, f"batches for {', '.join(heads)}", n_batches):
                yield heads, batch


def _judge_batch(
    pipe: "BioNERMTL",
    heads: list[str],
    examples: "list[Example]",
    settings: Sequence[Temperatures],
) -> Iterator[tuple[str, bool, list[float]]]:
    """Head, whether it is right, and scores of each span in documents annotated for some heads."""
    from spacy_bioner_mtl.pipeline.decode import decode
    from spacy_bioner_mtl.pipeline.judge import Judge

    names = {head.name for head in pipe.heads}
    asked = [
        pipe.head_settings(
            active_heads=heads,
            scores=True,
            thresholds={},
            consistency={},
            temperatures={head: t for head, t in each.items() if head in names},
        )
        for each in settings
    ]
    docs = [example.predicted for example in examples]
    replies = list(pipe.ask(docs, asked[0]))
    answers = [decode(replies, pipe.heads, each, len(docs)) for each in asked]
    for example, *found in zip(examples, *answers, strict=True):
        judges = {head: Judge(example, head) for head in heads}
        for spans in zip(*found, strict=True):
            start, end, label, head, _ = spans[0]
            right = judges[head].is_right(start, end, label)
            if right is not None:
                yield head, right, [span.score for span in spans]
