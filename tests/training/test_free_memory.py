"""Freed memory goes back to the system in training."""

import ctypes
import gc
import os

import pytest
import spacy

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.training import memory


def test_every_so_many_steps(monkeypatch):
    calls = []
    monkeypatch.setattr(memory, "find_trim", lambda: calls.append)
    before_update = memory.configure_return_free_memory(3)
    for step in range(7):
        before_update(spacy.blank("en"), {"step": step, "epoch": 0})
    assert calls == [0, 0, 0]


def test_what_is_there_at_the_first_step_is_not_searched_for_garbage():
    gc.unfreeze()
    before_update = memory.configure_return_free_memory(100)
    before_update(spacy.blank("en"), {"step": 1, "epoch": 0})
    assert gc.get_freeze_count() == 0
    before_update(spacy.blank("en"), {"step": 0, "epoch": 0})
    assert gc.get_freeze_count() > 1_000
    gc.unfreeze()


@pytest.mark.parametrize("every", [0, -1])
def test_it_takes_at_least_a_step(every):
    with pytest.raises(InputError, match=f"every {every} steps"):
        memory.configure_return_free_memory(every)


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_are_left_alone(monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert memory.find_trim() is None
    memory.configure_return_free_memory(1)(spacy.blank("en"), {"step": 0, "epoch": 0})


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(memory.find_trim() is None, reason="the C library is not glibc")
def test_the_system_gets_freed_memory_back():
    # Pieces too small for mappings of their own; the last one keeps the heap from shrinking.
    pieces = [bytearray(100_000) for _ in range(2_000)]
    kept = bytearray(100_000)
    full = resident()
    del pieces
    memory.configure_return_free_memory(1)(spacy.blank("en"), {"step": 0, "epoch": 0})
    assert len(kept) and full - resident() > 150e6
