"""``bioner-mtl pretrain``: the shared encoders, trained on plain text before ``spacy train``."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Exit, Option

from spacy_bioner_mtl.cli.console import INTERRUPTED, show
from spacy_bioner_mtl.cli.options import GpuId, TextCorpora, TextFiles
from spacy_bioner_mtl.errors import InputError


def pretrain(
    context: Context,
    config: Annotated[
        Path, Argument(metavar="CONFIG", help="The config that `spacy train` will get.")
    ],
    out: Annotated[
        Path, Argument(metavar="OUT", help="Folder of the pipeline to start training from.")
    ],
    text: TextFiles = None,
    corpus: TextCorpora = None,
    passes: Annotated[float, Option("--epochs", min=0.01, help="Passes over the text.")] = 1.0,
    batch_size: Annotated[
        int, Option("--batch-size", min=100, help="Padded tokens in a batch; 24000 on a GPU.")
    ] = 4_000,
    gpu_id: GpuId = -1,
    force: Annotated[
        bool, Option("--force", help="Replace a pipeline that is there already.")
    ] = False,
) -> None:
    """Train the encoders that heads share to predict the words of plain text.

    Training then starts from them, with --paths.encoders OUT, and needs fewer annotated sentences.
    Settings of the config are given as `spacy train` takes them: --paths.train, --paths.dev,
    --paths.vectors and the like, the same as for training. Ctrl-C ends early; what was learned
    until then is saved.
    """
    from spacy_bioner_mtl.files.writing import check_replaceable
    from spacy_bioner_mtl.training.pretrained_pipeline import (
        pretrain_pipeline,
        save_pipeline,
    )

    if not text and not corpus:
        raise InputError("There is nothing to learn from: name files with --text or --corpus.")
    check_replaceable(out, "pipeline", ["config.cfg"], force=force)
    nlp, result = pretrain_pipeline(
        config,
        context.args,
        text or [],
        corpus or [],
        passes=passes,
        batch_size=batch_size,
        gpu_id=gpu_id,
    )
    forward, backward = result.losses
    save_pipeline(nlp, out)
    show(
        "good" if result.complete else "warn",
        f"{out}: {result.tokens:,} tokens read, of {result.words:,} words; on sentences held out a "
        f"loss of {forward:.3f} forward and {backward:.3f} backward"
        + ("" if result.complete else ". Interrupted: its learning rate had not come down yet"),
    )
    if not result.complete:
        raise Exit(INTERRUPTED)
