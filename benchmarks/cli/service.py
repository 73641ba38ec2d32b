"""``python -m benchmarks service``: how much load the service holds on this machine."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spacy_bioner_mtl.cli.console import save_json
from spacy_bioner_mtl.cli.options import JsonFile, ModelName


def service(
    model: ModelName,
    texts: Annotated[Path, Argument(metavar="TEXTS", help="A file of texts, such as abstracts.")],
    source_format: Annotated[
        str, Option("--from", metavar="FORMAT", help="Format of TEXTS, as for annotate.")
    ] = "lines",
    connections: Annotated[
        int, Option("--connections", metavar="N", min=1, help="Connections at a time.")
    ] = 64,
    seconds: Annotated[
        float, Option("--seconds", metavar="S", min=0.0, help="How long to send, at least.")
    ] = 60.0,
    requests: Annotated[
        int, Option("--requests", metavar="N", min=1, help="How many requests to send, at least.")
    ] = 20_000,
    workers: Annotated[
        int,
        Option(
            "--workers", metavar="N", min=1, help="Processes of the service, and of `annotate`."
        ),
    ] = 2,
    output: JsonFile = None,
) -> None:
    """Send texts to `bioner-mtl serve` on many connections, all on this machine.

    Each answer is compared with nlp(text). The speed is told beside that of `bioner-mtl annotate`
    with as many processes on the same texts, memory after a quarter of the requests beside that at
    the end.
    """
    from wasabi import msg

    from benchmarks.service import benchmark

    measured = benchmark(
        model,
        texts,
        source_format=source_format,
        connections=connections,
        seconds=seconds,
        requests=requests,
        workers=workers,
    )
    rows = [
        ("requests", f"{measured.requests:,}"),
        ("  errors", f"{measured.errors:,}"),
        ("  other answers than nlp(text)", f"{measured.different:,}"),
        ("texts/s", f"{measured.texts_per_second:,.1f}"),
        ("  annotate, texts/s", f"{measured.annotate_texts_per_second:,.1f}"),
        ("  service / annotate", f"{measured.ratio:.2f}"),
        ("latency, median, ms", f"{measured.median_ms:,.0f}"),
        ("  99 %, ms", f"{measured.p99_ms:,.0f}"),
        ("memory after a quarter, MiB", f"{measured.first_memory_mib:,.0f}"),
        ("  at the end, MiB", f"{measured.last_memory_mib:,.0f}"),
        ("connections", str(measured.connections)),
        ("workers", str(measured.workers)),
        ("different texts", f"{measured.texts:,}"),
        ("CPU", measured.cpu or "unknown"),
    ]
    msg.table(rows, aligns=("l", "r"))
    save_json(output, measured.to_json(), "Measurements")
