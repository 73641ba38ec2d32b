"""``bioner-mtl evaluate``: scores of a trained pipeline, head by head."""

from typing import Annotated

from typer import Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GoldDocs, GpuId, JsonFile, ModelName


def evaluate(
    model: ModelName,
    corpora: GoldDocs,
    output: JsonFile = None,
    into_meta: Annotated[
        bool,
        Option("--into-meta", help="Save the scores in MODEL's meta.json as well."),
    ] = False,
    gpu_id: GpuId = -1,
) -> None:
    """Score every head on the documents that are annotated for it.

    The numbers are those of `spacy evaluate MODEL FILE --spans-key HEAD`, for all heads at once.
    """
    from wasabi import msg

    from spacy_bioner_mtl.corpora.gold_files import check_corpora
    from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline, find_meta, save_performance
    from spacy_bioner_mtl.pipeline.loading import load_pipeline

    check_corpora(corpora)
    meta = find_meta(model) if into_meta else None
    evaluation = evaluate_pipeline(load_pipeline(model, gpu_id), corpora)
    msg.table(
        evaluation.rows(),
        header=("Head", "P", "R", "F", "Gold"),
        aligns=("l", "r", "r", "r", "r"),
        divider=True,
    )
    if evaluation.unknown_heads:
        msg.warn(
            "The pipeline lacks these heads, and scores 0 on them: "
            f"{', '.join(evaluation.unknown_heads)}"
        )
    msg.info(
        f"{evaluation.documents:,} documents, {evaluation.tokens:,} tokens, "
        f"{evaluation.scores['speed']:,.0f} tokens per second"
    )
    save_json(output, evaluation.to_json(), "Scores")
    if meta:
        save_performance(evaluation, meta)
        msg.good(f"Scores saved to {meta}")
