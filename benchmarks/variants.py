"""Does multi-task learning pay? The variants of Wang et al. 2019, trained on an equal footing.

STM is one single-task model for each corpus; MTM-C, MTM-W and MTM-CW are one model for all corpora
whose heads share characters, words, or both. Every variant passes over each corpus equally often,
nothing is selected on the way, and the last model is scored on the test set, once.
"""

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import write_whole

if TYPE_CHECKING:
    from thinc.api import Config

#: The variants, and what the heads of their models share.
VARIANTS = {"STM": "none", "MTM-C": "characters", "MTM-W": "words", "MTM-CW": "both"}
#: The batcher of which a pass can be counted; the others draw corpora at random.
BATCHER = "spacy_bioner_mtl.mixed_corpora.v1"
#: Values of the config that are set here, and so cannot be overridden.
OWN_VALUES = (
    "paths.train",
    "paths.dev",
    "components.bioner_mtl.model.share",
    "system.seed",
    "training.seed",
    "training.batcher.temperature",
    "training.max_epochs",
    "training.patience",
    "training.max_steps",
    "training.eval_frequency",
    "training.optimizer.learn_rate.total_steps",
)
#: Counts of one model: for each corpus and head, the rows of evaluation.count_mentions.
Counts = dict[str, dict[str, list[list[int]]]]

#: Seconds between looks at a training.
_LOOK_EVERY = 0.2
#: One model is scored at a time: that is quick, and two tables of vectors may fill the memory.
_scoring = threading.Lock()


@dataclass(frozen=True)
class Run:
    """One training, and the scoring of its last model.

    variant (str): A key of VARIANTS.
    seed (int): The seed.
    config (Path): The training config.
    overrides (dict[str, Any]): Values of the config, by dotted names.
    folder (Path): Where the model goes.
    tests (tuple[Path, ...]): The test files, one for each corpus that the model is trained on.
    """

    variant: str
    seed: int
    config: Path
    overrides: dict[str, Any]
    folder: Path
    tests: tuple[Path, ...]

    @property
    def steps(self) -> int:
        """Batches that the model is trained on."""
        return int(self.overrides["training.max_steps"])

    @property
    def log(self) -> Path:
        """What the training printed."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def result(self) -> Path:
        """The counts on the test files; there when the run is done, and not before."""
        return self.folder / "scores.json"

    def command(self, gpu_id: int = -1) -> list[str]:
        """Write the training as a command line.

        gpu_id (int): The GPU to train on, or -1 for the CPU.
        RETURNS (list[str]): The program and its arguments.
        """
        import srsly

        command = [sys.executable, "-m", "spacy", "train", str(self.config)]
        command += ["--output", str(self.folder), "--gpu-id", str(gpu_id)]
        for name, value in self.overrides.items():
            # As JSON, so that a text is not taken for a number.
            command += [f"--{name}", srsly.json_dumps(value)]
        return command

    def settings(self) -> str:
        """Return a checksum of the config, budget and data of this run."""
        text = _load_config(self.config, self.overrides).to_str(interpolate=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def counts(self) -> Counts | None:
        """Read the result.

        RETURNS (Counts | None): The counts; None if the run is not done.
        RAISES (InputError): If the result was obtained with other settings.
        """
        import srsly

        if not self.result.exists():
            return None
        result = srsly.read_json(self.result)
        if result["settings"] != self.settings():
            raise InputError(
                f"{self.result}: obtained with another config, budget or data. Name another "
                f"folder for the runs, or remove {self.folder}"
            )
        counts: Counts = result["counts"]
        return counts


def plan_runs(
    config: Path,
    data: Path,
    out: Path,
    *,
    variants: Sequence[str],
    seeds: int,
    passes: int,
    overrides: dict[str, Any],
) -> list[Run]:
    """List the runs of a comparison, seed by seed.

    config (Path): A training config with the batcher BATCHER.
    data (Path): Folder with train/, devel/ and test/, each with one .spacy file per corpus.
    out (Path): Folder for the runs.
    variants (Sequence[str]): Keys of VARIANTS, each once.
    seeds (int): Runs of each model, with the seeds 0, 1 and so on.
    passes (int): Passes over each corpus in each run.
    overrides (dict[str, Any]): Further values of the config, by dotted names.
    RETURNS (list[Run]): The runs.
    RAISES (InputError): If the config, the data or another argument does not fit.
    """
    if unknown := [variant for variant in variants if variant not in VARIANTS]:
        raise InputError(f"No such variant: {unknown[0]}. There are {', '.join(VARIANTS)}.")
    if seeds < 1 or passes < 1:
        raise InputError("Give at least one seed and one pass.")
    if taken := [name for name in OWN_VALUES if name in overrides]:
        raise InputError(f"--{taken[0]}: it is what the variants differ in, or have in common.")
    files = _corpus_files(data)
    steps: dict[Path, int] = {}
    runs = []
    for seed in range(seeds):
        for variant in variants:
            # An empty name of a file stands for all files: the path is that of their folder.
            for file in files if variant == "STM" else [""]:
                train = data / "train" / file
                values = {
                    **overrides,
                    "paths.train": str(train),
                    "paths.dev": str(data / "devel" / file),
                    "components.bioner_mtl.model.share": VARIANTS[variant],
                    "training.seed": seed,
                    "training.batcher.temperature": 1.0,
                    "training.max_epochs": 0,
                    "training.patience": 0,
                }
                if train not in steps:
                    steps[train] = _count_batches(config, values, passes)
                values |= dict.fromkeys(_lengths(config), steps[train])
                names = [variant, *([Path(file).stem] if file else []), f"seed{seed}"]
                tests = tuple(data / "test" / each for each in ([file] if file else files))
                runs.append(Run(variant, seed, config, values, out / "-".join(names), tests))
    return runs


def _lengths(config: Path) -> list[str]:
    """Name the settings of a config that say how long training is."""
    names = ["training.max_steps", "training.eval_frequency"]
    rate = _load_config(config, {})["training"]["optimizer"].get("learn_rate")
    if isinstance(rate, dict) and "total_steps" in rate:
        names.append("training.optimizer.learn_rate.total_steps")
    return names


def _corpus_files(data: Path) -> list[str]:
    """Name the files of the corpora, which are the same in each split."""
    files = sorted(path.name for path in (data / "train").glob("*.spacy"))
    if not files:
        raise InputError(f"{data / 'train'}: no .spacy file. Make them: bioner-mtl convert-corpora")
    for path in (data / split / file for split in ("devel", "test") for file in files):
        if not path.is_file():
            raise InputError(f"{path}: missing; each corpus needs a file in train, devel and test.")
    return files


def _load_config(path: Path, overrides: dict[str, Any]) -> "Config":
    from spacy.util import load_config

    with _config_errors(path):
        return load_config(path, overrides=overrides)


@contextmanager
def _config_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from error


def _count_batches(path: Path, overrides: dict[str, Any], passes: int) -> int:
    """Count the batches of some passes over the training documents of a config.

    It depends a little on the order that chance gives the documents. Always the same order is
    taken, so that the command, when it is given again, plans the same runs.
    """
    from spacy.util import load_model_from_config, registry, resolve_dot_names

    config = _load_config(path, overrides)
    with _config_errors(path):
        if config["training"]["batcher"]["@batchers"] != BATCHER:
            raise ValueError(
                f"its batcher does not pass over each corpus equally often. Take that of "
                f"configs/mtl.cfg, {BATCHER}"
            )
        # The tokenizer is all that it takes to read documents.
        config["nlp"]["pipeline"], config["components"] = [], {}
        nlp = load_model_from_config(config, auto_fill=True)
        values = nlp.config.interpolate()
        (corpus,) = resolve_dot_names(values, [values["training"]["train_corpus"]])
        batcher = registry.resolve({"batcher": values["training"]["batcher"]})["batcher"]
        examples = list(corpus(nlp))
        state = random.getstate()
        random.seed(0)
        batches = sum(1 for _ in range(passes) for _ in batcher(examples))
        random.setstate(state)
        return batches


def execute_runs(
    runs: Sequence[Run], jobs: int, report: Callable[[str], None], gpu_id: int = -1
) -> list[str]:
    """Train and score what is not done yet. If this is interrupted, the trainings end too.

    runs (Sequence[Run]): The runs.
    jobs (int): Runs at a time; if more than one, each has one thread.
    report (Callable[[str], None]): Takes a line on each run that has ended.
    gpu_id (int): The GPU to train on, or -1 for the CPU.
    RETURNS (list[str]): A line on each run that failed.
    RAISES (InputError): If a result that is there was obtained with other settings.
    """
    left = [run for run in runs if run.counts() is None]
    done = len(runs) - len(left)
    steps, all_steps = 0, sum(run.steps for run in left)
    report(f"Runs: {len(runs)}, done before: {done}, batches to train on: {all_steps:,}")
    failures = []
    start = time.monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(_execute, run, jobs > 1, stop, gpu_id): run for run in left}
        try:
            for number, future in enumerate(as_completed(futures), done + 1):
                run = futures[future]
                if failure := future.result():
                    failures.append(f"{run.folder.name}: {failure}")
                steps += run.steps
                minutes = (time.monotonic() - start) / 60
                ahead = minutes * (all_steps / steps - 1)
                report(
                    f"{number} of {len(runs)}: {run.folder.name} "
                    f"{'failed' if failure else 'done'}, {minutes:.1f} min, about {ahead:.1f} to go"
                )
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def _execute(run: Run, single_thread: bool, stop: threading.Event, gpu_id: int) -> str | None:
    """Train and score one model; return what went wrong, if anything did."""
    environment = {**os.environ, **({"OMP_NUM_THREADS": "1"} if single_thread else {})}
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        with run.log.open("wb") as log:
            training = subprocess.Popen(
                run.command(gpu_id), stdout=log, stderr=subprocess.STDOUT, env=environment
            )
            while training.poll() is None:
                if stop.wait(_LOOK_EVERY):
                    training.terminate()
                    training.wait()
        # Even a training that fails leaves a model.
        if training.returncode:
            return f"the training failed, see {run.log}"
        with _scoring:
            _score(run, single_thread)
    except Exception as error:
        # Whatever it is, it must not end the other runs.
        return f"the model is not scored ({error}), see {run.log}"
    return None


def _score(run: Run, single_thread: bool) -> None:
    """Count mentions of the test files, and save the counts."""
    import srsly
    import torch

    from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold, count_mentions
    from spacy_bioner_mtl.pipeline.loading import load_pipeline
    from spacy_bioner_mtl.pipeline.spans import annotated_heads

    if single_thread:
        torch.set_num_threads(1)
    nlp = load_pipeline(str(run.folder / "model-last"))
    counts: Counts = {}
    for path in run.tests:
        examples = annotate_gold(nlp, [path])
        heads = {head for example in examples for head in annotated_heads(example.reference)}
        counts[path.stem] = {
            head: count_mentions(examples, head).tolist() for head in sorted(heads)
        }
    with write_whole(run.result) as file:
        file.write(srsly.json_dumps({"settings": run.settings(), "counts": counts}))
