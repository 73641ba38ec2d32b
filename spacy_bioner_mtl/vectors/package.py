"""Vectors as a spaCy package on disk, which ``[initialize] vectors = "path"`` takes."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import check_replaceable, writing
from spacy_bioner_mtl.vectors.table import VectorTable

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.vectors import Vectors


def check_output(out: Path, *, force: bool) -> None:
    """Check, before the work begins, that a package may be written.

    out (Path): The package's folder.
    force (bool): Whether a package that is there may be replaced.
    RAISES (InputError): If something is there that must not be replaced.
    """
    check_replaceable(out, "package of vectors", ("meta.json", "vocab"), force=force)


def table_to_nlp(table: VectorTable) -> "Language":
    """Make a blank pipeline with a table of vectors.

    table (VectorTable): The words and their vectors.
    RETURNS (Language): The pipeline.
    """
    import spacy
    from spacy.vectors import Vectors

    nlp = spacy.blank("en")
    for word in table.words:
        nlp.vocab.strings.add(word)
    # Keyed by the words as they are: spaCy 3.8 forgets any other attribute when it saves such a
    # table. A caseless model lower-cases its tokens itself.
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=table.data, keys=table.words)
    return nlp


def take_vectors(nlp: "Language", name: str) -> "Language":
    """Make a blank pipeline with the static vectors of another.

    nlp (Language): The other pipeline.
    name (str): What the user called it.
    RETURNS (Language): The pipeline.
    RAISES (InputError): There are none.
    """
    import spacy

    vectors = _find_vectors(nlp)
    if vectors is None:
        raise InputError(f"{name}: this pipeline has no static vectors; name another.")
    blank = spacy.blank(nlp.lang or "en")
    blank.vocab.vectors = vectors
    return blank


def _find_vectors(nlp: "Language") -> "Vectors | None":
    """The pipeline's vectors, or else those of subwords that one of its components keeps."""
    from spacy_bioner_mtl.models.static_vectors import subword_vectors
    from spacy_bioner_mtl.pipeline.loading import bioner_pipes

    if nlp.vocab.vectors.shape[0]:
        return nlp.vocab.vectors
    found = (subword_vectors(pipe.model) for pipe in bioner_pipes(nlp))
    return next(filter(None, found), None)


def save_package(nlp: "Language", out: Path, *, description: str, origin: dict[str, str]) -> None:
    """Write a package of vectors; it appears whole or not at all.

    nlp (Language): A blank pipeline with vectors.
    out (Path): The package's folder; what ``check_output`` let pass is replaced.
    description (str): What it holds.
    origin (dict[str, str]): Name, url, author and license of the vectors, as far as known.
    RAISES (InputError): The folder cannot be written to, or the disk is full.
    """
    nlp.vocab.vectors.name = f"{out.name}.vectors"
    nlp.meta["name"] = out.name
    nlp.meta["description"] = description
    nlp.meta["sources"] = [origin]
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        # On the same file system as the target, or the renaming would not be possible.
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            new, old = Path(folder) / "new", Path(folder) / "old"
            nlp.to_disk(new)
            if out.exists():
                os.replace(out, old)
            os.replace(new, out)
            shutil.rmtree(old, ignore_errors=True)
