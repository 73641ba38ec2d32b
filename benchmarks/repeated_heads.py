"""More heads than a pipeline was trained with, to measure what each costs."""

from typing import TYPE_CHECKING, Any

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.loading import active_head_names, bioner_pipes

if TYPE_CHECKING:
    from spacy.language import Language


def repeat_heads(nlp: "Language", count: int) -> None:
    """Give a pipeline copies of its heads, one after the other, until it has enough.

    A copy finds what its original finds, and works as hard.

    nlp (Language): The pipeline; it is changed.
    count (int): How many heads it is to have, without those that are switched off.
    RAISES (InputError): It has more than that.
    """
    active = active_head_names(nlp)
    if count < len(active):
        raise InputError(
            f"the pipeline has {len(active)} heads ({', '.join(active)}), and {count} are asked "
            "for: heads can only be added"
        )
    components = bioner_pipes(nlp)
    originals = [
        (component, index)
        for component in components
        for index, head in enumerate(component.heads)
        if head.name in active
    ]
    for number in range(len(originals), count):
        component, index = originals[number % len(originals)]
        _copy_head(component, index, f"copy {number // len(originals)}")


def _copy_head(component: Any, index: int, suffix: str) -> None:
    head, network, cfg = component.heads[index], component.network, component.cfg
    name = f"{head.name} {suffix}"
    component.add_head(name, head.labels)
    for layers in (network.head_layers, network.character_encoders, network.word_encoders):
        # Of what heads share, there is one.
        if len(layers) == len(network.heads):
            layers[-1].load_state_dict(layers[index].state_dict())
    for setting in ("thresholds", "temperatures"):
        if head.name in cfg[setting]:
            cfg[setting] = {**cfg[setting], name: cfg[setting][head.name]}
    if cfg["active_heads"] is not None:
        cfg["active_heads"] = [*cfg["active_heads"], name]
