"""The logger of trainings: spaCy's rows, and how far the training is."""

import io
import os
import subprocess
import sys
from contextlib import suppress

import pytest
import spacy
from conftest import ROOT, SAMPLE_CONFIG, make_examples, make_pipeline
from spacy.training.loggers import console_logger_v3

from spacy_bioner_mtl.console import progress as progress_module
from spacy_bioner_mtl.training.logger import configure_progress_logger

CONFIGS = ["mtl.cfg", "original.cfg", "sample.cfg"]


class Stream(io.StringIO):
    """A stream that may be a terminal, and counts how often it was flushed."""

    def __init__(self, is_terminal=False):
        super().__init__()
        self.is_terminal = is_terminal
        self.flushed = 0

    def isatty(self):
        return self.is_terminal

    def flush(self):
        self.flushed += 1


@pytest.fixture
def nlp():
    nlp = make_pipeline()
    nlp.initialize(lambda: make_examples(nlp))
    nlp.config["training"] = {
        # As in our configs; spaCy's own logger would take it for the number.
        "max_steps": "${training.optimizer.learn_rate.total_steps}",
        "optimizer": {"learn_rate": {"total_steps": 40}},
        "eval_frequency": 10,
        "score_weights": {"bioner_macro_f": 1.0},
    }
    return nlp


def evaluation(step):
    return {
        "epoch": 0,
        "step": step,
        "losses": {"bioner_mtl": 1.5},
        "other_scores": {"bioner_macro_f": 0.5},
        "score": 0.5,
    }


def train(logger, nlp, stdout, stderr, steps=21):
    """Log steps as spaCy's training loop does; returns what ends the logging."""
    log_step, finalize = logger(nlp, stdout, stderr)
    for step in range(steps):
        log_step(evaluation(step) if step % 10 == 0 else None)
    return finalize


def test_the_rows_are_spacys_and_flushed_at_once(nlp):
    ours, theirs, stderr = Stream(), Stream(), Stream()
    train(console_logger_v3(), nlp, theirs, stderr)()
    train(configure_progress_logger(), nlp, ours, stderr)()
    assert ours.getvalue() == theirs.getvalue()
    # Two lines of the header and three rows
    assert ours.getvalue().count("\n") == 5 == ours.flushed
    assert not stderr.getvalue()


@pytest.fixture
def made(monkeypatch):
    """The counts of which lines would be printed."""
    made = []
    monkeypatch.setattr(progress_module, "_print_lines", lambda each, ended: made.append(each))
    return made


def test_off_a_terminal_there_are_lines(nlp, made):
    finalize = train(configure_progress_logger(), nlp, Stream(), Stream())
    (progress,) = made
    progress._time = lambda: progress.start_t + 42
    assert str(progress) == "train:  52% 21/40 [00:42<00:38,  2.00s/ steps]"
    finalize()
    assert progress.disable


def test_a_training_without_an_end_has_no_estimate(nlp, made):
    nlp.config["training"]["max_steps"] = 0
    train(configure_progress_logger(), nlp, Stream(), Stream())()
    (progress,) = made
    progress._time = lambda: progress.start_t + 42
    assert str(progress) == "train: 21 steps [00:42,  2.00s/ steps]"


def test_on_a_terminal_there_is_a_bar_of_all_steps(nlp, made):
    stdout, stderr = Stream(), Stream(is_terminal=True)
    train(configure_progress_logger(), nlp, stdout, stderr)()
    assert "/40" in stderr.getvalue() and not made
    assert stdout.getvalue().count("\n") == 5


@pytest.mark.parametrize("name", CONFIGS)
def test_the_configs_name_it(name):
    config = spacy.util.load_config(ROOT / "configs" / name)
    logger = spacy.registry.resolve({"logger": config["training"]["logger"]})["logger"]
    assert logger.__qualname__.startswith("configure_progress_logger")


LINES_ALL_THE_TIME = """
import sys
from spacy_bioner_mtl.console import progress
progress.INTERVAL = 0.0
from spacy.cli import setup_cli
sys.argv[0] = "spacy"
setup_cli()
"""


def test_spacy_train_says_how_far_it_is(sample_docbins, tmp_path):
    options = {
        "--paths.train": sample_docbins / "train",
        "--paths.dev": sample_docbins / "dev",
        "--training.optimizer.learn_rate.total_steps": 2,
        "--training.optimizer.learn_rate.warmup_steps": 1,
        "--output": tmp_path,
    }
    arguments = ["train", SAMPLE_CONFIG, *(each for pair in options.items() for each in pair)]
    done = subprocess.run(
        [sys.executable, "-c", LINES_ALL_THE_TIME, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "LOSS BIONE..." in done.stdout
    assert "train: " in done.stderr and "/2 [" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_spacy_train_on_a_terminal(sample_docbins, tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    # 40 rows of 120 columns: where there are none, tqdm draws nothing.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    options = {
        "--paths.train": sample_docbins / "train",
        "--paths.dev": sample_docbins / "dev",
        "--training.optimizer.learn_rate.total_steps": 3,
        "--training.optimizer.learn_rate.warmup_steps": 1,
        "--output": tmp_path,
    }
    arguments = ["train", SAMPLE_CONFIG, *(each for pair in options.items() for each in pair)]
    process = subprocess.Popen(
        [sys.executable, "-m", "spacy", *map(str, arguments)], stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    # Reading fails when the process has ended.
    with suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    assert b"0/3" in shown and b"LOSS BIONE..." in shown
