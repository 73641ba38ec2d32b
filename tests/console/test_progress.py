"""How far a command is: counted and described by tqdm, and shown where it belongs."""

import io
import re
import sys
import threading
import time

import pytest
from conftest import make_examples

from spacy_bioner_mtl.console import progress as module
from spacy_bioner_mtl.console.progress import begin, counted, showing, track


class Stream(io.StringIO):
    """A stream that counts how often it was flushed."""

    flushed = 0

    def flush(self):
        self.flushed += 1


@pytest.fixture
def often(monkeypatch):
    """Lines one after the other, as in a command that takes hours."""
    monkeypatch.setattr(module, "INTERVAL", 0.01)


def wait_for_lines(stream, number):
    """Wait until a stream has so many lines."""
    for _ in range(1_000):
        if stream.getvalue().count("\n") >= number:
            return stream.getvalue().splitlines()
        time.sleep(0.01)
    raise AssertionError(stream.getvalue())


def after(progress, seconds):
    """The line that a count gives when so many seconds have passed."""
    progress._time = lambda: progress.start_t + seconds
    return str(progress)


def test_a_line_tells_what_was_done_how_fast_and_how_long_the_rest_takes():
    with begin("documents", 2_000, "convert") as progress:
        assert after(progress, 30).startswith("convert:   0% 0/2000 [00:30<?")
        progress.update(500)
        assert after(progress, 30) == "convert:  25% 500/2000 [00:30<01:30, 16.67 documents/s]"
        progress.update(1_500)
        assert after(progress, 40) == "convert: 100% 2000/2000 [00:40<00:00, 50.00 documents/s]"


def test_without_a_total_nothing_is_guessed():
    with begin("documents", command="annotate") as progress:
        progress.update(20)
        assert after(progress, 10) == "annotate: 20 documents [00:10,  2.00 documents/s]"


def test_a_total_can_be_estimated_on_the_way():
    with begin("documents", command="annotate") as progress:
        progress.update(1_200)
        progress.total = 4_800
        progress.set_postfix_str("3 of 20 files", refresh=False)
        assert after(progress, 60) == (
            "annotate:  25% 1200/4800 [01:00<03:00, 20.00 documents/s, 3 of 20 files]"
        )
        progress.update(4_000)
        assert after(progress, 60).startswith("annotate: 5200 documents [01:00")


@pytest.mark.usefixtures("often")
def test_off_a_terminal_there_is_a_flushed_line_every_interval(monkeypatch, capsys):
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    with begin("documents", 240, "compare") as progress:
        # Also while a single step takes long.
        wait_for_lines(stream, 3)
        progress.update(60)
        before = stream.getvalue().count("\n")
        last = wait_for_lines(stream, before + 2)[-1]
    assert re.fullmatch(
        r"compare:  25% 60/240 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+ documents/s\]", last
    ), last
    lines = stream.getvalue().splitlines(keepends=True)
    assert all(line.startswith("compare: ") and line.endswith("\n") for line in lines)
    assert "\r" not in stream.getvalue() and stream.flushed >= len(lines)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("often")
def test_lines_end_with_the_work(monkeypatch):
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    before = set(threading.enumerate())
    with pytest.raises(KeyError), begin("documents", command="annotate"):
        wait_for_lines(stream, 1)
        raise KeyError
    shown = stream.getvalue()
    time.sleep(0.05)
    assert stream.getvalue() == shown
    # tqdm has a thread of its own.
    assert not [
        each for each in set(threading.enumerate()) - before if type(each) is threading.Thread
    ]


def test_a_short_work_shows_nothing(capsys, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 30.0)
    with begin("documents", 3, "annotate") as progress:
        progress.update(3)
        progress.set_postfix_str("1 of 1 files", refresh=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("often")
def test_nobody_need_read_the_lines(monkeypatch):
    tries = []

    class Closed:
        encoding = "utf-8"

        def isatty(self):
            return False

        def write(self, text):
            tries.append(text)
            raise BrokenPipeError(32, "Broken pipe")

        def flush(self):
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr(sys, "stderr", Closed())
    with begin("documents", command="annotate") as progress:
        while len(tries) < 3:
            time.sleep(0.01)
        progress.update()
    assert progress.n == 1


@pytest.mark.usefixtures("often")
def test_standard_error_may_be_closed(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(track("abc", "letters")) == ["a", "b", "c"]
    with showing("annotate"):
        assert list(track("abc", "letters")) == ["a", "b", "c"]


def test_on_a_terminal_there_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with begin("documents", 4, "annotate") as progress:
        progress.update(4)
        progress.set_postfix_str("1 of 1 files", refresh=False)
    shown = capsys.readouterr().err
    assert "annotate: 100%" in shown and "4/4" in shown and "1 of 1 files" in shown


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("is_terminal", [True, False])
def test_only_commands_show_something(monkeypatch, is_terminal):
    """Functions that are called from Python print nothing."""
    stream = Stream()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with begin("documents", 4) as progress:
        progress.update(2)
        progress.set_postfix_str("1 of 2 files", refresh=False)
        time.sleep(0.05)
    assert not stream.getvalue()
    with showing("annotate"), begin("documents", 4) as progress:
        progress.update(2)
        wait_for_lines(stream, 0 if is_terminal else 1)
    assert "annotate: " in stream.getvalue()


def test_a_stream_is_counted_while_it_is_taken(monkeypatch):
    begun = []

    def begin_and_keep(*given):
        begun.append(given)
        return begin(*given, command="spell")

    monkeypatch.setattr(module, "begin", begin_and_keep)
    stream = track(iter("abc"), "letters", 3)
    assert not begun
    assert next(stream) == "a"
    progress = stream.gi_frame.f_locals["progress"]
    assert progress.n == 0
    assert list(stream) == ["b", "c"]
    assert begun == [("letters", 3)] and progress.n == 3


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
