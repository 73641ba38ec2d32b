"""Settings that a config changes when a trained pipeline is loaded, as in spacy.load(config=...).

spaCy creates a component from the config, overrides included, and then loads what was saved with
it over that, settings included. Here overrides stay in effect where a trained component can follow
them, and are refused where its weights cannot.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy.language import Language
from thinc.api import Config, Model

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.nn.network import Architecture, Network

#: Settings of the architecture that weights do not depend on.
_DROPOUT = ("word_dropout", "variational_dropout")
#: Attributes of the model that count when it is initialized anew, and not before.
_FOR_INITIALIZING = ("minimum_count", "pretrained_table")
#: A table of vectors is read from its path once, when the model is initialized.
_PATH = "path"

Settings = dict[str, Any]


def read_saved_config(folder: Path) -> Settings | None:
    """Read a component's section of the config that its pipeline was saved with.

    folder (Path): The component's folder in that of the pipeline.
    RETURNS (dict[str, Any] | None): The section; None where the folder is in no pipeline.
    """
    path = folder.parent / "config.cfg"
    if not path.is_file():
        return None
    saved: Settings | None = Config().from_disk(path).get("components", {}).get(folder.name)
    return saved


def override_settings(configured: Settings, loaded: Settings, saved: Settings) -> Settings:
    """Combine the settings of a component that was loaded from disk.

    configured (dict[str, Any]): Settings that the component was created with.
    loaded (dict[str, Any]): Settings that were saved with it; they may have been changed after
        training, which the saved config does not tell.
    saved (dict[str, Any]): The saved config.
    RETURNS (dict[str, Any]): Those of configured that differ from the saved config, the others as
        loaded. Of settings of heads, each head's is looked at by itself.
    """
    settings = dict(loaded)
    for name, value in configured.items():
        if name not in saved or value == saved[name]:
            continue
        if isinstance(value, dict) and isinstance(saved[name], dict):
            changed = {key: one for key, one in value.items() if saved[name].get(key) != one}
            settings[name] = {**loaded.get(name, {}), **changed}
        else:
            settings[name] = value
    return settings


def check_model_overrides(nlp: Language, component: str, saved: Settings) -> None:
    """Refuse a config that wants another model than the weights are of.

    nlp (Language): The pipeline.
    component (str): The component's name in it.
    saved (dict[str, Any]): The saved config of the component.
    RAISES (InputError): It does.
    """
    config = nlp.config.interpolate()["components"][component]
    free = {*_DROPOUT, *_FOR_INITIALIZING}
    fixed = [
        name
        for name in _differences(saved.get("model"), config.get("model"))
        if name not in free and name.rpartition(".")[2] != _PATH
    ]
    if fixed:
        raise InputError(
            f"[components.{component}.model] sets {', '.join(fixed)} otherwise than the weights "
            "were trained with. Leave this out of the config that the pipeline is loaded with, or "
            "train a new pipeline."
        )


def _differences(saved: Any, given: Any, name: str = "") -> Iterator[str]:
    """Names, with dots, of what differs between two sections."""
    if isinstance(saved, dict) and isinstance(given, dict):
        for key in dict.fromkeys([*saved, *given]):
            yield from _differences(saved.get(key), given.get(key), f"{name}.{key}".lstrip("."))
    elif saved != given:
        yield name


class ModelSettings:
    """Settings of a model that loading must leave as they were configured."""

    def __init__(self, model: Model[Any, Any]) -> None:
        """Note the settings.

        model (Model): A model as it was created.
        """
        self._architecture: Architecture = model.attrs["architecture"]
        self._for_initializing = {name: model.attrs[name] for name in _FOR_INITIALIZING}

    def apply(self, model: Model[Any, Any], network: Network) -> None:
        """Put the settings back.

        model (Model): The model, loaded.
        network (Network): Its network.
        """
        dropout = {name: getattr(self._architecture, name) for name in _DROPOUT}
        network.set_dropout(replace(network.architecture, **dropout))
        model.attrs.update(self._for_initializing)
