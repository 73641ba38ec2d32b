"""Maps of entity types: old label to new label, or to none for labels to leave out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import srsly

from spacy_bioner_mtl.errors import InputError, see

LabelMap = Mapping[str, str | None]


def rename(label: str, labels: LabelMap) -> str | None:
    """Rename a label.

    label (str): The label.
    labels (Mapping[str, str | None]): The map; a label that it does not have stays.
    RETURNS (str | None): The new label; None if it is to be left out.
    """
    return labels.get(label, label) or None


@see("corpora.md#heads")
def read_label_map(path: Path) -> dict[str, str | None]:
    """Read a map of labels from JSON (.json) or YAML.

    path (Path): The file: old label to new label, or to null or "" for labels to leave out.
    RETURNS (dict[str, str | None]): The map.
    RAISES (InputError): If the file is missing or holds anything else.
    """
    read: Callable[[Path], Any] = srsly.read_json if path.suffix == ".json" else srsly.read_yaml
    try:
        label_map = read(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as {'JSON' if path.suffix == '.json' else 'YAML'} ({error}); "
            "give a file of lines like 'OldLabel: NewLabel'"
        ) from None
    if not isinstance(label_map, dict) or not all(
        isinstance(old, str) and isinstance(new, str | None) for old, new in label_map.items()
    ):
        raise InputError(
            f"{path}: not a map of labels; write 'OldLabel: NewLabel' lines, in quotation marks "
            "where a label is a number, true or false"
        )
    return label_map
