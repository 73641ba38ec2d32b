"""Bytes near each format: records with offsets that fit, or a message, and nothing else."""

import pytest
from fuzzing import CHOICES, TARGETS, make_case, try_file
from hypothesis import HealthCheck, given, settings
from near_formats import FORMATS_NEAR

from spacy_bioner_mtl.formats.registry import FORMATS


def test_every_reader_is_a_target():
    assert FORMATS_NEAR.keys() == {name for name, each in FORMATS.items() if each.reader}


@pytest.mark.parametrize("name", FORMATS_NEAR)
def test_the_files_to_be_damaged_are_valid(tmp_path, name):
    for seed in FORMATS_NEAR[name].seeds:
        option = FORMATS_NEAR[name].options[1 if seed.startswith("Zinc B") else 0]
        seen = try_file(name, tmp_path, (seed.encode(), option, True))
        assert seen["records"] and not seen["bad"] and not seen["flaws"] and not seen["refused"]


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CHOICES)
def test_readers_read_or_refuse(tmp_path, name, data):
    content, options, gold = make_case(name, data)
    seen = try_file(name, tmp_path, (content, options, gold))
    assert set(seen) <= {"records", "bad", "flaws", "refused", "recognised"}
