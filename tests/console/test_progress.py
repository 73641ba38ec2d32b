"""How far a command is: counted by a clock of the test's own, and shown where it belongs."""

import sys

import pytest
from conftest import make_examples
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.console import progress as module
from spacy_bioner_mtl.console.progress import (
    Progress,
    begin,
    counted,
    describe_duration,
    showing,
    track,
)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_line_tells_what_was_done_how_fast_and_how_long_the_rest_takes(clock):
    progress = Progress("convert", "documents", 2_000, clock=clock)
    assert progress.line() == "convert: 0 of 2,000 documents"
    clock.now += 30
    assert progress.line() == "convert: 0 of 2,000 documents, 30 s so far"
    progress.advance(500)
    assert progress.line() == "convert: 500 of 2,000 documents, 17 a second, about 1 min 30 s left"
    progress.advance(1_500)
    assert progress.line() == "convert: 2,000 of 2,000 documents, 67 a second"


def test_without_a_total_nothing_is_guessed(clock):
    progress = Progress("annotate", "documents", clock=clock)
    clock.now += 100
    progress.advance(20)
    assert progress.line() == "annotate: 20 documents, 0.2 a second"


def test_a_share_of_the_work_tells_how_long_the_rest_takes(clock):
    progress = Progress("annotate", "documents", clock=clock)
    clock.now += 60
    progress.advance(1_200)
    progress.tell_share(0.25, "3 of 20 files")
    assert progress.line() == (
        "annotate: 1,200 documents, 3 of 20 files, 20 a second, about 3 min left"
    )


def test_what_a_stream_gives_is_counted(clock):
    progress = Progress("convert", "documents", 3, clock=clock)
    assert list(progress.over("abc")) == ["a", "b", "c"]
    assert progress.line() == "convert: 3 of 3 documents"


def test_off_a_terminal_there_is_a_line_every_interval(clock, capsys, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 30.0)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        clock.now += seconds
        progress.advance(60)
        return len(waits) == 3

    progress = Progress("compare", "documents", 240, clock=clock, wait=wait)
    with progress:
        progress._thread.join()
    assert waits == [30.0] * 3
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.splitlines() == [
        "compare: 60 of 240 documents, 2 a second, about 1 min 30 s left",
        "compare: 120 of 240 documents, 2 a second, about 1 min left",
    ]


def test_lines_end_with_the_work():
    with Progress("annotate", "documents") as progress:
        thread = progress._thread
        assert thread.is_alive() and thread.daemon
    assert not thread.is_alive()


def test_nobody_need_read_the_lines(monkeypatch):
    class Closed:
        def isatty(self):
            return False

        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

        flush = None

    monkeypatch.setattr(sys, "stderr", Closed())
    ends = iter([False, True])
    with Progress("annotate", "documents", wait=lambda seconds: next(ends)) as progress:
        progress._thread.join()
    assert next(ends, None) is None


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("annotate", "documents", 4) as progress:
        assert progress._thread is None
        progress.advance(4)
        progress.tell_share(1.0, "1 of 1 files")
    shown = capsys.readouterr().err
    assert "annotate: 100%" in shown and "4.00/4.00" in shown and "1 of 1 files" in shown


def test_only_commands_show_something(monkeypatch):
    """Functions that are called from Python print nothing."""
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        with begin("documents") as progress:
            assert progress._bar is None and progress._thread is None
        with showing("annotate"), begin("documents") as progress:
            assert (progress._bar is None, progress._thread is None) == (
                not is_terminal,
                is_terminal,
            )
            assert progress.line().startswith("annotate: 0 documents")


def test_a_stream_is_counted_while_it_is_taken(monkeypatch):
    begun = []
    monkeypatch.setattr(
        module, "begin", lambda *given: begun.append((begin(*given), given)) or begun[-1][0]
    )
    stream = track(iter("abc"), "letters", 3)
    assert not begun
    assert list(stream) == ["a", "b", "c"]
    ((progress, given),) = begun
    assert given == ("letters", 3) and progress._done == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_661, "1 h 1 min"),
        (90_061, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_durations(seconds, text):
    assert describe_duration(seconds) == text


@given(st.integers(0, 10**7))
def test_durations_name_at_most_two_units_and_lose_less_than_the_second(seconds):
    sizes = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    words = describe_duration(seconds).split()
    units = words[1::2]
    told = sum(int(count) * sizes[unit] for count, unit in zip(words[::2], units, strict=True))
    assert len(units) <= 2 and told <= seconds
    largest = max(sizes[unit] for unit in units)
    assert seconds - told < max(1, largest)


def test_documents_are_counted_whoever_runs_the_pipeline(trained, monkeypatch):
    tracked = []
    monkeypatch.setattr(
        module, "track", lambda items, *given: tracked.append(given) or track(items, *given)
    )
    examples = make_examples(trained)
    with counted(trained, len(examples)):
        scores = trained.evaluate(examples)
    assert scores["spans_genes_f"] == 1.0
    assert tracked == [("documents", len(examples))]
    assert "pipe" not in vars(trained)
