"""``python -m benchmarks training``: how fast a config trains on this machine."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from benchmarks.cli.overrides import config_overrides
from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GpuId, JsonFile


def training(
    context: Context,
    config: Annotated[Path, Argument(metavar="CONFIG", help="The config to train.")],
    steps: Annotated[int, Option("--steps", min=1, help="Steps to measure.")] = 100,
    warmup: Annotated[int, Option("--warmup", min=0, help="Steps to train before.")] = 20,
    threads: Annotated[
        int | None,
        Option("--threads", metavar="N", min=1, help="Threads of torch, if not its own choice."),
    ] = None,
    gpu_id: GpuId = -1,
    output: JsonFile = None,
) -> None:
    """Measure how fast a config trains, beside bare LSTM kernels and spaCy's ner.

    Settings of the config are changed as for `spacy train`: --paths.train FOLDER. Nothing is saved
    of what is trained. What is compared takes turns, so that other load on the machine slows both.
    """
    from wasabi import msg

    from benchmarks.training import benchmark_training
    from spacy_bioner_mtl.pipeline.loading import use_gpu

    overrides = config_overrides(context.args)
    use_gpu(gpu_id)
    benchmark = benchmark_training(config, overrides, steps=steps, warmup=warmup, threads=threads)
    values = benchmark.to_json()
    msg.table(_rows(values), aligns=("l", "r"))
    save_json(output, values, "Measurements")


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Lay measurements out as a table: what was measured, with its unit, and the value."""
    return [
        ("training, tokens/s", f"{values['tokens_per_second']:,.0f}"),
        ("  step, ms", f"{values['ms_per_step']:,.1f}"),
        ("  tokens per step", f"{values['tokens_per_step']:,.1f}"),
        ("its LSTM kernels alone, tokens/s", f"{values['kernel_tokens_per_second']:,.0f}"),
        ("  share of the step, %", f"{100 * values['kernel_share']:.1f}"),
        ("  kernels per step", f"{values['kernels'] / values['steps']:.1f}"),
        ("spaCy's ner, tokens/s", f"{values['ner_tokens_per_second']:,.0f}"),
        ("  training beside it, tokens/s", f"{values['beside_ner_tokens_per_second']:,.0f}"),
        ("  training / ner", f"{values['ratio_to_ner']:.2f}"),
        ("peak memory, MiB", f"{values['peak_memory_mib']:,.0f}"),
        ("preparation, s", f"{values['preparation_seconds']:.1f}"),
        ("measured steps", f"{values['steps']:,}"),
        ("steps of warm-up", f"{values['warmup']:,}"),
        ("threads of torch", str(values["threads"])),
        ("CPU", values["cpu"] or "unknown"),
        ("seed", str(values["seed"])),
    ]
