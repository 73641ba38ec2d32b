"""One step of training: learning from gold, or staying close to what was known (rehearsal)."""

import math
import warnings

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import set_dropout_rate

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.lstm_crf import get_network
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.models.types import BioNERModel, Query, make_query
from spacy_bioner_mtl.nn.network import Network
from spacy_bioner_mtl.pipeline.loss import gold_targets, likelihood, rehearsal
from spacy_bioner_mtl.pipeline.spans import annotated_heads


def learn(
    model: BioNERModel, examples: list[Example], drop: float, component: str, *, strict: bool
) -> float:
    """Compute the gradients of a batch; only the heads that it is annotated for take part.

    model (BioNERModel): The model, with a network.
    examples (list[Example]): The batch.
    drop (float): Dropout.
    component (str): The component's name, for messages.
    strict (bool): Whether a batch without annotated documents is an error, not a warning.
    RETURNS (float): The negative log likelihood per sequence and head; 0 where there is nothing to
        learn.
    RAISES (InputError): No document is annotated for any head, or the loss is no number.
    """
    network = _network(model)
    _check_annotation(examples, network, component, strict=strict)
    docs = [example.predicted for example in examples]
    sequences = split_sequences(docs)
    targets = gold_targets(examples, network.heads, sequences)
    if not len(targets.pairs):
        return 0.0
    set_dropout_rate(model, drop)
    answers, backprop = model.begin_update(Query(docs, sequences, targets.pairs))
    loss, gradients = likelihood(answers[0].lattice, targets)
    _check_loss(loss, component)
    backprop(gradients)  # type: ignore[arg-type]
    network.note_learned(np.unique(targets.pairs[:, 1]).tolist())
    return loss


def rehearse(
    model: BioNERModel,
    teacher: BioNERModel | None,
    docs: list[Doc],
    drop: float,
    component: str,
) -> float:
    """Compute the gradients of staying close to an earlier model.

    The earlier model speaks of heads and labels that it has learned, and of no others. Where a head
    has labels besides these, both models are compared as if there were none.

    model (BioNERModel): The model.
    teacher (BioNERModel | None): The model as it was when training was resumed.
    docs (list[Doc]): The documents; they need no annotation.
    drop (float): Dropout.
    component (str): The component's name, for messages.
    RETURNS (float): The divergence from the earlier model per sequence and head.
    RAISES (InputError): The loss is no number.
    """
    network = _network(model)
    n_labels = _count_learned(network, get_network(teacher) if teacher else None)
    asked = [index for index, number in enumerate(n_labels) if number]
    if teacher is None or not asked:
        warnings.warn(
            f"The component '{component}' has nothing to rehearse: "
            + (
                "call nlp.resume_training() before."
                if teacher is None
                else "none of its heads was trained when training was resumed."
            ),
            stacklevel=3,
        )
        return 0.0
    sequences = split_sequences(docs)
    if not len(sequences):
        return 0.0
    query = make_query(docs, sequences, np.array(asked))
    n_tags = 1 + 4 * np.array(n_labels)[query.pairs[:, 1]]
    set_dropout_rate(teacher, 0.0)
    set_dropout_rate(model, drop)
    expected, _ = teacher.begin_update(query)
    answers, backprop = model.begin_update(query)
    loss, gradients = rehearsal(answers[0].lattice, expected[0].lattice, n_tags)
    _check_loss(loss, component)
    backprop(gradients)  # type: ignore[arg-type]
    return loss


def _count_learned(network: Network, known: Network | None) -> list[int]:
    """Count the labels of each head that an earlier network has learned."""
    before = known.heads if known is not None else []
    learned = known.learned if known is not None else {}
    counts = [0] * len(network.heads)
    for index, (head, old) in enumerate(zip(network.heads, before, strict=False)):
        number = learned.get(old.name, 0)
        if head.name == old.name and head.labels[:number] == old.labels[:number]:
            counts[index] = number
    return counts


def _network(model: BioNERModel) -> Network:
    network = get_network(model)
    assert network is not None
    return network


def _check_annotation(
    examples: list[Example], network: Network, component: str, *, strict: bool
) -> None:
    """Refuse a batch that teaches nothing; warn of documents that do not."""
    heads = {head.name for head in network.heads}
    annotated = [set(annotated_heads(example.reference)) for example in examples]
    strangers = [groups for groups in annotated if heads.isdisjoint(groups)]
    if not strangers:
        return
    groups = sorted(set().union(*strangers))
    fail = strict and len(strangers) == len(examples)
    message = (
        f"{'The' if fail else 'Some'} documents are annotated for no head of the component "
        f"'{component}', which learns nothing from them. Its heads are: "
        f"{', '.join(sorted(heads))}. A gold document tells by its span groups, doc.spans[HEAD], "
        "even empty ones, for which heads it is annotated; these documents have "
        + (f"the span groups {', '.join(groups)}" if groups else "none")
        + ". doc.ents are not looked at. Make the documents with `bioner-mtl convert --head`, or "
        "add a head: with add_head, or in a config with the callback spacy_bioner_mtl.add_heads.v1."
    )
    if fail:
        raise InputError(message)
    warnings.warn(message, stacklevel=4)


def _check_loss(loss: float, component: str) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"The loss of the component '{component}' is {loss}, no number: training has diverged. "
            "The weights are those of before this step. Take a lower learning rate, or set "
            "grad_clip, under [training.optimizer], and begin from the last saved pipeline."
        )
