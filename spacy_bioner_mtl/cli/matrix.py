"""``bioner-mtl matrix``: every head on every corpus that has a label it knows."""

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GoldDocs, GpuId, JsonFile, LabelMapFile, ModelName


def matrix(
    model: ModelName,
    corpora: GoldDocs,
    label_map: LabelMapFile = None,
    output: JsonFile = None,
    gpu_id: GpuId = -1,
) -> None:
    """Score every head on every corpus that has a label it knows, whatever its case.

    Each .spacy file is a corpus. What heads that learned from other corpora find there tells whose
    conventions agree, and which head to ask about texts like those of a corpus.
    """
    from dataclasses import asdict

    from wasabi import msg

    from spacy_bioner_mtl.corpora.gold_files import check_corpora
    from spacy_bioner_mtl.evaluate.gold_docs import score_row
    from spacy_bioner_mtl.evaluate.matrix import make_matrix
    from spacy_bioner_mtl.files.writing import check_no_source
    from spacy_bioner_mtl.formats.label_map import read_label_map
    from spacy_bioner_mtl.pipeline.loading import load_pipeline

    check_corpora(corpora)
    if output is not None:
        check_no_source(output, corpora)
    labels = read_label_map(label_map) if label_map else {}
    cells = make_matrix(load_pipeline(model, gpu_id), corpora, labels)
    rows = []
    before = None
    for cell in cells:
        of = cell.corpus, cell.label
        scores = (cell.precision, cell.recall, cell.f_score)
        row = score_row(cell.head, scores, cell.gold)
        rows.append((*(of if of != before else ("", "")), *row))
        before = of
    msg.table(
        rows,
        header=("Corpus", "Label", "Head", "P", "R", "F", "Gold"),
        aligns=("l", "l", "l", "r", "r", "r", "r"),
        divider=True,
    )
    save_json(output, [asdict(cell) for cell in cells], "Scores")
