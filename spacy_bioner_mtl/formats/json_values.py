"""JSON, read such that nothing of a text or of its annotations is lost without a word."""

import json
from typing import Any

# Of a key that is there twice, only the last would be read.
_TEXTS = ("documents", "PubTator3", "passages", "sentences", "text", "data")
_ENTITIES = ("annotations", "locations", "spans", "ents", "entities", "label", "labels")


def load_json(content: str | bytes) -> Any:
    """Read a value.

    content (str | bytes): The JSON.
    RETURNS (Any): The value; None for NaN and Infinity, which Python writes and JSON lacks.
    RAISES (ValueError): If it is no JSON, or an object has a key twice that holds texts or
        annotations.
    RAISES (RecursionError): If it is nested too deep.
    """
    return json.loads(content, object_pairs_hook=_make_object, parse_constant=lambda name: None)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(
            (key for key in keys if key in _TEXTS + _ENTITIES and keys.count(key) > 1), None
        )
        if twice is not None:
            raise ValueError(f"the key {twice!r} twice in one object; put both together")
    return made
