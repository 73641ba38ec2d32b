"""``python -m benchmarks variants``: is one model for all corpora better than one for each?"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Context, Option

from benchmarks.cli.overrides import config_overrides
from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GpuId, JsonFile


def variants(
    context: Context,
    config: Annotated[
        Path, Argument(metavar="CONFIG", help="A training config, such as configs/mtl.cfg.")
    ],
    data: Annotated[
        Path,
        Argument(metavar="DATA", help="Folder of `convert-corpora`, with train, devel and test."),
    ],
    out: Annotated[Path, Argument(metavar="OUT", help="Folder for the models and their logs.")],
    variant: Annotated[
        list[str] | None,
        Option(
            "--variant",
            metavar="STM|MTM-C|MTM-W|MTM-CW",
            help="Train this variant only; may be repeated.",
        ),
    ] = None,
    seeds: Annotated[int, Option("--seeds", metavar="N", help="Runs of each model.")] = 3,
    passes: Annotated[
        int, Option("--passes", metavar="N", help="Passes over each corpus in each run.")
    ] = 10,
    jobs: Annotated[
        int, Option("--jobs", metavar="N", min=1, help="Runs at a time, each with one thread.")
    ] = 1,
    gpu_id: GpuId = -1,
    output: JsonFile = None,
) -> None:
    """Train the variants of the paper, and compare them on the test sets.

    STM: a model for each corpus. MTM-C, MTM-W, MTM-CW: one model for all corpora, whose heads share
    characters, words, or both. All pass equally often over each corpus, and the last model of each
    run is scored, without any selection. Shown are mean and standard deviation of F1 over the
    seeds, and the p-value of the difference between STM and MTM-CW, as `compare` computes it.

    Runs that are done are not repeated: give the same command again to go on after a break. Further
    options override values of CONFIG, as for `spacy train`: --paths.vectors vectors/words
    """
    import signal

    from wasabi import msg

    from benchmarks.variant_scores import TESTED, collect_scores
    from benchmarks.variants import VARIANTS, execute_runs, plan_runs
    from spacy_bioner_mtl.errors import InputError

    chosen = list(dict.fromkeys(variant or VARIANTS))
    runs = plan_runs(
        config,
        data,
        out,
        variants=chosen,
        seeds=seeds,
        passes=passes,
        overrides=config_overrides(context.args),
    )
    # Ending this command ends the trainings that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failures = execute_runs(runs, jobs, msg.info, gpu_id)
    scores = collect_scores(runs)
    msg.table(
        [(each.name, *map(each.cell, chosen), each.p_cell()) for each in scores],
        header=("Head", *chosen, f"p {' / '.join(TESTED)}"),
        aligns=("l", *("r" for _ in chosen), "r"),
        divider=True,
    )
    if failures:
        raise InputError(
            f"{len(failures)} of {len(runs)} runs failed; give the command again to repeat them.\n"
            + "\n".join(f"- {failure}" for failure in failures)
        )
    if output:
        table = {"passes": passes, "seeds": seeds, "f1": {s.name: s.to_json() for s in scores}}
        save_json(output, table, "Table")
