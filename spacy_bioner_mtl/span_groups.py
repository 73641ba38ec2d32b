"""What the span groups of a gold document mean.

``doc.spans[head]`` is there, even empty, when the document was annotated for the head. Tokens
whose annotation is unknown lie in a second group, named ``head + UNKNOWN_SUFFIX``: they are
neither inside nor outside an entity, and training leaves them open.
"""

from spacy.tokens import Doc

UNKNOWN_SUFFIX = ":unknown"
UNKNOWN_LABEL = "-"


def annotated_heads(doc: Doc) -> list[str]:
    """List the heads a gold document is annotated for.

    doc (Doc): The document.
    RETURNS (list[str]): The keys of its span groups, without those of unknown tokens.
    """
    return [key for key in doc.spans if not key.endswith(UNKNOWN_SUFFIX)]
