"""Speed of annotation, measured beside spaCy's own ner on the same texts.

The pipelines take turns on the same texts, so that other load on the machine slows all alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import filter_spans
from thinc.api import fix_random_seed

from benchmarks.annotation_process import (
    Measurements,
    Request,
    Text,
    measure_in_process,
    zones,
)
from benchmarks.machine import cpu_name
from benchmarks.repeated_heads import repeat_heads
from benchmarks.training import make_ner
from spacy_bioner_mtl.console.progress import begin, track
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import strict
from spacy_bioner_mtl.formats.registry import find_format
from spacy_bioner_mtl.pipeline.loading import (
    ANY_LENGTH,
    active_head_names,
    bioner_pipes,
    load_pipeline,
)

if TYPE_CHECKING:
    from tqdm import tqdm

#: Turns that each pipeline has.
ROUNDS = 6
#: Single calls whose latency is measured.
CALLS = 100
#: Processes whose cold start is measured.
COLD_STARTS = 3
#: Words at the beginning and end of a long run whose speeds are compared.
WINDOW = 100_000
#: What spaCy's ner learns from: words of text, and passes over them.
NER_WORDS, NER_PASSES, NER_BATCH = 10_000, 10, 4


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark measured.

    Words are the model's tokens, without white space, for all pipelines. What ends in _seconds
    has one number for each round or call.

    model (str): The pipeline.
    heads (int): Its heads, with those that were added.
    heads_added (int): Copies of its heads among them.
    texts (int): Different texts.
    words (int): Words in them.
    round_words (list[int]): Words annotated by each pipeline in each round.
    seconds (list[float]): The model without scores.
    scored_seconds (list[float]): The model with scores.
    ner_seconds (list[float]): spaCy's ner.
    entities (int): Entities that the model found in all rounds.
    ner_entities (int): Entities that ner found.
    call_words (list[int]): Words of each single call.
    call_seconds (list[float]): The model, set as it was saved, on one text at a time.
    ner_call_seconds (list[float]): spaCy's ner.
    load_seconds (list[float]): Loading the model in fresh processes, after `import spacy`.
    first_seconds (list[float]): The first text after that.
    peak_memory_mib (float): Largest resident memory of a process that annotates the texts of the
        rounds, in MiB.
    long_run (Measurements | None): What was measured in a long run.
    threads (int): Threads.
    cpu (str): Name of the processor; empty where the platform tells none.
    """

    model: str
    heads: int
    heads_added: int
    texts: int
    words: int
    round_words: list[int]
    seconds: list[float]
    scored_seconds: list[float]
    ner_seconds: list[float]
    entities: int
    ner_entities: int
    call_words: list[int]
    call_seconds: list[float]
    ner_call_seconds: list[float]
    load_seconds: list[float]
    first_seconds: list[float]
    peak_memory_mib: float
    long_run: Measurements | None
    threads: int
    cpu: str

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file.

        RETURNS (dict[str, Any]): What was measured, and the speeds and ratios that follow from it,
            medians of the rounds, calls or processes.
        """
        annotated = sum(self.round_words)
        return {
            **asdict(self),
            "words_per_second": _speed(self.round_words, self.seconds),
            "scored_words_per_second": _speed(self.round_words, self.scored_seconds),
            "ner_words_per_second": _speed(self.round_words, self.ner_seconds),
            "ratio_to_ner": _ratio(self.ner_seconds, self.seconds),
            "scored_ratio_to_ner": _ratio(self.ner_seconds, self.scored_seconds),
            "repeats": annotated / self.words,
            "entities_per_1000_words": 1000 * self.entities / annotated,
            "ner_entities_per_1000_words": 1000 * self.ner_entities / annotated,
            "latency_ms": 1000 * median(self.call_seconds),
            "ner_latency_ms": 1000 * median(self.ner_call_seconds),
            "latency_words": median(self.call_words),
            "cold_load_seconds": median(self.load_seconds),
            "cold_first_seconds": median(self.first_seconds),
        }


def benchmark(
    model: str,
    path: Path,
    *,
    source_format: str = "lines",
    words: int,
    heads: int | None = None,
    long: int | None = None,
    threads: int = 1,
    gpu_id: int = -1,
) -> Benchmark:
    """Measure a pipeline on texts, beside spaCy's ner.

    model (str): Folder or name of the pipeline.
    path (Path): The file of texts.
    source_format (str): Its format, a name in the registry.
    words (int): Words that each pipeline annotates, in all rounds together.
    heads (int | None): Number of heads, some of them copies; None for those that it has.
    long (int | None): Words of a long run; None for none.
    threads (int): Threads.
    gpu_id (int): The GPU to run on, or -1 for the CPU.
    RETURNS (Benchmark): The measurements.
    RAISES (InputError): There is no such pipeline or format, or the texts cannot be used.
    """
    read = find_format(source_format, to_read=True).load_reader()
    torch.set_num_threads(threads)
    nlp = load_pipeline(model, gpu_id)
    heads_before = len(active_head_names(nlp))
    if heads is not None:
        repeat_heads(nlp, heads)
    records = strict(read(path, gold=False))
    texts = take_texts(nlp, (record.text for record in records), max(words, long or 0))
    if not texts:
        raise InputError(f"{path}: there is no text in it to measure with")
    heads = len(active_head_names(nlp))
    long_run = None
    with begin("steps", 3 + ROUNDS + COLD_STARTS + bool(long)) as progress:
        ner = train_ner(nlp, texts)
        progress.update()
        turns = _take_turns(nlp, ner, texts, words, progress)
        calls = _time_calls([nlp, ner], texts)
        progress.update()
        # A process is measured before it does anything else: the first text is its cold start.
        requests = [
            Request(
                model, texts if first else texts[:1], heads, words if first else 0, WINDOW, gpu_id
            )
            for first in (True, *[False] * (COLD_STARTS - 1))
        ]
        processes = []
        for each in requests:
            processes.append(measure_in_process(each, threads))
            progress.update()
        if long:
            request = Request(model, texts, heads, long, WINDOW, gpu_id)
            long_run = measure_in_process(request, threads)
            progress.update()
    return Benchmark(
        model=model,
        heads=heads,
        heads_added=heads - heads_before,
        texts=len(texts),
        words=sum(count for _, count in texts),
        **turns,
        call_words=[count for _, count in islice(cycle(texts), CALLS)],
        call_seconds=calls[0],
        ner_call_seconds=calls[1],
        load_seconds=[each.load_seconds for each in processes],
        first_seconds=[each.first_seconds for each in processes],
        peak_memory_mib=processes[0].peak_memory_mib,
        long_run=long_run,
        threads=threads,
        cpu=cpu_name(),
    )


def take_texts(nlp: Language, texts: Iterable[str], words: int) -> list[Text]:
    """Take texts until they have enough words.

    nlp (Language): The pipeline whose tokens are counted.
    texts (Iterable[str]): The texts; those without words are passed over.
    words (int): How many words are enough.
    RETURNS (list[Text]): The texts and their words: all of them, if they have fewer.
    """
    counted = ((text, _count_words(nlp, text)) for text in track(texts, "texts read"))
    return [text for zone in zones((one for one in counted if one[1]), words) for text in zone]


def train_ner(nlp: Language, texts: Sequence[Text]) -> Language:
    """Train spaCy's ner, from scratch and briefly, on a pipeline's answers.

    What it finds need not be right, but as much as the pipeline finds: its speed depends on it.

    nlp (Language): The pipeline.
    texts (Sequence[Text]): Texts, of which the first are used.
    RETURNS (Language): The trained ner; it has a tokenizer and a vocabulary of its own.
    RAISES (InputError): The pipeline finds no entity in the texts.
    """
    ner = make_ner(nlp.config["nlp"]["lang"])
    ner.max_length = ANY_LENGTH
    taken = next(zones(texts, NER_WORDS, NER_WORDS))
    examples = [
        # A single text may have far more words than are needed.
        _example(ner, doc[:NER_WORDS].as_doc())
        for doc in nlp.pipe(text for text, _ in taken)
    ]
    if not any(example.reference.ents for example in examples):
        raise InputError(
            "the pipeline finds no entity in the first texts, from which spaCy's ner is to learn: "
            "give texts such as it was made for"
        )
    fix_random_seed(0)
    optimizer = ner.initialize(lambda: examples)
    for _ in range(NER_PASSES):
        for first in range(0, len(examples), NER_BATCH):
            ner.update(examples[first : first + NER_BATCH], sgd=optimizer, drop=0.1)
    return ner


def _example(ner: Language, doc: Doc) -> Example:
    """Take a document's entities for gold, on the tokens of another pipeline."""
    reference = ner.make_doc(doc.text)
    spans = [
        reference.char_span(
            entity.start_char, entity.end_char, label=entity.label_, alignment_mode="expand"
        )
        for entity in doc.ents
    ]
    reference.set_ents(filter_spans(span for span in spans if span is not None))
    return Example(ner.make_doc(doc.text), reference)


def _take_turns(
    nlp: Language, ner: Language, texts: Sequence[Text], words: int, progress: "tqdm"
) -> dict[str, Any]:
    """Let the pipelines annotate the same texts, round by round."""
    size = -(-words // ROUNDS)
    source = cycle(texts)
    # What is prepared at the first use of a pipeline is not measured.
    warmup = next(zones(texts, size, size))
    for pipeline in (nlp, ner):
        _time_pipe(pipeline, warmup)
    progress.update()
    result: dict[str, Any] = {"round_words": [], "entities": 0, "ner_entities": 0}
    result |= {"seconds": [], "scored_seconds": [], "ner_seconds": []}
    # Whoever comes second finds kernels prepared for sequences of these lengths.
    order = [(False, "seconds"), (True, "scored_seconds")]
    for _ in range(ROUNDS):
        turn = next(zones(source, size, size))
        result["round_words"].append(sum(count for _, count in turn))
        order.reverse()
        for scores, key in order:
            with _scores(nlp, scores):
                seconds, entities = _time_pipe(nlp, turn)
            result[key].append(seconds)
            # Policies that rank by scores find others without them.
            result["entities"] += entities if scores else 0
        seconds, entities = _time_pipe(ner, turn)
        result["ner_seconds"].append(seconds)
        result["ner_entities"] += entities
        progress.update()
    return result


def _time_pipe(nlp: Language, texts: Sequence[Text]) -> tuple[float, int]:
    """Seconds of a pipeline on texts, and the entities that it found."""
    entities = 0
    start = perf_counter()
    with nlp.memory_zone():
        for doc in nlp.pipe(text for text, _ in texts):
            entities += len(doc.ents)
    return perf_counter() - start, entities


def _time_calls(pipelines: Sequence[Language], texts: Sequence[Text]) -> list[list[float]]:
    """Seconds of each single call, for each pipeline."""
    seconds: list[list[float]] = [[] for _ in pipelines]
    for text, _ in islice(cycle(texts), CALLS):
        for pipeline, own in zip(pipelines, seconds, strict=True):
            start = perf_counter()
            pipeline(text)
            own.append(perf_counter() - start)
    return seconds


@contextmanager
def _scores(nlp: Language, value: bool) -> Iterator[None]:
    """Let a pipeline compute scores, or not, for a while."""
    with ExitStack() as stack:
        for pipe in bioner_pipes(nlp):
            stack.enter_context(pipe.settings(scores=value))
        yield


def _count_words(nlp: Language, text: str) -> int:
    with nlp.memory_zone():
        return sum(not token.is_space for token in nlp.make_doc(text))


def _speed(words: Sequence[int], seconds: Sequence[float]) -> float:
    return median(count / time for count, time in zip(words, seconds, strict=True))


def _ratio(seconds: Sequence[float], others: Sequence[float]) -> float:
    return median(time / other for time, other in zip(seconds, others, strict=True))
