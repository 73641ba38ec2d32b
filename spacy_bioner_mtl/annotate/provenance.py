"""What answers come from: the pipeline, the packages, and what was asked for."""

import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from spacy_bioner_mtl.annotate.annotator import Annotator
from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.files.checksum import hash_folder
from spacy_bioner_mtl.pipeline.loading import bioner_pipes

if TYPE_CHECKING:
    from spacy.language import Language

_PACKAGES = ("spacy_bioner_mtl", "spacy", "thinc", "torch", "numpy")


def describe_request(annotator: Annotator, request: Request) -> dict[str, Any]:
    """Describe everything that answers depend on, except for the sources.

    annotator (Annotator): The pipeline, as it is used.
    request (Request): What is asked of it.
    RETURNS (dict[str, Any]): Names, versions, checksums and settings, for JSON.
    """
    nlp = annotator.nlp
    silver = {
        "teachers": [_describe_model(one) for one in annotator.teachers],
        "sure": request.sure,
    }
    return {
        "model": _describe_model(nlp),
        "packages": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "source_format": request.source_format,
        "word_column": request.word_column,
        "target_format": request.target_format,
        "heads": annotator.heads,
        "scores": request.scores,
        "thresholds": {pipe.name: pipe.cfg["thresholds"] for pipe in bioner_pipes(nlp)},
        **(silver if request.teachers else {}),
        **({"sort": request.sort} if request.sort else {}),
    }


def _describe_model(nlp: "Language") -> dict[str, str]:
    return {
        "name": f"{nlp.meta['lang']}_{nlp.meta['name']}",
        "version": nlp.meta["version"],
        "sha256": hash_folder(nlp.path),
    }


def list_differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    """Compare two descriptions.

    there (Any): What was described first.
    here (Any): What was described later.
    name (str): What both are the values of.
    YIELDS (str): What differs, one line each.
    """
    if isinstance(there, dict) and isinstance(here, dict):
        for key in dict.fromkeys([*there, *here]):
            inner = f"{name}.{key}" if name else key
            yield from list_differences(there.get(key), here.get(key), inner)
    elif there != here:
        yield f"{name}: {there} there, {here} now"
