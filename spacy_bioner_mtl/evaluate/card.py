"""What a pipeline is, in Markdown: its model card."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from spacy_bioner_mtl.pipeline.loading import bioner_pipes

if TYPE_CHECKING:
    from spacy.language import Language

    from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL

#: Settings of the training that a reader asks about, by their place in the config.
_TRAINING = {
    "steps": "training.max_steps",
    "seed": "training.seed",
    "dropout": "training.dropout",
    "batches": "training.batcher",
    "rate": "training.optimizer.learn_rate",
}
_UNKNOWN = "-"


def write_card(nlp: "Language") -> str:
    """Describe a pipeline: heads with labels and scores, calibration, training, data, notes.

    Scores are those of its meta.json, as `evaluate --into-meta` saves them; the notes are its, too.

    nlp (Language): The pipeline.
    RETURNS (str): Markdown.
    """
    meta = nlp.meta
    told = meta.get("performance")
    performance = told if isinstance(told, dict) else {}
    parts = [f"# {meta['lang']}_{meta['name']} {meta['version']}", str(meta.get("description", ""))]
    parts.append(_describe_package(nlp))
    for pipe in bioner_pipes(nlp):
        parts += [f"## Component `{pipe.name}`", _describe_network(pipe)]
        parts += [
            "### Heads",
            _describe_heads(pipe, performance),
        ]
    training = _describe_training(nlp)
    parts += ["## Training", training] if training else []
    listed = meta.get("sources")
    sources = [_describe_source(each) for each in listed] if isinstance(listed, list) else []
    parts += ["## Data", "\n".join(sources)] if sources else []
    parts.append(str(meta.get("notes", "")))
    return "\n\n".join(part for part in parts if part) + "\n"


def _describe_package(nlp: "Language") -> str:
    meta = nlp.meta
    named = {
        "Licence": meta.get("license"),
        "Author": meta.get("author"),
        "spaCy": meta.get("spacy_version"),
        "Pipeline": ", ".join(f"`{name}`" for name in nlp.pipe_names),
    }
    return "\n".join(f"- {name}: {value}" for name, value in named.items() if value)


def _describe_network(pipe: "BioNERMTL") -> str:
    network = pipe.network
    shape = network.architecture
    parameters = sum(each.numel() for each in network.parameters())
    return (
        f"{parameters:,} parameters: an LSTM of {shape.hidden_width} units in each direction, "
        f"{len(network.vocabulary.words):,} words in its table, static vectors of "
        f"{network.vector_width} dimensions."
    )


def _describe_heads(pipe: "BioNERMTL", performance: dict[str, Any]) -> str:
    settings = pipe.head_settings()
    rows = []
    for index, head in enumerate(pipe.heads):
        scores = [performance.get(f"spans_{head.name}_{part}") for part in "prf"]
        rows.append(
            (
                f"`{head.name}`" + ("" if index in settings.active else " (switched off)"),
                ", ".join(f"`{label}`" for label in head.labels),
                *(_UNKNOWN if score is None else f"{100 * score:.2f}" for score in scores),
                f"{settings.temperatures[index]:.3f}",
                f"{settings.thresholds[index]:g}",
                "yes" if head.name in pipe.cfg["consistency"] else "no",
            )
        )
    header = ("head", "labels", "P", "R", "F1", "temperature", "threshold", "repeats together")
    return _table(header, rows)


def _describe_training(nlp: "Language") -> str:
    config = nlp.config.interpolate()
    found = []
    for name, path in _TRAINING.items():
        value: Any = config
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, dict):
            value = ", ".join(f"{key} {each}" for key, each in value.items() if each is not None)
        if value is not None:
            found.append(f"- {name}: {value}")
    return "\n".join(found)


def _describe_source(source: Any) -> str:
    if not isinstance(source, dict) or not source.get("name"):
        return f"- {source}"
    author = f", {source['author']}" if source.get("author") else ""
    return (
        f"- [{source['name']}]({source['url']}){author}"
        if source.get("url")
        else (f"- {source['name']}{author}")
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines
    )
