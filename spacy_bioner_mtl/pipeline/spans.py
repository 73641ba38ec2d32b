"""Spans that heads find, and what the span groups of a gold document mean.

``doc.spans[head]`` is there, even empty, when the document was annotated for the head. Tokens
whose annotation is unknown lie in a second group, named ``head + UNKNOWN_SUFFIX``: they are
neither inside nor outside an entity, and training leaves them open. Spans that an annotator
rejected by themselves lie in a third group, named ``head + REJECTED_SUFFIX``, with their labels:
training learns that none of them is a mention with exactly these bounds and this label. It is to a
head what ``incorrect_spans_key`` is to spaCy's entity recogniser; where other annotation of their
tokens is not known, these are unknown as well.
"""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from spacy_bioner_mtl.errors import InputError, see

if TYPE_CHECKING:
    from spacy.tokens import Doc

UNKNOWN_SUFFIX = ":unknown"
UNKNOWN_LABEL = "-"
REJECTED_SUFFIX = ":rejected"
_SUFFIXES = (UNKNOWN_SUFFIX, REJECTED_SUFFIX)
#: What commands call the answers of all heads, the one merged from them, and a source's own.
RESERVED = ("all", "merged", "source")


class FoundSpan(NamedTuple):
    """A span that a head found in a document.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its entity type.
    head (str): The head that found it.
    score (float | None): Its probability under the head's CRF, whatever the rest of the sequence
        is; None where scores are not asked for.
    """

    start: int
    end: int
    label: str
    head: str
    score: float | None


@see("corpora.md#heads")
def check_head_name(name: str) -> None:
    """Refuse what cannot name a head.

    name (str): The name.
    RAISES (InputError): If it is empty, ends like a group of unknown tokens or of rejected spans,
        or means something else to commands.
    """
    if not isinstance(name, str) or not name.strip() or name.endswith(_SUFFIXES):
        reason = f"it is empty or ends in {' or '.join(map(repr, _SUFFIXES))}"
    elif name in RESERVED:
        reason = "commands mean something else by it"
    else:
        return
    raise InputError(
        f"{name!r} cannot name a head, as {reason}; choose another name, or rename the type with "
        "--map"
    )


def check_heads(heads: Mapping[str, Collection[str]]) -> None:
    """Refuse heads with impossible names, and warn of those that no document has a mention for.

    heads (Mapping[str, Collection[str]]): The labels of each head.
    RAISES (InputError): See check_head_name.
    """
    for name in heads:
        check_head_name(name)
    empty = [name for name, labels in heads.items() if not labels]
    if empty:
        warnings.warn(
            f"No training document has a mention for {', '.join(empty)}, so that all there is to "
            "learn is to find nothing. Look at what `bioner-mtl convert` said of these files.",
            stacklevel=2,
        )


def check_label(label: str) -> None:
    """Refuse what cannot be a label.

    label (str): The label.
    RAISES (InputError): If it is no text, or empty.
    """
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{label!r} cannot be a label: give a text that is not empty.")


def annotated_heads(doc: "Doc") -> list[str]:
    """List the heads a gold document is annotated for.

    doc (Doc): The document.
    RETURNS (list[str]): The keys of its span groups, without those of unknown tokens and of
        rejected spans.
    """
    return [key for key in doc.spans if not key.endswith(_SUFFIXES)]


def count_labels(docs: "Iterable[Doc]") -> dict[str, Counter[str]]:
    """Count the spans of gold documents.

    docs (Iterable[Doc]): The documents.
    RETURNS (dict[str, Counter[str]]): For each head that any of them is annotated for, in order of
        their names, the spans of each label.
    """
    counts: dict[str, Counter[str]] = {}
    for doc in docs:
        for head in annotated_heads(doc):
            counts.setdefault(head, Counter()).update(span.label_ for span in doc.spans[head])
    return dict(sorted(counts.items()))
