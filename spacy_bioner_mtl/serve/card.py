"""What the pipeline is, for programs and for the page."""

from typing import TYPE_CHECKING, Any

from spacy_bioner_mtl import __version__
from spacy_bioner_mtl.evaluate.card import write_card
from spacy_bioner_mtl.formats.colors import COLORS
from spacy_bioner_mtl.pipeline.loading import active_head_names, bioner_pipes
from spacy_bioner_mtl.serve.questions import Offer

if TYPE_CHECKING:
    from spacy.language import Language


def make_offer(nlp: "Language") -> Offer:
    """List what can be asked of a pipeline.

    nlp (Language): The pipeline.
    RETURNS (Offer): Its active heads, and all labels that an answer may have, those of other
        components and of renaming policies included.
    """
    heads = active_head_names(nlp)
    labels = [label for some in _labels_by_head(nlp).values() for label in some]
    others = [label for some in nlp.pipe_labels.values() for label in some]
    return Offer(heads, list(dict.fromkeys([*labels, *others])))


def describe_pipeline(nlp: "Language") -> dict[str, Any]:
    """Describe a pipeline.

    nlp (Language): The pipeline.
    RETURNS (dict[str, Any]): For JSON: name, versions, licence, heads with labels, all labels with
        colours, the model card in Markdown.
    """
    meta = nlp.meta
    offer = make_offer(nlp)
    labels = _labels_by_head(nlp)
    colors = {name.upper(): color for name, color in COLORS.items()}
    return {
        "name": f"{meta['lang']}_{meta['name']}",
        "version": str(meta["version"]),
        "description": str(meta.get("description", "")),
        "license": str(meta.get("license", "")),
        "bioner_mtl": __version__,
        "heads": [{"name": name, "labels": labels[name]} for name in offer.heads],
        "labels": [{"name": name, "color": colors.get(name.upper(), "")} for name in offer.labels],
        "card": write_card(nlp),
    }


def _labels_by_head(nlp: "Language") -> dict[str, list[str]]:
    active = active_head_names(nlp)
    return {
        head.name: list(head.labels)
        for pipe in bioner_pipes(nlp)
        for head in pipe.heads
        if head.name in active
    }
