"""``bioner-mtl report``: a page of what a pipeline gets right and wrong."""

from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.cli.options import GoldDocs, GpuId, LabelMapFile, ModelName
from spacy_bioner_mtl.errors import InputError


def report(
    model: ModelName,
    corpora: GoldDocs,
    output: Annotated[
        Path, Option("--output", metavar="FILE.html", help="The page; it needs no network.")
    ],
    train: Annotated[
        list[Path] | None,
        Option(
            "--train",
            metavar="PATH",
            help="The training documents (.spacy files or folders; may be repeated): mentions that "
            "were seen in training are then told from others.",
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        Option(
            "--scores",
            metavar="FILE.jsonl",
            help="What --training.logger.scores of the training saved: learning curves.",
        ),
    ] = None,
    label_map: LabelMapFile = None,
    gpu_id: GpuId = -1,
) -> None:
    """Show what a pipeline gets right and wrong on gold documents, in one page.

    Scores with intervals, learning curves, mistakes by kind and by traits of mentions, sentences in
    colour, the strings that are missed, invented and confused most often, whether probabilities are
    true, and what each head says on the others' corpora.
    """
    from spacy_bioner_mtl.corpora.gold_files import check_corpora
    from spacy_bioner_mtl.evaluate.matrix import make_matrix
    from spacy_bioner_mtl.files.writing import check_no_source, write_whole
    from spacy_bioner_mtl.formats.label_map import read_label_map
    from spacy_bioner_mtl.pipeline.loading import load_pipeline
    from spacy_bioner_mtl.report.data import read_curves, report_heads

    try:
        from spacy_bioner_mtl.report.page import write_page
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed. Get it: pip install 'spacy_bioner_mtl[report]'"
        ) from error

    check_corpora([*corpora, *(train or [])])
    check_no_source(output, [*corpora, *(train or []), *([scores] if scores else [])])
    curves = read_curves(scores) if scores else {}
    labels = read_label_map(label_map) if label_map else {}
    nlp = load_pipeline(model, gpu_id)
    heads = report_heads(nlp, corpora, train or [])
    cells = make_matrix(nlp, corpora, labels)
    names = ", ".join(path.name for path in corpora)
    title = f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']} on {names}"
    with write_whole(output) as file:
        file.write(write_page(title, heads, cells, curves))
    show("good", f"Page saved to {output}")
