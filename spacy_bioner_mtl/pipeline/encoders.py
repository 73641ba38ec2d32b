"""Start a component's encoders from those of a trained pipeline."""

import numpy as np
from thinc.api import Model

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.lstm_crf import get_network
from spacy_bioner_mtl.models.static_vectors import TABLE
from spacy_bioner_mtl.models.types import BioNERModel
from spacy_bioner_mtl.nn.transfer import start_encoders
from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline


def take_encoders(model: BioNERModel, name: str) -> None:
    """Give the encoders of a new network the weights of a trained one's.

    model (Model[Query, list[Answer]]): The model, just initialized.
    name (str): The folder of a pipeline, such as `bioner-mtl pretrain` writes, or the name of an
        installed one.
    RAISES (InputError): There is no such pipeline, or its encoders have other sizes or were trained
        with other vectors.
    """
    source = bioner_pipes(load_pipeline(name))[0].model
    network, other = get_network(model), get_network(source)
    assert network is not None
    if other is None or not other.heads:
        raise InputError(f"{name}: its component has no weights. Train it first.")
    if not _same_vectors(model, source):
        raise InputError(
            f"{name}: its encoders were trained with other vectors, which would mean nothing to "
            "them. Pretrain with the same config and the same --paths.vectors."
        )
    try:
        start_encoders(network, other)
    except ValueError as error:
        raise InputError(
            f"{name}: its encoders do not fit: {error}. Pretrain with the same [components."
            "bioner_mtl.model] as you train."
        ) from error


def _same_vectors(model: Model, other: Model) -> bool:  # type: ignore[type-arg]
    ours, theirs = (
        [layer.attrs[TABLE] for layer in each.walk() if layer.attrs.get(TABLE) is not None]
        for each in (model, other)
    )
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))
