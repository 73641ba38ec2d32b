"""Numbers that are none (NaN, infinite) are found where they come in; nothing is ever "nothing"."""

import numpy as np
import pytest
import spacy
import srsly
import torch
from conftest import GOLD, make_examples, make_pipeline, same_weights, set_floret, train, weights
from thinc.api import Adam

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.optimizers import FusedAdam

VALUES = [np.nan, np.inf, -np.inf]


def network_of(nlp):
    return nlp.get_pipe("bioner_mtl").network


def spoil(nlp, name, value):
    with torch.no_grad():
        network_of(nlp).get_parameter(name).view(-1)[1] = value


PARAMETERS = [
    "character_encoders.0.table.weight",
    "word_encoders.0.lstm.directions.1.weight_hh_l0",
    "head_layers.1.transitions",
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", PARAMETERS)
def test_weights_are_looked_at_when_they_are_loaded(name, value, copy_of_trained, tmp_path):
    spoil(copy_of_trained, name, value)
    copy_of_trained.to_disk(tmp_path / "model")
    with pytest.raises(InputError, match=f"{name} holds a value that is no number"):
        spacy.load(tmp_path / "model")
    with pytest.raises(InputError, match="no number"):
        make_pipeline().from_bytes(copy_of_trained.to_bytes())


@pytest.mark.parametrize("value", VALUES)
def test_the_command_line_says_so(value, copy_of_trained, tmp_path, capsys):
    spoil(copy_of_trained, PARAMETERS[0], value)
    copy_of_trained.to_disk(tmp_path / "model")
    (tmp_path / "in.txt").write_text(GOLD[0][0])
    paths = [str(tmp_path / name) for name in ("model", "in.txt", "out")]
    with pytest.raises(SystemExit) as exit_info:
        main(["annotate", *paths, "--from", "text", "--to", "jsonl"])
    assert exit_info.value.code == 1
    assert "no number" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", PARAMETERS)
def test_no_document_is_without_mentions_because_of_them(name, value, copy_of_trained):
    spoil(copy_of_trained, name, value)
    network_of(copy_of_trained).word_store.invalidate()
    for ask in (copy_of_trained, lambda text: list(copy_of_trained.pipe([text]))):
        try:
            ask(GOLD[3][0] + " " + GOLD[4][0])
        except InputError as error:
            assert "no numbers" in str(error)
        else:
            # A value that no character of the text, or no legal transition, has to do with.
            assert name != PARAMETERS[1]


def test_vectors_are_looked_at_when_a_pipeline_is_loaded(tmp_path):
    nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
    set_floret(nlp.vocab)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    (layer,) = nlp.get_pipe("bioner_mtl").model.layers
    layer.attrs["table"] = layer.attrs["table"].copy()
    layer.attrs["table"][3, 1] = np.nan
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(InputError, match="row 3 holds a value that is no number"):
        spacy.load(tmp_path / "model")


@pytest.mark.parametrize("optimizer", [lambda: Adam(0.1, L2=0.0), lambda: FusedAdam(0.1)])
def test_a_loss_that_is_no_number_changes_no_weights(optimizer, copy_of_trained):
    nlp = copy_of_trained
    examples = make_examples(nlp)
    spoil(nlp, PARAMETERS[1], np.nan)
    before = weights(nlp)
    with pytest.raises(InputError, match=r"loss .* is nan, no number.*lower learning rate"):
        nlp.update(examples, sgd=optimizer())
    after = weights(nlp)
    for name, values in before.items():
        np.testing.assert_array_equal(values.numpy(), after[name].numpy())


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("optimizer", [Adam, FusedAdam])
def test_a_gradient_that_is_no_number_changes_no_weights(optimizer, clip, copy_of_trained):
    nlp = copy_of_trained
    before = weights(nlp)
    nlp.get_pipe("bioner_mtl").update(make_examples(nlp))
    parameter = network_of(nlp).get_parameter(PARAMETERS[1])
    parameter.grad[0, 0] = np.inf
    with pytest.raises(InputError, match="gradient of the network is no number"):
        nlp.get_pipe("bioner_mtl").finish_update(optimizer(0.1, grad_clip=clip))
    assert same_weights(before, weights(nlp))
    # Nothing of it is left for the next step.
    assert all(each.grad is None for each in network_of(nlp).parameters())
    train(nlp, make_examples(nlp), 1)
    assert not same_weights(before, weights(nlp))


def test_training_that_diverges_ends_with_a_message():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    with pytest.raises(InputError, match="no number"):
        train(nlp, examples, 50, learn_rate=1e38)


def test_a_description_of_sizes_is_not_believed(copy_of_trained, tmp_path):
    """A network of the sizes that a damaged file tells of would take all memory."""
    copy_of_trained.to_disk(tmp_path / "model")
    path = tmp_path / "model" / "bioner_mtl" / "model"
    message = srsly.msgpack_loads(path.read_bytes())
    shim = srsly.msgpack_loads(message["shims"][0][0])
    state = shim["state"]
    size = int.from_bytes(state[:8], "little")
    header = state[8 : 8 + size].replace(b'hidden_width\\": 12', b'hidden_width\\": 500000')
    assert header != state[8 : 8 + size]
    shim["state"] = len(header).to_bytes(8, "little") + header + state[8 + size :]
    message["shims"][0][0] = srsly.msgpack_dumps(shim)
    path.write_bytes(srsly.msgpack_dumps(message))
    with pytest.raises(InputError, match="cannot be read"):
        spacy.load(tmp_path / "model")
