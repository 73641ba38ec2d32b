"""The thread that runs the service's pipeline: what goes through it together, and for how long."""

import asyncio
import time

import pytest
from conftest import make_pipeline
from serving import serving
from spacy.language import Language

from spacy_bioner_mtl.formats.record import Record
from spacy_bioner_mtl.serve import batcher
from spacy_bioner_mtl.serve.batcher import DOCUMENTS_PER_PIECE, Batcher

WORD = "Unheardofitis"
SEEN = []


@Language.component("note_or_sleep")
def note_or_sleep(doc):
    SEEN.append(doc.text)
    if "sleep" in doc.text:
        time.sleep(4.0)
    return doc


@pytest.fixture
def nlp(trained_bytes):
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    nlp.add_pipe("note_or_sleep")
    return nlp


def count_zones(nlp, monkeypatch):
    """What was called after the pipeline's memory zones: a list of none yet."""
    zones, begin = [], nlp.memory_zone

    def note(*arguments):
        zones.append(arguments)
        return begin(*arguments)

    monkeypatch.setattr(nlp, "memory_zone", note)
    return zones


def test_requests_share_a_memory_zone(nlp, monkeypatch):
    monkeypatch.setattr(batcher, "SECONDS_PER_ZONE", 100.0)
    zones = count_zones(nlp, monkeypatch)
    with serving(nlp) as service:
        wanted = service.annotate(text=f"{WORD} follows TKR2 .")
        assert wanted[0]["entities"] and WORD in nlp.vocab.strings
        for _ in range(3):
            assert service.annotate(text=f"{WORD} follows TKR2 .") == wanted
        assert len(zones) == 1
    assert WORD not in nlp.vocab.strings


def test_a_zone_ends_when_nothing_comes(nlp, monkeypatch):
    monkeypatch.setattr(batcher, "SECONDS_PER_ZONE", 0.01)
    with serving(nlp) as service:
        wanted = service.annotate(text=f"{WORD} follows TKR2 .")
        end = time.monotonic() + 60.0
        while WORD in nlp.vocab.strings:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert service.annotate(text=f"{WORD} follows TKR2 .") == wanted


def test_a_zone_ends_when_it_is_full(nlp, monkeypatch):
    monkeypatch.setattr(batcher, "SECONDS_PER_ZONE", 100.0)
    monkeypatch.setattr(batcher, "CHARACTERS_PER_ZONE", 100)
    zones = count_zones(nlp, monkeypatch)
    with serving(nlp) as service:
        for number in range(6):
            service.annotate(text=f"{number}: TKR2 protects from renal failure .".ljust(50, "."))
    assert len(zones) == 3


def test_nobody_annotates_what_was_given_up(nlp):
    SEEN.clear()
    later = ["TKR2 ."] * DOCUMENTS_PER_PIECE + ["TKR2 in a later piece ."]
    questions = [{"texts": ["sleep well", *later]}, {"text": "BRAC4 in a later request ."}]
    with serving(nlp, max_seconds=1.0) as service:
        for question in questions:
            assert service.ask("/v1/annotate", question).status == 504
        while service.ask("/v1/annotate", {"text": "BRAC4 ."}).status != 200:
            pass
    assert SEEN[0] == "sleep well" and SEEN[-1] == "BRAC4 ."
    assert not [text for text in SEEN if "later" in text]


def run_clients(monkeypatch, clients, rounds, seconds):
    """Sizes of the batches of clients that ask again when they have their answer."""
    sizes = []

    def answer(nlp, records, heads, **options):
        sizes.append(len(records))
        time.sleep(seconds)
        return records

    async def ask(running, number):
        for _ in range(rounds):
            found = [each async for each in running.annotate([Record("1", "TKR2 .")], ["merged"])]
            assert len(found) == 1
            # They come back one after the other.
            await asyncio.sleep(0.01 * number)

    async def run():
        running = Batcher(Language())
        running.start()
        await asyncio.gather(*(ask(running, number) for number in range(clients)))
        running.stop()

    monkeypatch.setattr(batcher, "answer_in_zone", answer)
    asyncio.run(run())
    assert sum(sizes) == clients * rounds
    return sizes


def test_those_who_were_answered_are_waited_for(monkeypatch):
    monkeypatch.setattr(batcher, "MOST_SECONDS", 1.0)
    monkeypatch.setattr(batcher, "WAIT", 600.0)
    sizes = run_clients(monkeypatch, clients=8, rounds=4, seconds=0.1)
    # After whatever came first, all are there.
    assert sizes.count(8) >= 2, sizes


def test_who_is_alone_does_not_wait(monkeypatch):
    monkeypatch.setattr(batcher, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(batcher, "WAIT", 600.0)
    start = time.monotonic()
    assert run_clients(monkeypatch, clients=1, rounds=4, seconds=0.1) == [1] * 4
    assert time.monotonic() - start < 30.0


def test_who_does_not_come_again_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(batcher, "WAIT", 600.0)
    start = time.monotonic()
    run_clients(monkeypatch, clients=3, rounds=1, seconds=0.1)
    assert time.monotonic() - start < 30.0
