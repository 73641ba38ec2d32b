"""Whatever bytes a reader is given: records with offsets that fit, or a message.

``python tests/fuzzing.py 100000 pubtator brat`` tries so many files with each of these readers,
all of them if none is named, in bounded time and memory for each file; docs/hardening.md records
what came out.
"""

import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from near_formats import FORMATS_NEAR, TEXT, Choices, make_content

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.gold_records import GoldReport, read_gold
from spacy_bioner_mtl.formats.recognise import recognise
from spacy_bioner_mtl.formats.record import BadRecord, Record
from spacy_bioner_mtl.formats.registry import FORMATS, Format

#: The readers, and what tells which of them to take
TARGETS = [*FORMATS_NEAR, "recognise"]
# What a file may take: seconds of the processor, so that nothing else on the machine counts, and
# bytes beyond what the process has
_SECONDS = 10
_BYTES = 1 << 30


class TooLong(BaseException):
    """A file that takes too long; no reader catches it."""


#: Bytes that choose a file, and how it is read
CHOICES = st.binary(min_size=24, max_size=72)


def make_case(name, data):
    """Make the content of a file, and choose how it is read.

    name (str): One of TARGETS.
    data (bytes): What decides.
    RETURNS (tuple): The content, the options of the reader, and whether it reads annotations.
    """
    choices = Choices(data)
    near = FORMATS_NEAR[choices.one_of([*FORMATS_NEAR]) if name == "recognise" else name]
    options, gold = choices.one_of(near.options), choices.below(4) > 0
    return make_content(near, choices), options, gold


def try_file(name, folder, case):
    """Read a file; an AssertionError or any exception but InputError is a fault of the reader.

    name (str): One of TARGETS.
    folder (Path): Where to write the file.
    case (tuple): What make_case gave.
    RETURNS (Counter): How many records, bad records, flaws and refused files there were.
    """
    content, options, gold = case
    path = folder / "source.txt"
    path.write_bytes(content)
    if name == "brat":
        # Of every second file the text is damaged, of the others what is annotated in it.
        path.write_bytes(content if not gold and len(content) % 2 else TEXT.encode())
        path.with_suffix(".ann").write_bytes(content)
    seen = Counter()
    try:
        if name == "recognise":
            assert isinstance(recognise(Source(path)), Format)
            seen["recognised"] += 1
            return seen
        reader = FORMATS[name].load_reader(**options)
        for record in reader(path, gold):
            _check(record, path)
            seen["bad" if isinstance(record, BadRecord) else "records"] += 1
            seen["flaws"] += 0 if isinstance(record, BadRecord) else len(record.flaws)
        if gold and FORMATS[name].gold:
            for record in read_gold(reader, path, GoldReport()):
                _check(record, path)
    except InputError as error:
        _check_message(str(error), path)
        seen["refused"] += 1
    return seen


def _check(record, path):
    assert isinstance(record.id, str)
    if isinstance(record, BadRecord):
        _check_message(record.reason, path)
        return
    assert isinstance(record, Record)
    size = len(record.text)
    # What UTF-8 cannot write could not be written again, nor given to spaCy.
    record.text.encode()
    for mention in record.all_mentions:
        assert isinstance(mention.label, str) and mention.label.strip(), mention
        assert isinstance(mention.identifier, str), mention
        assert mention.score is None or mention.score >= 0, mention
        assert 0 <= mention.start < mention.end <= size, mention
        assert all(0 <= start < end <= size for start, end in mention.pieces), mention
        assert (mention.start, mention.end) == (
            mention.pieces[0][0],
            max(end for _, end in mention.pieces),
        )
    unknown = [word for some in record.unknown.values() for word in some]
    unknown += [word for flaw in record.flaws for word in flaw.unknown]
    for word in [*unknown, *record.passages, *(record.words or ())]:
        assert 0 <= word.start <= word.end <= size, word
    for flaw in record.flaws:
        _check_message(flaw.reason, path)
    words = record.words or ()
    assert all(0 <= index < len(words) for index in record.sentence_starts)


def _check_message(message, path):
    assert str(path.with_suffix("")) in message and "\n" not in message, message


@contextmanager
def _bounded():
    """Bounds of time and memory for one file."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _BYTES, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)


def _stop(*_):
    raise TooLong


def run_long(name, count):
    """Try many files; prints one line of what there was.

    name (str): One of TARGETS.
    count (int): How many.
    """
    seen = Counter()
    slowest = 0.0
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(CHOICES)
        def fuzz(data):
            nonlocal slowest
            case = make_case(name, data)
            began = time.process_time()
            with _bounded():
                seen.update(try_file(name, Path(folder), case))
            slowest = max(slowest, time.process_time() - began)
            seen["files"] += 1

        fuzz()
    counts = ", ".join(f"{seen[key]:,} {key}" for key in sorted(seen) if seen[key])
    seconds = time.process_time() - start
    print(f"{name}: {counts}; {seconds:.0f} s, slowest file {slowest:.2f} s", flush=True)


if __name__ == "__main__":
    for each in sys.argv[2:] or TARGETS:
        if each in FORMATS:
            # Libraries take memory of their own.
            FORMATS[each].load_reader()
    signal.signal(signal.SIGPROF, _stop)
    for each in sys.argv[2:] or TARGETS:
        run_long(each, int(sys.argv[1]))
