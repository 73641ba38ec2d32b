"""A text that would hold up all others is not begun."""

import pytest

from spacy_bioner_mtl.formats.record import BadRecord, Record
from spacy_bioner_mtl.formats.registry import find_format
from spacy_bioner_mtl.serve.answers import LONGEST_TEXT, make_records, read_records


def of_texts(texts):
    return make_records(texts, 10)


def of_file(texts):
    return read_records("\n".join(texts).encode(), find_format("lines", to_read=True), 10)


@pytest.mark.parametrize("read", [of_texts, of_file])
def test_a_text_that_is_too_long_is_a_bad_record(read):
    longest = "word " * (LONGEST_TEXT // 5 - 1) + "words"
    assert len(longest) == LONGEST_TEXT
    first, second, third = read([longest, f"{longest}s", "short"])
    assert isinstance(first, Record) and isinstance(third, Record)
    assert isinstance(second, BadRecord)
    assert "a text of 1,000,001 characters, more than the 1,000,000" in second.reason
