"""``bioner-mtl card``: what a pipeline is."""

from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.cli.options import ModelName


def card(
    model: ModelName,
    output: Annotated[
        Path | None, Option("--output", metavar="FILE.md", help="Where to save it; else shown.")
    ] = None,
) -> None:
    """Show the model card of a pipeline, in Markdown.

    Heads with their labels, the scores that its meta.json tells of and their calibration, how it
    was trained, on which data under which licences, and the notes of whoever made it.
    """
    from spacy_bioner_mtl.evaluate.card import write_card
    from spacy_bioner_mtl.files.writing import write_whole
    from spacy_bioner_mtl.pipeline.loading import load_pipeline

    text = write_card(load_pipeline(model))
    if output is None:
        show("plain", text.rstrip("\n"))
        return
    with write_whole(output) as file:
        file.write(text)
    show("good", f"Card saved to {output}")
