"""``bioner-mtl compare``: do two trained pipelines differ by more than chance?"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import JsonFile

ModelA = Annotated[
    str,
    Argument(metavar="MODEL_A", help="Folder of a trained pipeline, or name of an installed one."),
]
ModelB = Annotated[str, Argument(metavar="MODEL_B", help="The pipeline to compare it with.")]


def compare(
    model_a: ModelA,
    model_b: ModelB,
    docs: Annotated[
        Path, Argument(metavar="DOCS", help="Gold documents: a .spacy file, or a folder of them.")
    ],
    rounds: Annotated[int, Option("--rounds", metavar="N", help="How often to swap.")] = 10_000,
    seed: Annotated[int, Option("--seed", metavar="N", help="Seed of the swaps.")] = 0,
    output: JsonFile = None,
) -> None:
    """Compare F1 of two pipelines, for each head that both have and DOCS are annotated for.

    The p-value is that of a paired approximate randomisation test, two-sided: how often F1 differs
    by at least as much when the answers of both pipelines are swapped at random, document by
    document. A document is one of the DocBin: in files converted from CoNLL without -DOCSTART-
    lines, a sentence.
    """
    from wasabi import msg

    from spacy_bioner_mtl.evaluate.significance import compare_pipelines

    comparisons = compare_pipelines(model_a, model_b, docs, rounds=rounds, seed=seed)
    msg.table(
        [
            (
                each.head,
                f"{100 * each.f_a:.2f}",
                f"{100 * each.f_b:.2f}",
                f"{100 * (each.f_b - each.f_a):+.2f}",
                f"{each.p_value:.4f}",
                f"{each.documents:,}",
            )
            for each in comparisons
        ],
        header=("Head", "F of A", "F of B", "B - A", "p", "Documents"),
        aligns=("l", "r", "r", "r", "r", "r"),
        divider=True,
    )
    if output:
        result = {
            "model_a": model_a,
            "model_b": model_b,
            "rounds": rounds,
            "seed": seed,
            "heads": {each.head: each.to_json() for each in comparisons},
        }
        save_json(output, result, "Comparison")
