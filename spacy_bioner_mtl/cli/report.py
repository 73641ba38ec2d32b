"""``bioner-mtl report``: a page of what a pipeline gets right and wrong."""

from pathlib import Path
from typing import Annotated

from typer import Option

from spacy_bioner_mtl import __version__
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

    At the top how good each head is, and where it fails; then kinds of mistakes, traits of
    mentions that are hard, whether probabilities are true, what each head says on the others'
    corpora, learning curves, all scores, and for each head sentences of each kind of mistake in
    colour and the strings that are missed, invented and confused most often.
    """
    from spacy_bioner_mtl.corpora.gold_files import check_corpora
    from spacy_bioner_mtl.evaluate.matrix import score_corpora
    from spacy_bioner_mtl.files.writing import check_no_source, write_whole
    from spacy_bioner_mtl.formats.label_map import read_label_map
    from spacy_bioner_mtl.pipeline.loading import load_pipeline
    from spacy_bioner_mtl.report.data import annotate_with_scores, read_curves, report_heads

    try:
        from spacy_bioner_mtl.report.page import Facts, write_page
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed. Get it: pip install 'spacy_bioner_mtl[report]'"
        ) from error

    check_corpora([*corpora, *(train or [])])
    check_no_source(output, [*corpora, *(train or []), *([scores] if scores else [])])
    curves = read_curves(scores) if scores else {}
    labels = read_label_map(label_map) if label_map else {}
    nlp = load_pipeline(model, gpu_id)
    annotated = annotate_with_scores(nlp, corpora)
    heads = report_heads(nlp, annotated, train or [])
    cells = score_corpora(nlp, annotated, labels)
    docs = [example.reference for _, examples in annotated for example in examples]
    facts = Facts(
        f"{model} on {', '.join(name for name, _ in annotated)}",
        f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}. {len(docs):,} documents, "
        f"{sum(map(len, docs)):,} tokens. Made by spacy_bioner_mtl {__version__}.",
        heads,
        cells,
        curves,
    )
    with write_whole(output) as file:
        file.write(write_page(facts))
    show("good", f"Page saved to {output}")
