"""The pipeline that a process of the service answers with."""

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline
from spacy_bioner_mtl.serve.card import describe_pipeline, make_offer
from spacy_bioner_mtl.serve.questions import Offer
from spacy_bioner_mtl.serve.settings import Settings

if TYPE_CHECKING:
    from spacy.language import Language


@dataclass(frozen=True)
class Served:
    """A pipeline, and what is told of it.

    nlp (Language): The pipeline.
    offer (Offer): What can be chosen of it.
    card (dict[str, Any]): What it is.
    """

    nlp: "Language"
    offer: Offer
    card: dict[str, Any]


def load_served(settings: Settings) -> Served:
    """Load the pipeline.

    settings (Settings): Which one.
    RETURNS (Served): The pipeline.
    RAISES (InputError): There is no such pipeline or GPU, or it is damaged.
    """
    import torch

    if settings.workers > 1:
        torch.set_num_threads(1)
    served = make_served(load_pipeline(settings.model, settings.gpu_id))
    # It stays: a search for garbage in it would take a twentieth of the time.
    gc.freeze()
    return served


def make_served(nlp: "Language") -> Served:
    """Set a pipeline so that it tells probabilities, and look at what it is.

    nlp (Language): The pipeline; changed in place.
    RETURNS (Served): The pipeline.
    """
    for pipe in bioner_pipes(nlp):
        pipe.cfg["scores"] = True
    return Served(nlp, make_offer(nlp), describe_pipeline(nlp))
