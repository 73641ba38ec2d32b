"""Settings of the component that concern single heads, checked against the heads there are."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.nn.tagset import Head

#: Settings of each head, and the value that asks for nothing.
NEUTRAL = {"thresholds": 0.0, "temperatures": 1.0}
#: Names of heads that are keys both in a config file and for `spacy find-threshold`.
_PLAIN_NAME = re.compile(r"\w[\w -]*")

#: Of an occurrence of a repeated string: the weight of its own logit, that of the mean logit of the
#: other occurrences, and what is added.
WEIGHTS = ("own", "others", "bias")


@dataclass(frozen=True)
class HeadSettings:
    """What to ask of the heads, in the order of the network's.

    active (NDArray[int64]): Indices of the heads that are asked.
    thresholds (NDArray[float64]): Shape (heads,): scores below which spans are dropped.
    temperatures (NDArray[float64]): Shape (heads,): what scores of taggings are divided by.
    consistency (NDArray[float64]): Shape (heads, 3): weights by which repeated strings of a
        document are judged together; NaN for heads that leave them as they are.
    scores (bool): Whether spans come with their scores.
    bfloat16 (bool): Whether the LSTM over words may compute in bfloat16.
    """

    active: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    temperatures: NDArray[np.float64]
    consistency: NDArray[np.float64]
    scores: bool
    bfloat16: bool

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Mask of the heads whose scores are needed. Shape (heads,)."""
        scored: NDArray[np.bool_] = self.scores | (self.thresholds > 0.0)
        return scored


@see("settings.md#settings-of-a-trained-pipeline")
def change_settings(
    cfg: Mapping[str, Any], changes: Mapping[str, Any], component: str
) -> dict[str, Any]:
    """Take other values for some of a component's settings.

    cfg (Mapping[str, Any]): Its settings; see factory.make_bioner_mtl.
    changes (Mapping[str, Any]): The new values.
    component (str): Its name, for messages.
    RETURNS (dict[str, Any]): All settings.
    RAISES (InputError): There is no such setting.
    """
    for name in changes:
        if name not in cfg:
            raise InputError(
                f"the component '{component}' has no setting {name!r}; choose from: "
                f"{', '.join(cfg)}."
            )
    return {**cfg, **changes}


def list_heads(cfg: dict[str, Any], heads: Iterable[str]) -> None:
    """Give each head a threshold and a temperature.

    Only what a config has can be overridden when a pipeline is loaded, and `spacy find-threshold`
    searches for nothing else.

    cfg (dict[str, Any]): The settings of a component; changed in place.
    heads (Iterable[str]): Names of heads.
    """
    names = [name for name in heads if _PLAIN_NAME.fullmatch(name)]
    for setting, default in NEUTRAL.items():
        given = {name: value for name, value in cfg[setting].items() if value != default}
        cfg[setting] = {**dict.fromkeys(names, default), **given}


@see("settings.md#settings-of-a-trained-pipeline")
def read_settings(cfg: Mapping[str, Any], heads: Sequence[Head], component: str) -> HeadSettings:
    """Check the settings of a component.

    cfg (Mapping[str, Any]): Its settings.
    heads (Sequence[Head]): Its heads.
    component (str): Its name, for messages.
    RETURNS (HeadSettings): The settings, head by head.
    RAISES (InputError): They name a head that there is not, or a number that makes no sense.
    """
    names = [head.name for head in heads]

    def refuse(setting: str, problem: str) -> InputError:
        return InputError(
            f"The setting {setting} of the component '{component}' {problem}. Its heads are: "
            f"{', '.join(names) or 'none'}. Correct [components.{component}] in the config, or "
            f"nlp.get_pipe('{component}').cfg['{setting}'] where the pipeline is trained."
        )

    active = names if cfg["active_heads"] is None else cfg["active_heads"]
    # What asks for nothing may outlive its head.
    thresholds, temperatures = (
        {name: value for name, value in cfg[setting].items() if value != neutral}
        for setting, neutral in NEUTRAL.items()
    )
    for setting, named in (
        ("active_heads", active),
        ("thresholds", thresholds),
        ("temperatures", temperatures),
        ("consistency", cfg["consistency"]),
    ):
        for name in named:
            if name not in names:
                raise refuse(setting, f"names the head '{name}', which it does not have")
    for name, value in thresholds.items():
        if not 0.0 <= value <= 1.0:
            raise refuse("thresholds", f"has {value} for '{name}', but a threshold is from 0 to 1")
    for name, value in temperatures.items():
        if not 0.0 < value < np.inf:
            raise refuse("temperatures", f"has {value} for '{name}', but a temperature is above 0")
    for name, weights in cfg["consistency"].items():
        if set(weights) != set(WEIGHTS) or not np.isfinite(list(weights.values())).all():
            wanted = ", ".join(WEIGHTS)
            raise refuse("consistency", f"has {weights} for '{name}', but takes numbers: {wanted}")
    unnamed = dict.fromkeys(WEIGHTS, np.nan)
    weights_of = [cfg["consistency"].get(name, unnamed) for name in names]
    return HeadSettings(
        active=np.array([i for i, name in enumerate(names) if name in active], dtype=np.int64),
        thresholds=np.array([thresholds.get(name, 0.0) for name in names], dtype=np.float64),
        temperatures=np.array([temperatures.get(name, 1.0) for name in names], dtype=np.float64),
        consistency=np.array(
            [[weights[name] for name in WEIGHTS] for weights in weights_of], dtype=np.float64
        ).reshape(-1, len(WEIGHTS)),
        scores=bool(cfg["scores"]),
        bfloat16=bool(cfg["bfloat16"]),
    )
