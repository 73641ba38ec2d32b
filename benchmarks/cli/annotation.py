"""``python -m benchmarks annotation``: how fast a trained pipeline annotates on this machine."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import GpuId, JsonFile, ModelName


def annotation(
    model: ModelName,
    texts: Annotated[Path, Argument(metavar="TEXTS", help="A file of texts, such as abstracts.")],
    source_format: Annotated[
        str, Option("--from", metavar="FORMAT", help="Format of TEXTS, as for annotate.")
    ] = "lines",
    words: Annotated[
        int,
        Option(
            "--words",
            metavar="N",
            min=1,
            help="Words that each pipeline annotates; TEXTS are repeated if they have fewer.",
        ),
    ] = 100_000,
    heads: Annotated[
        int | None,
        Option(
            "--heads",
            metavar="N",
            min=1,
            help="Measure with N heads: those of the pipeline, repeated.",
        ),
    ] = None,
    long: Annotated[
        int | None,
        Option(
            "--long",
            metavar="N",
            min=200_000,
            help="Annotate also N words in one go, at least 200,000: compare the speeds of the "
            "first and last 100,000, and watch memory.",
        ),
    ] = None,
    threads: Annotated[
        int, Option("--threads", metavar="N", min=1, help="Threads of all libraries.")
    ] = 1,
    gpu_id: GpuId = -1,
    output: JsonFile = None,
) -> None:
    """Measure how fast a pipeline annotates raw text, beside spaCy's ner on the same texts.

    ner is as `spacy init config` sets it up for efficiency, and learns from the pipeline's answers
    to some of the texts, so that it finds as many entities. Words are the pipeline's tokens without
    white space, for both. Both take turns, so that other load on the machine slows both; numbers
    are medians.
    """
    from wasabi import msg

    from benchmarks.annotation import benchmark as measure

    measured = measure(
        model,
        texts,
        source_format=source_format,
        words=words,
        heads=heads,
        long=long,
        threads=threads,
        gpu_id=gpu_id,
    )
    values = measured.to_json()
    msg.table(_rows(values), aligns=("l", "r"))
    save_json(output, values, "Measurements")


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Lay measurements out as a table: what was measured, with its unit, and the value."""
    heads = f"{values['heads']}"
    if values["heads_added"]:
        heads += f", {values['heads_added']} of them copies"
    rows = [
        ("without scores, words/s", f"{values['words_per_second']:,.0f}"),
        ("  / spaCy's ner", f"{values['ratio_to_ner']:.2f}"),
        ("with scores, words/s", f"{values['scored_words_per_second']:,.0f}"),
        ("  / spaCy's ner", f"{values['scored_ratio_to_ner']:.2f}"),
        ("spaCy's ner, words/s", f"{values['ner_words_per_second']:,.0f}"),
        ("one text, ms", f"{values['latency_ms']:.1f}"),
        ("  words in it", f"{values['latency_words']:.0f}"),
        ("  spaCy's ner, ms", f"{values['ner_latency_ms']:.1f}"),
        ("cold start: spacy.load, s", f"{values['cold_load_seconds']:.2f}"),
        ("  and the first text, s", f"{values['cold_first_seconds']:.2f}"),
        ("peak memory, MiB", f"{values['peak_memory_mib']:,.0f}"),
        ("entities in 1,000 words", f"{values['entities_per_1000_words']:.1f}"),
        ("  spaCy's ner", f"{values['ner_entities_per_1000_words']:.1f}"),
        ("heads", heads),
        ("words annotated by each", f"{sum(values['round_words']):,}"),
        ("  words in the texts", f"{values['words']:,}"),
        ("  times each text is read", f"{max(values['repeats'], 1):.1f}"),
    ]
    if run := values["long_run"]:
        change = run["last_words_per_second"] / run["first_words_per_second"] - 1
        rows += [
            ("long run, words", f"{run['words']:,}"),
            ("  times each text is read", f"{max(run['words'] / values['words'], 1):.1f}"),
            ("  first 100,000, words/s", f"{run['first_words_per_second']:,.0f}"),
            ("  last 100,000, words/s", f"{run['last_words_per_second']:,.0f}"),
            ("  change, %", f"{100 * change:+.1f}"),
            ("  peak memory after the first 100,000, MiB", f"{run['first_peak_memory_mib']:,.0f}"),
            ("  peak memory at the end, MiB", f"{run['peak_memory_mib']:,.0f}"),
        ]
    return [
        *rows,
        ("threads", str(values["threads"])),
        ("CPU", values["cpu"] or "unknown"),
    ]
