"""LSTMs in bfloat16."""

import pytest
import torch

from spacy_bioner_mtl.nn.bfloat16 import is_bfloat16_faster
from spacy_bioner_mtl.nn.encoder import BidirectionalLSTM

LENGTHS = torch.tensor([7, 3, 1])
CPU = torch.device("cpu")

fast = pytest.mark.skipif(
    not is_bfloat16_faster(CPU), reason="this CPU has no instructions for bfloat16"
)


@pytest.fixture
def lstm():
    torch.manual_seed(0)
    return BidirectionalLSTM(12, 20)


@pytest.fixture
def values():
    torch.manual_seed(1)
    return torch.randn(7, 3, 12)


def run(lstm, values, **options):
    with torch.no_grad():
        return torch.cat(lstm(values, LENGTHS, **options), dim=2)


@fast
def test_states_are_near_those_of_floats(lstm, values):
    floats, rounded = run(lstm, values), run(lstm, values, bfloat16=True)
    # A number of 8 bits is wrong by a 512th of itself at most, and states, below 1, add up errors.
    assert 0 < (floats - rounded).abs().max() < 4 / 512
    assert rounded.dtype == torch.float32
    assert torch.equal(run(lstm, values), floats)


@fast
def test_a_sequence_does_not_depend_on_others_in_its_batch(lstm, values):
    with torch.no_grad():
        (together, _) = lstm(values, LENGTHS, bfloat16=True)
        (alone, _) = lstm(values[:, :1], LENGTHS[:1], bfloat16=True)
    assert (together[:, :1] - alone).abs().max() < 4 / 512


@fast
def test_other_weights_are_rounded_anew(lstm, values):
    before = run(lstm, values, bfloat16=True)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.mul_(0.5)
    lstm.weights_changed()
    after = run(lstm, values, bfloat16=True)
    assert (after - before).abs().max() > 0.05
    assert (after - run(lstm, values)).abs().max() < 4 / 512


@fast
def test_rounded_weights_are_no_part_of_the_weights(lstm, values):
    names = list(lstm.state_dict())
    parameters = len(list(lstm.parameters()))
    run(lstm, values, bfloat16=True)
    assert list(lstm.state_dict()) == names
    assert len(list(lstm.parameters())) == parameters


@pytest.mark.parametrize("tell", [lambda: {"avx2": True, "avx512_bf16": False}, None])
def test_processors_without_instructions_compute_in_floats(lstm, values, monkeypatch, tell):
    monkeypatch.setattr(torch.cpu, "get_capabilities", tell, raising=False)
    assert not is_bfloat16_faster(CPU)
    assert torch.equal(run(lstm, values, bfloat16=True), run(lstm, values))


def test_gpus_compute_in_floats():
    assert not is_bfloat16_faster(torch.device("cuda"))
