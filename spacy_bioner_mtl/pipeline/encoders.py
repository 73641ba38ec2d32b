"""Start a component's encoders from those of a trained pipeline."""

import numpy as np
from thinc.api import Model

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.lstm_crf import get_network
from spacy_bioner_mtl.models.static_vectors import TABLE
from spacy_bioner_mtl.models.types import BioNERModel
from spacy_bioner_mtl.nn.transfer import start_encoders
from spacy_bioner_mtl.nn.vocabulary import Vocabulary
from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline


def load_source(name: str) -> BioNERModel:
    """Load the model of a trained pipeline.

    name (str): The folder of a pipeline, such as `bioner-mtl pretrain` writes, or the name of an
        installed one.
    RETURNS (Model[Query, list[Answer]]): The model of its component.
    RAISES (InputError): There is no such pipeline, or it has no weights.
    """
    model = bioner_pipes(load_pipeline(name))[0].model
    network = get_network(model)
    if network is None or not network.heads:
        raise InputError(f"{name}: its component has no weights. Train it first.")
    return model


def join_vocabularies(own: Vocabulary, source: BioNERModel) -> Vocabulary:
    """Add the words and characters that a trained network knows.

    own (Vocabulary): That of the training documents.
    source (Model[Query, list[Answer]]): The model of the trained network.
    RETURNS (Vocabulary): Both; the own one if cases are told apart by one of them alone.
    """
    network = get_network(source)
    assert network is not None
    fits = network.vocabulary.caseless == own.caseless
    return own.union(network.vocabulary) if fits else own


def take_encoders(model: BioNERModel, source: BioNERModel, name: str) -> None:
    """Give the encoders of a new network the weights of a trained one's.

    model (Model[Query, list[Answer]]): The model, just initialized.
    source (Model[Query, list[Answer]]): The model of the trained network.
    name (str): What the user calls the pipeline that it is of.
    RAISES (InputError): Its encoders have other sizes, or were trained with other vectors.
    """
    network, other = get_network(model), get_network(source)
    assert network is not None and other is not None
    if not _same_vectors(model, source):
        raise InputError(
            f"{name}: its encoders were trained with other vectors, and these would mean nothing "
            "to them. Leave --paths.vectors and --paths.more_vectors out: training then takes "
            "those of the pipeline."
        )
    try:
        start_encoders(network, other)
    except ValueError as error:
        raise InputError(
            f"{name}: its encoders do not fit: {error}. Train with the same [components."
            "bioner_mtl.model] as it was."
        ) from error


def _same_vectors(model: Model, other: Model) -> bool:  # type: ignore[type-arg]
    ours, theirs = (
        [layer.attrs[TABLE] for layer in each.walk() if layer.attrs.get(TABLE) is not None]
        for each in (model, other)
    )
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))
