"""Speed of training, measured beside its own LSTM kernels run bare and beside spaCy's ner.

What is compared takes turns in blocks of a few steps, so that other load on the machine slows both
alike.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import torch
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches, train_while_improving
from spacy.util import (
    dot_to_object,
    filter_spans,
    load_config,
    load_model_from_config,
    registry,
    resolve_dot_names,
    set_dot_to_object,
)
from spacy.vocab import Vocab
from thinc.api import Config, ConfigValidationError, Optimizer, fix_random_seed
from torch import nn

from benchmarks.machine import cpu_name, peak_memory_mib, wait_for_gpu
from spacy_bioner_mtl.corpora.gold_files import check_corpora
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.loading import FACTORY, bioner_pipes
from spacy_bioner_mtl.pipeline.spans import annotated_heads

#: Steps in a turn.
BLOCK = 10
#: The number of the epoch and the batch, as spaCy's training loop takes them.
Step = tuple[int, list[Example]]
#: Positions (with padding), sequences, input width and hidden width of an LSTM of one direction.
Kernel = tuple[int, int, int, int]


@dataclass(frozen=True)
class TrainingBenchmark:
    """What a benchmark measured.

    steps (int): Measured steps.
    warmup (int): Steps before them, of training and of ner.
    tokens (int): Tokens of the measured batches, without padding.
    kernels (int): LSTM calls of the measured steps, each of one direction.
    training_seconds (float): Training on the measured batches, taking turns with the kernels.
    kernel_seconds (float): The same LSTM calls bare, forward and backward.
    training_beside_ner_seconds (float): Training on the same batches again, taking turns with ner.
    ner_seconds (float): Training spaCy's ner on the same batches.
    preparation_seconds (float): Initializing, reading the corpus and drawing the batches.
    peak_memory_mib (float): Largest resident memory of the process up to the end of training, in
        MiB; ner was made later.
    threads (int): Threads of torch.
    cpu (str): Name of the processor; empty where the platform tells none.
    seed (int | None): Seed of the config.
    """

    steps: int
    warmup: int
    tokens: int
    kernels: int
    training_seconds: float
    kernel_seconds: float
    training_beside_ner_seconds: float
    ner_seconds: float
    preparation_seconds: float
    peak_memory_mib: float
    threads: int
    cpu: str
    seed: int | None

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a JSON file.

        RETURNS (dict[str, Any]): What was measured, and the speeds and ratios that follow from it.
        """
        return {
            **asdict(self),
            "tokens_per_second": self.tokens / self.training_seconds,
            "ms_per_step": 1000 * self.training_seconds / self.steps,
            "tokens_per_step": self.tokens / self.steps,
            "kernel_share": self.kernel_seconds / self.training_seconds,
            "kernel_tokens_per_second": self.tokens / self.kernel_seconds,
            "ner_tokens_per_second": self.tokens / self.ner_seconds,
            "beside_ner_tokens_per_second": self.tokens / self.training_beside_ner_seconds,
            "ratio_to_ner": self.ner_seconds / self.training_beside_ner_seconds,
        }


def benchmark_training(
    path: Path,
    overrides: dict[str, Any],
    *,
    steps: int,
    warmup: int = 0,
    threads: int | None = None,
) -> TrainingBenchmark:
    """Train for some steps with spaCy's own loop, and measure.

    path (Path): The config.
    overrides (dict[str, Any]): Settings to change in it, under their names with dots.
    steps (int): Steps to measure, at least 1.
    warmup (int): Steps to train before.
    threads (int | None): Threads of torch; None leaves it the choice.
    RETURNS (TrainingBenchmark): The measurements.
    RAISES (InputError): The config, or what it names, is missing or wrong.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    with _one_message(path):
        config = read_config(path, overrides)
        start = perf_counter()
        nlp, settings, schedule = prepare(config, warmup + steps)
        preparation_seconds = perf_counter() - start
    measured = schedule[warmup:]
    training = train(nlp, settings["optimizer"], [*schedule, *measured], settings)
    pipes = bioner_pipes(nlp)
    networks = [pipe.network for pipe in pipes if pipe.name not in settings["frozen_components"]]
    turns = [min(BLOCK, steps - first) for first in range(0, steps, BLOCK)]
    training_seconds, kernel_seconds, kernel_count = 0.0, 0.0, 0
    time_steps(training, warmup)
    for turn in turns:
        with record_kernels(networks) as kernels:
            training_seconds += time_steps(training, turn)
        kernel_seconds += time_kernels(kernels, networks[0].device)
        kernel_count += len(kernels)
    if not kernel_count:
        raise InputError(
            f"{path}: no document of the measured steps is annotated for a head. Measure more "
            "--steps, or look into the training corpus."
        )
    peak_memory = peak_memory_mib()
    ner = train_ner(nlp, schedule)
    time_steps(ner, warmup)
    training_beside_ner_seconds, ner_seconds = 0.0, 0.0
    for turn in turns:
        training_beside_ner_seconds += time_steps(training, turn)
        ner_seconds += time_steps(ner, turn)
    return TrainingBenchmark(
        steps=steps,
        warmup=warmup,
        tokens=sum(len(example) for _, batch in measured for example in batch),
        kernels=kernel_count,
        training_seconds=training_seconds,
        kernel_seconds=kernel_seconds,
        training_beside_ner_seconds=training_beside_ner_seconds,
        ner_seconds=ner_seconds,
        preparation_seconds=preparation_seconds,
        peak_memory_mib=peak_memory,
        threads=torch.get_num_threads(),
        cpu=cpu_name(),
        seed=settings["seed"],
    )


@contextmanager
def record_kernels(networks: Iterable[nn.Module]) -> Iterator[list[Kernel]]:
    """Record the sizes of all LSTM calls of networks for a while.

    networks (Iterable[nn.Module]): The networks; each of their LSTMs has one direction.
    YIELDS (list[Kernel]): The calls so far, in their order.
    """
    kernels: list[Kernel] = []

    def record(lstm: nn.Module, arguments: tuple[Any, ...]) -> None:
        kernels.append((*arguments[0].shape, cast(nn.LSTM, lstm).hidden_size))

    handles = [
        module.register_forward_pre_hook(record)
        for network in networks
        for module in network.modules()
        if isinstance(module, nn.LSTM)
    ]
    try:
        yield kernels
    finally:
        for handle in handles:
            handle.remove()


def time_kernels(kernels: Iterable[Kernel], device: torch.device) -> float:
    """Time LSTM calls with nothing around them.

    Each runs on random numbers, forward and, from a gradient that is ready, backward to its input
    and weights, as in training.

    kernels (Iterable[Kernel]): The calls.
    device (torch.device): Where they run.
    RETURNS (float): Seconds of all calls together.
    """
    seconds = 0.0
    for length, sequences, input_width, hidden_width in kernels:
        lstm = nn.LSTM(input_width, hidden_width, device=device)
        values = torch.randn(length, sequences, input_width, device=device, requires_grad=True)
        gradient = torch.randn(length, sequences, hidden_width, device=device)
        wait_for_gpu()
        start = perf_counter()
        states, _ = lstm(values)
        torch.autograd.grad(states, (values, *lstm.parameters()), gradient)
        wait_for_gpu()
        seconds += perf_counter() - start
    return seconds


def time_steps(loop: Iterator[Any], count: int) -> float:
    """Run steps of a training loop.

    loop (Iterator): The loop, as train starts it.
    count (int): How many steps.
    RETURNS (float): Seconds.
    """
    start = perf_counter()
    for _ in range(count):
        next(loop)
    wait_for_gpu()
    return perf_counter() - start


def train(
    nlp: Language, optimizer: Optimizer, schedule: list[Step], settings: dict[str, Any]
) -> Iterator[Any]:
    """Start the training loop of `spacy train`, without its evaluation.

    nlp (Language): The initialized pipeline.
    optimizer (Optimizer): The optimizer.
    schedule (list[Step]): The batches.
    settings (dict[str, Any]): The settings of [training].
    RETURNS (Iterator): The loop; it trains one step each time that it is asked for the next item.
    """
    loop: Iterator[Any] = train_while_improving(
        nlp,
        optimizer,
        schedule,
        lambda: (0.0, {}),
        dropout=settings["dropout"],
        accumulate_gradient=settings["accumulate_gradient"],
        patience=0,
        max_steps=0,
        # The loop evaluates after its first step; it must not do so again.
        eval_frequency=len(schedule),
        exclude=settings["frozen_components"],
        annotating_components=settings["annotating_components"],
        before_update=settings["before_update"],
    )
    return loop


def train_ner(nlp: Language, schedule: list[Step]) -> Iterator[Any]:
    """Make spaCy's ner and start its training.

    nlp (Language): The pipeline that the batches were read for.
    schedule (list[Step]): The batches; ner learns the spans of all heads together.
    RETURNS (Iterator): The loop, as train starts it.
    """
    # Documents keep the vocabulary that they were read with.
    ner = make_ner(nlp.config["nlp"]["lang"], nlp.vocab)
    schedule = [(epoch, [with_entities(eg) for eg in batch]) for epoch, batch in schedule]
    optimizer = ner.initialize(lambda: [example for _, batch in schedule for example in batch])
    return train(ner, optimizer, schedule, ner.config["training"])


def make_ner(language: str, vocab: Vocab | bool = True) -> Language:
    """Make a pipeline of spaCy's ner, as `spacy init config` sets it up for efficiency.

    language (str): Its language.
    vocab (Vocab | bool): Its vocabulary; True makes a new one.
    RETURNS (Language): The pipeline, not initialized.
    """
    config = init_config(lang=language, pipeline=["ner"], optimize="efficiency")
    return load_model_from_config(config, vocab=vocab)


def with_entities(example: Example) -> Example:
    """Make the spans of all heads the gold entities; where they overlap, the longest stays."""
    reference = example.reference.copy()
    spans = [span for head in annotated_heads(reference) for span in reference.spans[head]]
    reference.set_ents(filter_spans(spans))
    return Example(example.predicted, reference)


def read_config(path: Path, overrides: dict[str, Any]) -> Config:
    """Read a config, and refuse what would fail only after a long initialization.

    path (Path): The config.
    overrides (dict[str, Any]): Settings to change in it, under their names with dots.
    RETURNS (Config): The config; its development corpus is its training corpus.
    RAISES (InputError): It is not there, trains no component of this package, or has no corpus.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such config. Give one such as configs/mtl.cfg.")
    config = load_config(path, overrides)
    nlp = load_model_from_config(config, auto_fill=True)
    filled = nlp.config.interpolate()
    frozen = filled["training"]["frozen_components"]
    if all(pipe.name in frozen for pipe in bioner_pipes(nlp)):
        raise InputError(
            f"{path}: no component {FACTORY!r} of the pipeline is trained; its components: "
            f"{', '.join(nlp.pipe_names) or 'none at all'}. Give a config such as configs/mtl.cfg."
        )
    train_corpus, dev_corpus = filled["training"]["train_corpus"], filled["training"]["dev_corpus"]
    corpus = dot_to_object(filled, train_corpus)
    if "path" in corpus:
        if corpus["path"] is None:
            raise InputError(
                f"{path}: [{train_corpus}] has no path. Give the folder of the training documents, "
                "with the configs of this project as --paths.train FOLDER."
            )
        check_corpora([Path(corpus["path"])])
    # spaCy wants development documents named, but nothing here reads them.
    set_dot_to_object(config, dev_corpus, dot_to_object(config, train_corpus))
    return config


def prepare(config: Config, steps: int) -> tuple[Language, dict[str, Any], list[Step]]:
    """Initialize a pipeline and draw its batches, as `spacy train` does.

    config (Config): The config.
    steps (int): How many batches to draw.
    RETURNS (tuple): The pipeline, the resolved settings of [training], and the batches.
    """
    nlp = init_nlp(config)
    filled = nlp.config.interpolate()
    if filled["training"]["seed"] is not None:
        fix_random_seed(filled["training"]["seed"])
    settings = registry.resolve(filled["training"], schema=ConfigSchemaTraining)
    (corpus,) = resolve_dot_names(filled, [settings["train_corpus"]])
    # As many epochs as it takes, whatever the config says; -1 tells of a corpus that is streamed.
    epochs = min(settings["max_epochs"], 0)
    batches = create_train_batches(nlp, corpus, settings["batcher"], epochs)
    return nlp, settings, list(islice(batches, steps))


@contextmanager
def _one_message(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a config into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        # Depending on what is wrong, that is any of a dozen exceptions of several libraries.
        if isinstance(error, ConfigValidationError):
            # By itself its text ends with the whole config.
            error = ConfigValidationError.from_error(error, title="", show_config=False)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: cannot be trained ({reason}). Correct the config, or its settings on the "
            "command line."
        ) from error
