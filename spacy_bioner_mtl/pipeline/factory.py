"""The factory of the component "bioner_mtl", and what it registers besides."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language

from spacy_bioner_mtl.models.types import BioNERModel
from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL
from spacy_bioner_mtl.pipeline.confidence import register_extension
from spacy_bioner_mtl.pipeline.glossary import register_explanations
from spacy_bioner_mtl.pipeline.legacy import PipelineReference
from spacy_bioner_mtl.pipeline.merge import MergePolicy
from spacy_bioner_mtl.pipeline.scorer import MACRO

DEFAULT_MODEL = {"@architectures": "spacy_bioner_mtl.LSTMCRF.v1", "tok2vec": None}

register_extension()
register_explanations()


@Language.factory(
    "bioner_mtl",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "merge": {"@misc": "spacy_bioner_mtl.highest_score.v1"},
        "overwrite": False,
        "scores": True,
        "thresholds": {},
        "temperatures": {},
        "consistency": {},
        "balanced_brackets": True,
        "active_heads": None,
        "bfloat16": False,
        "scorer": {"@scorers": "spacy_bioner_mtl.heads_scorer.v1"},
    },
    default_score_weights={f"{MACRO}_f": 1.0, f"{MACRO}_p": 0.0, f"{MACRO}_r": 0.0},
)
def make_bioner_mtl(
    nlp: Language,
    name: str,
    model: BioNERModel,
    merge: MergePolicy,
    overwrite: bool,
    scores: bool,
    thresholds: dict[str, float],
    temperatures: dict[str, float],
    consistency: dict[str, dict[str, float]],
    balanced_brackets: bool,
    active_heads: list[str] | None,
    bfloat16: bool,
    scorer: Callable[..., dict[str, Any]] | None,
) -> BioNERMTL:
    """Create the component.

    All settings but model, merge and scorer are saved with the component. In a trained pipeline,
    change ``nlp.get_pipe(name).cfg``, or override them with ``spacy.load(path, config=...)``.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    model (Model[Query, list[Answer]]): The network, as spacy_bioner_mtl.LSTMCRF.v1 builds it.
    merge (MergePolicy): Which spans of the heads become doc.ents.
    overwrite (bool): Whether to replace entities that are there already; else they are kept, and
        spans that share a token with them stay out of doc.ents.
    scores (bool): Whether to tell the probability of each span. If not, no time is spent on it,
        except for heads with a threshold, and policies that rank by scores take them for equal.
    thresholds (dict[str, float]): For heads by name, the probability below which a span is dropped,
        from doc.spans and doc.ents alike. Heads that are not named drop nothing.
    temperatures (dict[str, float]): For heads by name, what the CRF's scores are divided by before
        probabilities are computed from them; what is found stays the same. Heads that are not
        named have 1. `bioner-mtl calibrate --fit` finds them.
    consistency (dict[str, dict[str, float]]): For heads by name, how they judge all occurrences of
        a string that they have found in a document, and of its short form, found or not. The
        new logit of an occurrence's probability is "own" * (its logit) + "others" * (the mean of
        those of the others) + "bias"; above 0 it is a mention. Heads that are not named leave all
        as it is. `bioner-mtl calibrate --fit` finds the weights.
    balanced_brackets (bool): Whether to drop spans in which a bracket closes that was not opened in
        them, or the other way round: nearly always wrong bounds.
    active_heads (list[str] | None): The heads that are asked when predicting; None for all. The
        others cost no time, get no span group and have no part in doc.ents, so that the scorer
        counts all their gold spans as missed. All heads train.
    bfloat16 (bool): Whether the LSTM over words predicts in bfloat16 on a CPU that has instructions
        for it (AVX-512 BF16, AMX), in about half the time; others compute in floats as before.
        Scores differ a little, and so may a span that was nearly another.
    scorer (Callable | None): The scoring method.
    RETURNS (BioNERMTL): The component.
    """
    cfg = {
        "overwrite": overwrite,
        "scores": scores,
        "thresholds": thresholds,
        "temperatures": temperatures,
        "consistency": consistency,
        "balanced_brackets": balanced_brackets,
        "active_heads": active_heads,
        "bfloat16": bfloat16,
    }
    component = BioNERMTL(nlp.vocab, model, name, merge=merge, cfg=cfg, scorer=scorer)
    component.pipeline = PipelineReference(nlp)
    return component
