"""What a benchmark measures in a process of its own: cold start, memory, and long runs.

Run as a module, it reads a Request as JSON from standard input and prints Measurements as JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.machine import peak_memory_mib
from spacy_bioner_mtl.pipeline.loading import ANY_LENGTH, use_gpu

if TYPE_CHECKING:
    from spacy.language import Language

#: Words that are annotated in one memory zone of spaCy's.
WORDS_PER_ZONE = 10_000
#: Libraries read these when they are loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
)
#: A text and its number of words.
Text = tuple[str, int]


@dataclass(frozen=True)
class Request:
    """What to measure.

    model (str): Folder or name of the pipeline.
    texts (Sequence[Text]): Texts; the first is that of the cold start.
    heads (int): Number of heads, for all but the cold start; see repeat_heads.
    words (int): Words to annotate after the cold start; the texts are repeated if they have fewer.
    window (int): Words at the beginning and at the end whose speeds are compared.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    """

    model: str
    texts: Sequence[Text]
    heads: int
    words: int
    window: int
    gpu_id: int = -1


@dataclass(frozen=True)
class Measurements:
    """What a process measured.

    load_seconds (float): Loading the pipeline, after `import spacy`.
    first_seconds (float): The first text.
    words (int): Words annotated after that.
    first_words_per_second (float): Speed of the first window; 0 where nothing was annotated.
    last_words_per_second (float): Speed of the last window.
    first_peak_memory_mib (float): Largest resident memory up to the end of the first window.
    peak_memory_mib (float): Largest resident memory.
    """

    load_seconds: float
    first_seconds: float
    words: int
    first_words_per_second: float
    last_words_per_second: float
    first_peak_memory_mib: float
    peak_memory_mib: float


def measure_in_process(request: Request, threads: int) -> Measurements:
    """Measure in a fresh process.

    request (Request): What to measure.
    threads (int): Threads of all libraries.
    RETURNS (Measurements): What was measured.
    """
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    # These modules are of a checkout, and not installed.
    checkout = str(Path(__file__).parent.parent)
    variables["PYTHONPATH"] = os.pathsep.join([checkout, *filter(None, [os.getenv("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(asdict(request)),
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
        # Ctrl-C ends it through this process, without a word of its own.
        start_new_session=True,
    )
    return Measurements(**json.loads(done.stdout.splitlines()[-1]))


def measure(request: Request) -> Measurements:
    """Measure in this process, which has not loaded a pipeline yet.

    request (Request): What to measure.
    RETURNS (Measurements): What was measured.
    """
    import spacy

    use_gpu(request.gpu_id)
    start = perf_counter()
    nlp = spacy.load(request.model)
    nlp.max_length = ANY_LENGTH
    loaded = perf_counter()
    nlp(request.texts[0][0])
    answered = perf_counter()
    words, seconds, peaks = _annotate(nlp, request)
    first = _window(words, request.window)
    last = _window(words[::-1], request.window)
    return Measurements(
        load_seconds=loaded - start,
        first_seconds=answered - loaded,
        words=sum(words),
        first_words_per_second=_speed(words[:first], seconds[:first]),
        last_words_per_second=_speed(words[-last:], seconds[-last:]),
        first_peak_memory_mib=peaks[first - 1] if peaks else peak_memory_mib(),
        peak_memory_mib=peak_memory_mib(),
    )


def _annotate(nlp: "Language", request: Request) -> tuple[list[int], list[float], list[float]]:
    """Annotate; tell words, seconds, and the peak of memory so far, zone by zone."""
    from benchmarks.repeated_heads import repeat_heads

    repeat_heads(nlp, request.heads)
    words, seconds, peaks = [], [], []
    for zone in zones(cycle(request.texts), request.words):
        start = perf_counter()
        with nlp.memory_zone():
            for _ in nlp.pipe(text for text, _ in zone):
                pass
        seconds.append(perf_counter() - start)
        words.append(sum(count for _, count in zone))
        peaks.append(peak_memory_mib())
    return words, seconds, peaks


def zones(texts: Iterable[Text], words: int, size: int = WORDS_PER_ZONE) -> Iterator[list[Text]]:
    """Group texts.

    texts (Iterable[Text]): The texts.
    words (int): Words of all groups together: no text is read after those that have them.
    size (int): Words of a group, which ends with the text that reaches it.
    YIELDS (list[Text]): The groups; the last may be smaller.
    """
    if words <= 0:
        return
    total = in_zone = 0
    zone: list[Text] = []
    for text in texts:
        zone.append(text)
        in_zone += text[1]
        total += text[1]
        if in_zone >= size or total >= words:
            yield zone
            zone, in_zone = [], 0
        if total >= words:
            return
    if zone:
        yield zone


def _window(words: Sequence[int], size: int) -> int:
    """The number of zones that have so many words; all if they have fewer."""
    total = 0
    for index, count in enumerate(words, start=1):
        total += count
        if total >= size:
            return index
    return len(words)


def _speed(words: Sequence[int], seconds: Sequence[float]) -> float:
    return sum(words) / sum(seconds) if words else 0.0


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Request(**json.load(sys.stdin))))))
