"""How much load `bioner-mtl serve` holds on this machine, beside `bioner-mtl annotate`."""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from benchmarks.machine import cpu_name
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.record import MERGED_HEAD, Record, strict
from spacy_bioner_mtl.formats.registry import find_format
from spacy_bioner_mtl.serve.answers import to_json

#: Texts that `annotate` is timed on, at least.
_LEAST_TEXTS = 2_000
#: Files that `annotate` spreads over its processes.
FILES = 8
#: Memory is compared from here on: before, the first batches of each size are met.
SETTLED = 0.25
#: Probabilities are rounded to four digits, and the last one may differ with the batch.
TOLERANCE = 1.5e-4
_COMMAND = [sys.executable, "-m", "spacy_bioner_mtl"]
_PAUSE = 0.2


@dataclass
class Load:
    """What became of the requests.

    seconds (float): From the first to the last.
    latencies (list[float]): Of each, in seconds.
    different (int): Answers that are not those of the pipeline.
    errors (list[str]): Requests that were not answered, or with an error.
    memory (list[tuple[int, float]]): Requests so far, and MiB of all processes of the service.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    different: int = 0
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """What was measured.

    requests (int): Requests that were sent.
    errors (int): Of these, not answered, or with an error.
    different (int): Answers that are not those of nlp(text).
    texts_per_second (float): Answers a second.
    annotate_texts_per_second (float): Documents a second of `annotate`, its start not counted.
    ratio (float): The first divided by the second.
    median_ms (float): Median latency.
    p99_ms (float): What 99 % of the requests took at most.
    first_memory_mib (float): Memory of the service after a quarter of the requests.
    last_memory_mib (float): The same after the last.
    connections (int): Connections at a time.
    workers (int): Processes of the service, and of `annotate`.
    texts (int): Different texts.
    cpu (str): The processor.
    """

    requests: int
    errors: int
    different: int
    texts_per_second: float
    annotate_texts_per_second: float
    ratio: float
    median_ms: float
    p99_ms: float
    first_memory_mib: float
    last_memory_mib: float
    connections: int
    workers: int
    texts: int
    cpu: str

    def to_json(self) -> dict[str, Any]:
        """Lay the numbers out for JSON."""
        return asdict(self)


def benchmark(
    model: str,
    path: Path,
    *,
    source_format: str,
    connections: int,
    seconds: float,
    requests: int,
    workers: int,
) -> Measured:
    """Send texts on many connections at a time, and compare answers and speed.

    model (str): The pipeline.
    path (Path): The texts.
    source_format (str): Their format.
    connections (int): How many connections send one text after the other.
    seconds (float): For how long at least.
    requests (int): How many requests at least.
    workers (int): Processes of the service, and of `annotate`.
    RETURNS (Measured): What was measured.
    RAISES (InputError): There is no text, or the service does not start.
    """
    reader = find_format(source_format, to_read=True).load_reader()
    texts = [one.text for one in strict(reader(Source(path), gold=False)) if one.text.strip()]
    if not texts:
        raise InputError(f"{path}: no text in it; give others")
    wanted = _annotate_here(model, texts)
    with _serving(model, workers, connections) as (port, process):
        load = asyncio.run(_send(port, process, texts, wanted, connections, seconds, requests))
    speed = _measure_annotate(model, texts, workers)
    latencies = sorted(load.latencies) or [0.0]
    n_requests = len(load.latencies) + len(load.errors)
    for message in load.errors[:3]:
        print(message, file=sys.stderr)
    own = len(load.latencies) / load.seconds
    settled = [mib for count, mib in load.memory if count >= SETTLED * n_requests] or [0.0]
    return Measured(
        requests=n_requests,
        errors=len(load.errors),
        different=load.different,
        texts_per_second=own,
        annotate_texts_per_second=speed,
        ratio=own / speed,
        median_ms=1_000 * latencies[len(latencies) // 2],
        p99_ms=1_000 * latencies[int(0.99 * (len(latencies) - 1))],
        first_memory_mib=settled[0],
        last_memory_mib=settled[-1],
        connections=connections,
        workers=workers,
        texts=len(texts),
        cpu=cpu_name(),
    )


def _annotate_here(model: str, texts: list[str]) -> list[dict[str, Any]]:
    """What nlp(text) says of each text, as the service would lay it out."""
    from spacy_bioner_mtl.annotate.documents import SCORE_DIGITS
    from spacy_bioner_mtl.formats.record import Mention
    from spacy_bioner_mtl.pipeline.confidence import entity_scores
    from spacy_bioner_mtl.pipeline.loading import bioner_pipes, load_pipeline

    nlp = load_pipeline(model)
    for pipe in bioner_pipes(nlp):
        pipe.cfg["scores"] = True
    answers = []
    for text in texts:
        doc = nlp(text)
        mentions = [
            Mention(
                ent.start_char,
                ent.end_char,
                ent.label_,
                None if score is None else round(score, SCORE_DIGITS),
            )
            for ent, score in zip(doc.ents, entity_scores(doc), strict=True)
        ]
        answers.append(to_json(Record("1", text, {MERGED_HEAD: mentions})))
    return answers


@contextmanager
def _serving(
    model: str, workers: int, connections: int
) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    command = [*_COMMAND, "serve", model, "--port", "0", "--workers", str(workers)]
    command += ["--queue", str(connections)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r":(\d+) is the page", process.stdout.readline())
            if not found:
                raise InputError("the service did not start; its message is above")
            port = int(found[1])
            while not asyncio.run(_is_ready(port)):
                if process.poll() is not None:
                    raise InputError("the service ended; its message is above")
                sleep(_PAUSE)
            yield port, process
        finally:
            process.terminate()


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        status, _ = await _read_answer(reader)
        writer.close()
    except OSError:
        return False
    return status == 200


async def _send(
    port: int,
    process: "subprocess.Popen[str]",
    texts: list[str],
    wanted: list[dict[str, Any]],
    connections: int,
    seconds: float,
    requests: int,
) -> Load:
    load = Load()
    numbers = cycle(range(len(texts)))
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    start = perf_counter()

    def is_over() -> bool:
        sent = len(load.latencies) + len(load.errors)
        return perf_counter() - start >= seconds and sent >= requests

    async def send_on_one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        while not is_over():
            number = next(numbers)
            begin = perf_counter()
            try:
                writer.write(_write_request(bodies[number]))
                status, body = await _read_answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                load.errors.append(repr(error))
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
                continue
            if status != 200:
                load.errors.append(f"{status}: {body.decode()}")
                continue
            load.latencies.append(perf_counter() - begin)
            (found,) = json.loads(body)["documents"]
            load.different += not _is_same(found, wanted[number])
        writer.close()

    def note_memory() -> None:
        count = len(load.latencies) + len(load.errors)
        load.memory.append((count, _memory_mib(process.pid)))

    async def watch_memory() -> None:
        while True:
            note_memory()
            await asyncio.sleep(_PAUSE)

    watching = asyncio.create_task(watch_memory())
    await asyncio.gather(*(send_on_one_connection() for _ in range(connections)))
    load.seconds = perf_counter() - start
    watching.cancel()
    note_memory()
    return load


def _write_request(body: bytes) -> bytes:
    head = "POST /v1/annotate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    return int(head.split(" ", 2)[1]), await reader.readexactly(int(length[1]) if length else 0)


def _is_same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if found == wanted:
        return True
    bare = [[{**each, "score": None} for each in one["entities"]] for one in (found, wanted)]
    scores = [[each.get("score", 0.0) for each in one["entities"]] for one in (found, wanted)]
    return bare[0] == bare[1] and all(
        abs(mine - theirs) < TOLERANCE for mine, theirs in zip(*scores, strict=True)
    )


def _memory_mib(pid: int) -> float:
    """Resident memory of a process and of those that it started; 0 where the system tells none."""
    total = 0.0
    for one in (pid, *_children(pid)):
        status = Path(f"/proc/{one}/status")
        if status.is_file():
            found = re.search(r"VmRSS:\s*(\d+)", status.read_text(encoding="utf-8"))
            total += int(found[1]) / 2**10 if found else 0.0
    return total


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()] if path.is_file() else []


def _measure_annotate(model: str, texts: list[str], processes: int) -> float:
    """Documents a second; two runs of different length tell what the start takes."""
    # Of fewer, the difference would be that of two starts.
    texts = texts * -(-_LEAST_TEXTS // len(texts))
    short, long = (_time_annotate(model, texts, processes, times) for times in (1, 4))
    return 3 * len(texts) / max(long - short, 1e-9)


def _time_annotate(model: str, texts: list[str], processes: int, times: int) -> float:
    repeated = list(islice(cycle(texts), times * len(texts)))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "texts"
        source.mkdir()
        for number in range(FILES):
            lines = [json.dumps({"text": text}) + "\n" for text in repeated[number::FILES]]
            (source / f"{number}.jsonl").write_text("".join(lines), encoding="utf-8")
        command = [*_COMMAND, "annotate", model, str(source), str(Path(folder) / "answers")]
        command += ["--from", "jsonl", "--to", "jsonl", "--scores", "--quiet"]
        start = perf_counter()
        subprocess.run([*command, "--processes", str(processes)], check=True)
        return perf_counter() - start
