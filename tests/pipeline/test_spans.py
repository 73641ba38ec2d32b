"""Names of heads, and what the groups of a document say."""

import subprocess
import sys

import pytest

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.spans import check_head_name


@pytest.mark.parametrize("name", ["genes", "Gene or protein", "All", "a:unknown:b", "β"])
def test_names_of_heads(name):
    assert check_head_name(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("genes:unknown", "ends in ':unknown'"),
        ("genes:rejected", "or ':rejected'"),
        ("all", "something else"),
        ("merged", "something else"),
        ("source", "something else"),
    ],
)
def test_names_that_no_head_may_have(name, why):
    with pytest.raises(InputError, match=f"cannot name a head, as .*{why}"):
        check_head_name(name)


def test_names_are_checked_without_spacy():
    code = (
        "import sys; import spacy_bioner_mtl.pipeline.spans; "
        "print({'spacy', 'spacy_bioner_mtl.formats'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
