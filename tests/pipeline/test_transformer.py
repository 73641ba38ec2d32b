"""A real transformer in place of word vectors: it learns through the listener, and is saved."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import spacy
import torch
from conftest import make_examples
from spacy.util import load_config

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("spacy_transformers") is None or find_spec("all_minilm_l6_v2") is None,
        reason="needs spacy-transformers and the weights of MiniLM, see requirements-test.txt",
    ),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The folder of MiniLM's weights."""
    folder = tmp_path_factory.mktemp("minilm")
    package = Path(next(iter(find_spec("all_minilm_l6_v2").submodule_search_locations)))
    with zipfile.ZipFile(package / "model.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def nlp(weights):
    """The pipeline of the shipped config, not trained yet, and its examples."""
    config = load_config(
        ROOT / "configs" / "transformer.cfg",
        overrides={
            "paths.transformer": str(weights),
            "components.bioner_mtl.model.hidden_width": 40,
            "components.bioner_mtl.model.minimum_count": 1,
        },
    )
    torch.manual_seed(0)
    return spacy.util.load_model_from_config(config, auto_fill=True)


def test_it_learns_through_the_listener_and_is_saved(nlp, tmp_path):
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.001
    transformer = nlp.get_pipe("transformer").model.transformer
    before = {name: value.clone() for name, value in transformer.state_dict().items()}
    losses = []
    for _ in range(60):
        loss = {}
        nlp.update(examples, sgd=optimizer, losses=loss)
        losses.append(loss["bioner_mtl"])
    assert losses[-1] < losses[0] / 4
    changed = [
        name for name, value in transformer.state_dict().items() if not value.equal(before[name])
    ]
    # Every layer, down to the embeddings of word pieces
    for part in ("word_embeddings.weight", "layer.0.attention.self.query.weight", "layer.5."):
        assert any(part in name for name in changed), part
    nlp.to_disk(tmp_path)
    copy = spacy.load(tmp_path)
    for example in examples:
        text = example.reference.text
        one, other = nlp(text), copy(text)
        for head in one.spans:
            found = [[(s.start, s.end, s.label_) for s in d.spans[head]] for d in (one, other)]
            assert found[0] == found[1]
    assert any(copy(example.reference.text).ents for example in examples)
