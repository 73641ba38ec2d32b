"""srsly's codecs are looked up once, and all is as it was afterwards."""

import threading

import pytest
import spacy
import srsly
from spacy.tokens import DocBin, Span
from srsly import msgpack

from spacy_bioner_mtl.corpora.codecs import remembered_codecs
from spacy_bioner_mtl.corpora.gold_files import iterate_docs, iterate_examples
from spacy_bioner_mtl.errors import InputError

NAMES = ("msgpack_decoders", "msgpack_encoders")


def own():
    return [getattr(msgpack, name) for name in NAMES]


@pytest.fixture
def lookups(monkeypatch):
    """Count how often srsly asks its registries."""
    counts = dict.fromkeys(NAMES, 0)
    for name in NAMES:
        registry = getattr(msgpack, name)

        def get_all(name=name, ask=registry.get_all):
            counts[name] += 1
            return ask()

        monkeypatch.setattr(registry, "get_all", get_all)
    return counts


@pytest.fixture
def nlp():
    return spacy.blank("en")


@pytest.fixture
def gold(tmp_path, nlp):
    docs = []
    for number in range(20):
        doc = nlp.make_doc(f"Gene BRCA{number} is here.")
        doc.spans["Gene"] = [Span(doc, 1, 2, label="Gene")]
        doc.spans["Disease"] = []
        docs.append(doc)
    path = tmp_path / "gold.spacy"
    DocBin(docs=docs).to_disk(path)
    return path


@pytest.mark.parametrize("read", ["docs", "examples"])
def test_one_lookup_for_a_file_of_many_values(gold, nlp, lookups, read):
    if read == "docs":
        docs = list(iterate_docs([gold], nlp.vocab))
    else:
        docs = [example.reference for example in iterate_examples(gold, nlp)]
    assert [doc.spans["Gene"][0].text for doc in docs] == [f"BRCA{n}" for n in range(20)]
    # One for the DocBin itself, one for all of its documents.
    assert lookups["msgpack_decoders"] <= 2


def test_blocks_in_each_other_and_a_reader_that_nobody_finishes(gold, nlp):
    before = own()
    reader = iterate_docs([gold], nlp.vocab)
    next(reader)
    with remembered_codecs():
        assert own() != before
        with remembered_codecs():
            assert srsly.msgpack_loads(srsly.msgpack_dumps({"a": [1]})) == {"a": [1]}
        assert own() != before
    assert own() != before
    reader.close()
    assert own() == before


def test_an_error_in_the_block():
    before = own()
    with pytest.raises(ZeroDivisionError), remembered_codecs():
        1 / 0  # noqa: B018
    assert own() == before


def test_threads(gold, nlp):
    before = own()
    texts = []

    def read():
        texts.extend(doc.text for doc in iterate_docs([gold]))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 8 * 20
    assert own() == before


def test_examples_of_several_paths(gold, nlp):
    twice = iterate_examples([str(gold), gold.parent], nlp)
    once = [example.reference.text for example in iterate_examples(str(gold), nlp)]
    assert [example.reference.text for example in twice] == 2 * once


def test_examples_without_a_path(nlp):
    with pytest.raises(InputError, match="give --paths"):
        next(iterate_examples(None, nlp))


def test_examples_of_a_path_that_is_not_there(gold, nlp):
    with pytest.raises(InputError, match="nope"):
        list(iterate_examples([gold, gold.parent / "nope.spacy"], nlp))
