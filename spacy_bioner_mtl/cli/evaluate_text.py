"""``bioner-mtl evaluate-text``: scores of one head on raw text."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.gold import print_gold_report
from spacy_bioner_mtl.cli.options import (
    GpuId,
    JsonFile,
    LabelMapFile,
    ModelName,
    TagLabel,
    WordColumn,
)


def evaluate_text(
    model: ModelName,
    source: Annotated[
        Path,
        Argument(
            metavar="SOURCE", help='A file or folder of texts with gold mentions; "-" for stdin.'
        ),
    ],
    head: Annotated[
        str, Option("--head", metavar="NAME", help="The head to score, or merged: doc.ents.")
    ],
    source_format: Annotated[
        str | None,
        Option("--from", metavar="FORMAT", help="Default: recognised from content and names."),
    ] = None,
    label_map: LabelMapFile = None,
    strict: Annotated[
        bool, Option("--strict", help="Refuse the first annotation that does not fit its text.")
    ] = False,
    label: TagLabel = None,
    word_column: WordColumn = None,
    output: JsonFile = None,
    gpu_id: GpuId = -1,
) -> None:
    """Score a head on raw text, which the pipeline itself cuts into tokens and sentences.

    A mention is found if start, end and label are the same, character by character. Annotations
    that do not fit their text are counted, and what the head finds where they may belong is neither
    right nor wrong.
    """
    from wasabi import msg

    from spacy_bioner_mtl.evaluate.raw_text import GoldTexts, evaluate_raw_text
    from spacy_bioner_mtl.formats.gold_records import GoldOptions
    from spacy_bioner_mtl.formats.label_map import read_label_map
    from spacy_bioner_mtl.pipeline.loading import load_pipeline

    options = GoldOptions(
        source_format, label=label or head, word_column=word_column, strict=strict
    )
    texts = GoldTexts(source, options)
    labels = read_label_map(label_map) if label_map else None
    evaluation = evaluate_raw_text(load_pipeline(model, gpu_id), texts, head, label_map=labels)
    msg.table(
        evaluation.rows(),
        header=("Head", "P", "R", "F", "Gold"),
        aligns=("l", "r", "r", "r", "r"),
        divider=True,
    )
    total = evaluation.labels.total()
    gold = max(total.tp + total.fn, 1)
    for count, what in (
        (evaluation.unreachable, "do not begin and end with a token"),
        (evaluation.cut, "are cut by a sentence boundary"),
        (evaluation.overlapping, "share text with a longer one, and a head's spans never overlap"),
    ):
        msg.info(f"{count:,} gold mentions ({count / gold:.2%}) {what}")
    if evaluation.duplicates:
        msg.info(f"{evaluation.duplicates:,} repeated gold mentions counted once")
    if evaluation.left_out:
        msg.info(f"{evaluation.left_out:,} gold mentions left out, as the map says")
    if evaluation.unused_labels:
        msg.warn(f"Labels of the map that do not occur: {', '.join(evaluation.unused_labels)}")
    if evaluation.unknown_labels:
        msg.warn(
            f"Labels that the head does not know: {', '.join(evaluation.unknown_labels)}. Rename "
            "them, or leave them out, with --map"
        )
    if evaluation.unjudged:
        msg.info(
            f"{evaluation.unjudged:,} predicted mentions touch text of unknown annotation, and are "
            "neither right nor wrong"
        )
    print_gold_report(evaluation.gold)
    msg.info(f"{evaluation.documents:,} documents, {evaluation.tokens:,} tokens")
    save_json(output, evaluation.to_json(), "Scores")
