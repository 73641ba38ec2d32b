"""Two LSTMs at once do what they do one after the other."""

import pytest
import torch
from torch import nn

from spacy_bioner_mtl.nn.parallel import run_both


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def make_inputs():
    torch.manual_seed(0)
    lstms = nn.LSTM(3, 5), nn.LSTM(4, 5)
    values = torch.randn(7, 2, 3, requires_grad=True), torch.randn(6, 3, 4, requires_grad=True)
    return lstms, values


def one_by_one(lstms, values):
    return tuple(lstm(each)[0] for lstm, each in zip(lstms, values, strict=True))


def gradients(run, used):
    lstms, values = make_inputs()
    states = run(lstms, values)
    loss = sum(states[index].pow(2).sum() for index in used)
    parameters = [parameter for lstm in lstms for parameter in lstm.parameters()]
    found = torch.autograd.grad(loss, [*values, *parameters], materialize_grads=True)
    return [*states, *found]


@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)])
def test_states_and_gradients_are_the_same(two_threads, used):
    for ours, theirs in zip(gradients(run_both, used), gradients(one_by_one, used), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert torch.get_num_threads() == 2


def test_several_calls_before_one_backward(two_threads):
    lstms, values = make_inputs()
    first, second = run_both(lstms, values), run_both(lstms, tuple(2 * each for each in values))
    sum(states.sum() for states in (*first, *second)).backward()
    found = lstms[0].weight_ih_l0.grad.clone()
    lstms[0].weight_ih_l0.grad = None
    expected = one_by_one(lstms, values) + one_by_one(lstms, tuple(2 * each for each in values))
    sum(states.sum() for states in expected).backward()
    torch.testing.assert_close(found, lstms[0].weight_ih_l0.grad, rtol=1e-5, atol=1e-6)


def test_an_error_of_one_thread_is_raised(two_threads):
    lstms, (values, _) = make_inputs()
    with pytest.raises(RuntimeError, match="input"):
        run_both(lstms, (values, values))


def test_prediction_and_one_thread_need_no_other_thread(two_threads, monkeypatch):
    monkeypatch.setattr("spacy_bioner_mtl.nn.parallel._threads", None)
    lstms, values = make_inputs()
    with torch.no_grad():
        assert len(run_both(lstms, values)) == 2
    torch.set_num_threads(1)
    assert all(states.requires_grad for states in run_both(lstms, values))
