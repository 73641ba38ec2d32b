"""``bioner-mtl compare``: do two trained pipelines differ by more than chance?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import JsonFile

if TYPE_CHECKING:
    from spacy_bioner_mtl.evaluate.comparison import Comparison

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
    more_a: Annotated[
        list[str] | None,
        Option("--more-a", metavar="MODEL", help="MODEL_A, trained with another seed. Repeat it."),
    ] = None,
    more_b: Annotated[
        list[str] | None,
        Option("--more-b", metavar="MODEL", help="MODEL_B, trained with another seed. Repeat it."),
    ] = None,
    rounds: Annotated[int, Option("--rounds", metavar="N", help="How often to swap.")] = 10_000,
    seed: Annotated[int, Option("--seed", metavar="N", help="Seed of the swaps.")] = 0,
    output: JsonFile = None,
    sentences: Annotated[
        Path | None,
        Option(
            "--sentences",
            metavar="FILE.jsonl",
            help="Where to save the sentences that one side alone gets right.",
        ),
    ] = None,
) -> None:
    """Compare F1 of two pipelines, for each head that both have and DOCS are annotated for.

    The p-value is that of a paired approximate randomisation test, two-sided: how often F1 differs
    by at least as much when the answers of both pipelines are swapped at random, document by
    document. A document is one of the DocBin: in files converted from CoNLL without -DOCSTART-
    lines, a sentence.

    With several seeds of both, F1 and p-value are those of all of a side together, and a side gets
    right what all of its seeds get right, the other what any of them does.
    """
    from statistics import stdev

    from wasabi import msg

    from spacy_bioner_mtl.evaluate.comparison import compare_pipelines
    from spacy_bioner_mtl.files.writing import check_outputs

    check_outputs([output, sentences], [docs])
    sides = [model_a, *(more_a or [])], [model_b, *(more_b or [])]
    comparisons = compare_pipelines(*sides, docs, rounds=rounds, seed=seed)

    def show(value: float, seeds: list[float]) -> str:
        spread = f" ± {100 * stdev(seeds):.2f}" if len(seeds) > 1 else ""
        return f"{100 * value:.2f}{spread}"

    msg.table(
        [
            (
                each.head,
                show(each.f_a, each.seeds_a),
                show(each.f_b, each.seeds_b),
                f"{100 * (each.f_b - each.f_a):+.2f}",
                f"{each.p_value:.4f}",
                f"{each.documents:,}",
                f"{each.only('A'):,}",
                f"{each.only('B'):,}",
            )
            for each in comparisons
        ],
        header=("Head", "F of A", "F of B", "B - A", "p", "Documents", "Only A", "Only B"),
        aligns=("l", "r", "r", "r", "r", "r", "r", "r"),
        divider=True,
    )
    if output:
        result = {
            "models_a": sides[0],
            "models_b": sides[1],
            "rounds": rounds,
            "seed": seed,
            "heads": {each.head: each.to_json() for each in comparisons},
        }
        save_json(output, result, "Comparison")
    if sentences:
        _save_sentences(sentences, comparisons)


def _save_sentences(path: Path, comparisons: "list[Comparison]") -> None:
    import srsly
    from wasabi import msg

    from spacy_bioner_mtl.files.writing import write_whole

    number = 0
    with write_whole(path) as file:
        for each in comparisons:
            for difference in each.differences:
                file.write(srsly.json_dumps({"head": each.head, **asdict(difference)}) + "\n")
                number += 1
    msg.good(f"{path}: {number:,} sentences that one side alone gets right")
