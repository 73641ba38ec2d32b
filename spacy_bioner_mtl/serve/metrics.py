"""What the service counts, for Prometheus. Nothing of a text is in it."""

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from spacy_bioner_mtl.serve.settings import SHARED_FOLDER

REQUESTS = Counter("bioner_requests", "Requests that were answered.", ["path", "status"])
SECONDS = Histogram("bioner_request_seconds", "Time from request to answer.", ["path"])
IN_WORK = Gauge(
    "bioner_requests_in_work",
    "Requests that are waiting or worked on.",
    multiprocess_mode="livesum",
)
DOCUMENTS = Counter("bioner_documents", "Documents that went through the pipeline.")
CHARACTERS = Counter("bioner_characters", "Characters of these documents.")
BATCHES = Histogram(
    "bioner_batch_documents",
    "Documents that went through the pipeline together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)


def write_metrics() -> bytes:
    """Write all counts, those of the other processes included.

    RETURNS (bytes): Prometheus' text format.
    """
    folder = os.environ.get(SHARED_FOLDER)
    if not folder:
        return generate_latest()
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_dead(folder: Path) -> None:
    """What a killed process was working on is no longer worked on."""
    for path in folder.glob("gauge_live*.db"):
        process = int(path.stem.rpartition("_")[2])
        if not _is_running(process):
            # Another process may have seen it, too.
            with suppress(FileNotFoundError):
                path.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
