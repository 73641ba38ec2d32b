"""A component that starts from the encoders, the vectors and the vocabulary of a trained one."""

import numpy as np
import pytest
import spacy
from conftest import GOLD, fresh, make_examples, make_pipeline, set_vectors, train, weights

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.vectors.package import save_package

TABLE = {"@architectures": "spacy_bioner_mtl.VectorTable.v1", "path": None}
#: More text than that of a small corpus of one's own
OWN = GOLD[:2]


def make_package(folder, words, seed=0):
    nlp = spacy.blank("en")
    set_vectors(nlp.vocab, words, seed)
    save_package(nlp, folder, description="", origin={"name": "test"})
    return str(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A trained pipeline with two tables of vectors."""
    folder = tmp_path_factory.mktemp("source")
    paths = [make_package(folder / name, ["aspirin", "kidney", name], len(name)) for name in "ab"]
    tables = {name: {**TABLE, "path": path} for name, path in zip("ab", paths, strict=True)}
    nlp = make_pipeline(tok2vec={"@layers": "concatenate.v1", "*": tables})
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 20)
    nlp.to_disk(folder / "model")
    return folder / "model"


def start(source, **model):
    nlp = make_pipeline(seed=3, **model)
    examples = make_examples(nlp, OWN)
    nlp.config["initialize"]["components"]["bioner_mtl"] = {"encoders": str(source)}
    nlp.initialize(lambda: examples)
    return nlp, examples


def test_encoders_vectors_and_vocabulary_are_taken(source):
    empty = {"@layers": "concatenate.v1", "*": {"a": TABLE, "b": TABLE}}
    nlp, examples = start(source, tok2vec=empty)
    own, other = nlp.get_pipe("bioner_mtl"), spacy.load(source).get_pipe("bioner_mtl")
    assert own.network.vector_width == other.network.vector_width == 10
    assert own.network.vocabulary == other.network.vocabulary
    assert [head.name for head in own.heads] == ["genes"]
    ours, theirs = weights(nlp), weights(spacy.load(source))
    shared = [name for name in theirs if name in ours and not name.startswith("head_layers")]
    assert len(shared) == len([name for name in theirs if not name.startswith("head_layers")])
    assert all(ours[name].equal(theirs[name]) for name in shared)
    doc = spacy.blank("en").make_doc("aspirin in a kidney")
    asked = [each.model.layers[0].predict([doc])[0] for each in (own, other)]
    assert np.array_equal(*asked)
    assert asked[0].any()
    train(nlp, examples, 40)
    for example in fresh(nlp, examples):
        doc = nlp(example.predicted)
        spans = [(s.start, s.end) for s in example.reference.spans["genes"]]
        assert [(s.start, s.end) for s in doc.spans["genes"]] == spans


def test_it_is_saved_with_the_vectors_that_it_took(source, tmp_path):
    empty = {"@layers": "concatenate.v1", "*": {"a": TABLE, "b": TABLE}}
    nlp, examples = start(source, tok2vec=empty)
    train(nlp, examples, 10)
    nlp.to_disk(tmp_path)
    texts = [example.text for example in examples]
    again = spacy.load(tmp_path)
    for one, other in zip(nlp.pipe(texts), again.pipe(texts), strict=True):
        assert one.spans["genes"].attrs == other.spans["genes"].attrs
        assert [(s.start, s.end) for s in one.ents] == [(s.start, s.end) for s in other.ents]


def test_other_vectors_or_another_number_of_tables_are_refused(source, tmp_path):
    path = make_package(tmp_path / "c", ["aspirin"])
    others = {"a": {**TABLE, "path": path}, "b": TABLE}
    with pytest.raises(InputError, match="other vectors"):
        start(source, tok2vec={"@layers": "concatenate.v1", "*": others})
    with pytest.raises(InputError, match="other vectors"):
        start(source, tok2vec=TABLE)
    with pytest.raises(InputError, match="other vectors"):
        start(source)


def test_a_vocabulary_of_the_other_case_is_not_mixed_in(source):
    empty = {"@layers": "concatenate.v1", "*": {"a": TABLE, "b": TABLE}}
    nlp, _ = start(source, tok2vec=empty, caseless=False)
    words = nlp.get_pipe("bioner_mtl").network.vocabulary.words
    assert "BRAC4" in words
    assert "aspirin" not in words


def test_a_component_without_weights_is_no_start(tmp_path):
    make_pipeline().to_disk(tmp_path)
    with pytest.raises(InputError, match="no weights"):
        start(tmp_path)
