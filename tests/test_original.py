"""configs/original.cfg is the program of the paper: its sizes, its optimizer, its schedule."""

import pytest
from conftest import ROOT, make_examples
from spacy.schemas import ConfigSchemaTraining
from spacy.util import load_config, load_model_from_config, registry

from spacy_bioner_mtl.models.optimizers import MomentumSGD

CONFIG = ROOT / "configs" / "original.cfg"


@pytest.fixture(scope="module")
def nlp():
    nlp = load_model_from_config(load_config(CONFIG), auto_fill=True)
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


@pytest.fixture(scope="module")
def training(nlp):
    config = nlp.config.interpolate()
    return registry.resolve(config["training"], schema=ConfigSchemaTraining)


def test_sizes(nlp):
    network = nlp.get_pipe("bioner_mtl").network
    shapes = {name: tuple(values.shape) for name, values in network.named_parameters()}
    n_characters = len(network.vocabulary.characters) + 2
    n_words = len(network.vocabulary.words) + 2
    characters, words = "character_encoders.0.", "word_encoders.0."
    assert shapes[f"{characters}table.weight"] == (n_characters, 30)
    assert shapes[f"{words}table.weight"] == (n_words, 200)
    for direction in "01":
        character_lstm = f"{characters}lstm.directions.{direction}."
        assert shapes[f"{character_lstm}weight_ih_l0"] == (4 * 300, 30)
        assert shapes[f"{character_lstm}weight_hh_l0"] == (4 * 300, 300)
        word_lstm = f"{words}lstm.directions.{direction}."
        assert shapes[f"{word_lstm}weight_ih_l0"] == (4 * 150, 200 + 2 * 300)
        assert shapes[f"{word_lstm}weight_hh_l0"] == (4 * 150, 150)
    for index, head in enumerate(network.heads):
        # All pairs of tags, and one row for the first token's tag.
        n_outputs = head.n_tags * (head.n_tags + 1)
        assert shapes[f"head_layers.{index}.output.weight"] == (n_outputs, 2 * 150)
    assert len(shapes) == 2 * (1 + 2 * 4) + 2 * len(network.heads)


def test_form(nlp):
    shape = nlp.get_pipe("bioner_mtl").network.architecture
    assert (shape.characters, shape.crf, shape.share) == ("sentence", "large", "both")
    assert not shape.variational_dropout
    assert nlp.get_pipe("bioner_mtl").model.attrs["caseless"]


def test_training(nlp, training):
    assert training["dropout"] == 0.5
    optimizer = training["optimizer"]
    assert isinstance(optimizer, MomentumSGD)
    assert optimizer.torch_optimizer.defaults["momentum"] == 0.9
    assert optimizer.grad_clip == 5.0
    assert (optimizer.L2, optimizer.averages) == (0.0, None)
    batcher = training["batcher"]
    assert max(len(batch) for batch in batcher(make_examples(nlp) * 30)) == 10


def test_schedule(training):
    steps_per_epoch = 1000
    rates = []
    for _ in range(3 * steps_per_epoch + 1):
        rates.append(training["optimizer"].learn_rate)
        training["optimizer"].step_schedules()
    for epoch in range(4):
        expected = 0.01 / (1 + 0.05 * epoch)
        assert rates[epoch * steps_per_epoch] == pytest.approx(expected)
    assert training["patience"] == 30 * steps_per_epoch
    assert training["max_steps"] == 500 * steps_per_epoch
