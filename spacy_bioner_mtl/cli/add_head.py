"""``bioner-mtl add-head``: a trained pipeline learns a new head and keeps the others."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.cli.options import GpuId, ModelName


def add_head(
    model: ModelName,
    train: Annotated[
        Path,
        Argument(metavar="TRAIN", help="Training documents: a .spacy file or a folder of them."),
    ],
    dev: Annotated[
        Path, Argument(metavar="DEV", help="Documents to choose the best weights by, likewise.")
    ],
    out: Annotated[Path, Argument(metavar="OUT", help="Folder of the new pipeline.")],
    steps: Annotated[
        int, Option("--steps", min=1, help="Steps of training; with --rehearse, twice.")
    ] = 1_000,
    rehearse: Annotated[
        list[Path] | None,
        Option(
            "--rehearse",
            metavar="FILE",
            help="Text like that which the pipeline reads, in UTF-8, a paragraph on each line, may "
            "be compressed with gzip; may be repeated. All weights learn in the end.",
        ),
    ] = None,
    force: Annotated[
        bool, Option("--force", help="Replace a pipeline that is there already.")
    ] = False,
    gpu_id: GpuId = -1,
) -> None:
    """Teach a trained pipeline the heads that documents are annotated for and that it lacks.

    Only the new heads learn: what the others find, in doc.spans, stays the same to the last digit
    of its probabilities. With --rehearse all weights learn after that, so that new heads find more;
    the old ones rehearse what they said of that text and of the training documents, and change
    little. Where the policy for doc.ents names heads, the new ones are named as well, and their
    mentions compete with the others'.
    """
    from spacy_bioner_mtl.errors import InputError
    from spacy_bioner_mtl.files.writing import check_replaceable
    from spacy_bioner_mtl.training.new_head import teach_head
    from spacy_bioner_mtl.training.pretrained_pipeline import save_pipeline

    check_replaceable(out, "pipeline", ["config.cfg"], force=force)
    if Path(model).resolve() in (out.resolve(), *out.resolve().parents):
        raise InputError(f"{out}: this is the folder of {model}, which is read; name another")
    nlp, heads = teach_head(model, train, dev, steps=steps, gpu_id=gpu_id, rehearse=rehearse or ())
    save_pipeline(nlp, out)
    show("good", f"{out}: learned {', '.join(heads)}")
