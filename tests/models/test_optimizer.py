"""Optimizer and clipping against torch's own."""

import copy
import pickle

import numpy as np
import pytest
import torch
from conftest import GOLD, make_examples, make_pipeline, train, weights
from spacy.util import registry
from thinc.api import SGD, Adam, Config, RAdam

from spacy_bioner_mtl.models.optimizers import FusedAdam, MomentumSGD


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_sgd_is_torchs(momentum):
    random = np.random.default_rng(3)
    ours = random.normal(size=(5, 4)).astype("f")
    theirs = torch.nn.Parameter(torch.tensor(ours))
    optimizer = MomentumSGD(0.05, momentum)
    peer = torch.optim.SGD([theirs], lr=0.05, momentum=momentum)
    for _ in range(25):
        gradient = random.normal(size=(5, 4)).astype("f")
        theirs.grad = torch.tensor(gradient)
        peer.step()
        ours, _ = optimizer((1, "w"), ours, gradient)
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-6, rtol=0)


def test_fused_adam_is_torchs_and_averages_as_thinc_does():
    random = np.random.default_rng(4)
    start = random.normal(size=(5, 4)).astype("f")
    ours, thincs, theirs = start.copy(), start.copy(), torch.nn.Parameter(torch.tensor(start))
    optimizer, other = FusedAdam(0.02), Adam(0.02, L2=0.0, grad_clip=0.0, use_averages=True)
    peer = torch.optim.Adam([theirs], lr=0.02)
    key = (1, "w")
    for _ in range(30):
        gradient = random.normal(size=(5, 4)).astype("f")
        theirs.grad = torch.tensor(gradient)
        peer.step()
        thincs, _ = other(key, thincs, gradient.copy())
        ours, used = optimizer(key, ours, gradient)
        assert not used.any(), "thinc adds the next gradient to what an optimizer returns"
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-6, rtol=0)
    np.testing.assert_allclose(ours, thincs, atol=1e-5, rtol=0)
    np.testing.assert_allclose(optimizer.averages[key], other.averages[key], atol=1e-5, rtol=0)


def test_fused_adam_clips_scales_and_keeps_no_averages_when_told_so():
    gradient = np.array([3.0, 4.0], dtype="f")
    clipped = FusedAdam(0.1, eps=1.0, grad_clip=1.0, use_averages=False)
    plain = FusedAdam(0.05, eps=1.0, use_averages=False)
    one, _ = clipped((1, "w"), np.zeros(2, dtype="f"), gradient.copy(), lr_scale=0.5)
    other, _ = plain((1, "w"), np.zeros(2, dtype="f"), gradient / 5.0)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert one.all() and clipped.averages is None


@pytest.mark.parametrize("make", [FusedAdam, lambda rate: MomentumSGD(rate, 0.9)])
def test_all_parameters_in_one_step_are_updated_as_each_by_itself(make):
    generator = torch.Generator().manual_seed(5)
    shapes = {(1, "w"): (5, 4), (1, "b"): (7,), (2, "w"): (5, 4)}
    together = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    alone = {key: values.numpy().copy() for key, values in together.items()}
    one, other = make(0.02), make(0.02)
    for step in range(12):
        # The last has no part in some batches, like a head.
        used = list(shapes) if step % 3 else list(shapes)[:2]
        gradients = {key: torch.randn(shapes[key], generator=generator) for key in used}
        for key in used:
            alone[key], _ = other(key, alone[key], gradients[key].numpy().copy())
        one.step({key: (together[key], gradients[key]) for key in used})
    for key, values in together.items():
        np.testing.assert_allclose(values.numpy(), alone[key], atol=1e-6)
        if one.averages:
            np.testing.assert_allclose(one.averages[key], other.averages[key], atol=1e-6)


@pytest.mark.parametrize("make", [FusedAdam, lambda rate: MomentumSGD(rate, 0.9)])
def test_weights_of_another_shape_start_without_moments(make):
    optimizer, fresh = make(0.02), make(0.02)
    for _ in range(3):
        optimizer((1, "w"), np.ones((5, 4), dtype="f"), np.ones((5, 4), dtype="f"))
    start, gradient = np.ones((9, 4), dtype="f"), np.full((9, 4), -2.0, dtype="f")
    ours, _ = optimizer((1, "w"), start.copy(), gradient.copy())
    theirs, _ = fresh((1, "w"), start.copy(), gradient.copy())
    np.testing.assert_array_equal(ours, theirs)
    if optimizer.averages:
        np.testing.assert_array_equal(optimizer.averages[1, "w"], fresh.averages[1, "w"])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("make", [FusedAdam, lambda rate: MomentumSGD(rate, 0.9)])
def test_a_copy_goes_on_where_the_original_was(make, copied):
    random = np.random.default_rng(6)
    one, ours = make(0.02), random.normal(size=(5, 4)).astype("f")
    for _ in range(3):
        ours, _ = one((1, "w"), ours, random.normal(size=(5, 4)).astype("f"))
    other, theirs = copied(one), ours.copy()
    for _ in range(3):
        gradient = random.normal(size=(5, 4)).astype("f")
        ours, _ = one((1, "w"), ours, gradient.copy())
        theirs, _ = other((1, "w"), theirs, gradient)
    np.testing.assert_array_equal(ours, theirs)
    if one.averages:
        np.testing.assert_array_equal(one.averages[1, "w"], other.averages[1, "w"])


@pytest.mark.parametrize("make", [FusedAdam, lambda rate: MomentumSGD(rate, 0.9)])
def test_two_components_share_an_optimizer(make):
    """One has gradients, not clipped yet, while the other is updated."""
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    first = nlp.get_pipe("bioner_mtl")
    second = make_pipeline().from_bytes(nlp.to_bytes()).get_pipe("bioner_mtl")
    optimizer = make(0.01)
    first.update(examples)
    second.update(examples)
    before = {name: values.clone() for name, values in second.network.named_parameters()}
    first.finish_update(optimizer)
    assert all(values.equal(before[name]) for name, values in second.network.named_parameters())
    second.finish_update(optimizer)
    for one, other in zip(first.network.parameters(), second.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_the_table_of_words_is_clipped_with_the_others():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("bioner_mtl")
    before = {key: values.detach().clone() for key, values in pipe.network.named_parameters()}
    nlp.update(examples[:1], sgd=False)
    gradients = {
        key: values.grad.clone()
        for key, values in pipe.network.named_parameters()
        if values.grad is not None
    }
    assert gradients["word_encoders.0.table.weight"].any()
    norm = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    pipe.finish_update(SGD(0.1, grad_clip=float(norm) / 4, L2=0.0, use_averages=False))
    for key, gradient in gradients.items():
        moved = before[key] - pipe.network.get_parameter(key).detach()
        torch.testing.assert_close(moved, gradient * 0.1 / 4, atol=1e-6, rtol=1e-3)
    assert all(parameter.grad is None for parameter in pipe.network.parameters())


def test_parameters_have_velocities_of_their_own():
    optimizer = MomentumSGD(0.1, 0.9)
    one, other = np.zeros(3, dtype="f"), np.zeros(3, dtype="f")
    for _ in range(3):
        one, _ = optimizer((1, "one"), one, np.ones(3, dtype="f"))
    other, _ = optimizer((1, "other"), other, np.ones(3, dtype="f"))
    np.testing.assert_allclose(other, -0.1)


def test_the_registered_optimizer_takes_a_schedule():
    config = Config().from_str(
        """
        [optimizer]
        @optimizers = "spacy_bioner_mtl.MomentumSGD.v1"
        momentum = 0.9
        grad_clip = 5.0

        [optimizer.learn_rate]
        @schedules = "warmup_linear.v1"
        warmup_steps = 2
        total_steps = 10
        initial_rate = 1.0
        """
    )
    optimizer = registry.resolve(config)["optimizer"]
    rates = []
    for _ in range(12):
        rates.append(float(optimizer.learn_rate))
        optimizer.step_schedules()
    assert max(rates) > 0 and rates[1] != rates[5] and rates[-1] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("make", "peer"),
    [
        (
            lambda clip: MomentumSGD(0.1, 0.9, grad_clip=clip),
            lambda own: torch.optim.SGD(own, lr=0.1, momentum=0.9),
        ),
        (
            lambda clip: SGD(0.1, grad_clip=clip, L2=0.0, use_averages=False),
            lambda own: torch.optim.SGD(own, lr=0.1),
        ),
    ],
    ids=["momentum", "plain"],
)
def test_clipping_is_by_the_norm_of_all_gradients_together(make, peer):
    """Repeated equal gradients above the limit: the velocity exceeds it, and must be let."""
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    model = nlp.get_pipe("bioner_mtl").model
    network = nlp.get_pipe("bioner_mtl").network
    twin = [torch.nn.Parameter(values.detach().clone()) for values in network.parameters()]
    ours, theirs = make(0.5), peer(twin)
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        for mine, other in zip(network.parameters(), twin, strict=True):
            gradient = torch.randn(mine.shape, generator=generator) + 1.0
            mine.grad, other.grad = gradient.clone(), gradient.clone()
        torch.nn.utils.clip_grad_norm_(twin, 0.5)
        theirs.step()
        model.finish_update(ours)
    for mine, other in zip(network.parameters(), twin, strict=True):
        torch.testing.assert_close(mine.data, other.data, atol=3e-5, rtol=1e-4)


def test_gradients_are_dropped_not_zeroed():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 1)
    parameters = nlp.get_pipe("bioner_mtl").network.parameters()
    assert all(parameter.grad is None for parameter in parameters)


def test_accumulated_gradients_update_once():
    gold, pipelines = GOLD[:2], []
    for _ in range(2):
        nlp = make_pipeline()
        examples = make_examples(nlp, gold)
        nlp.initialize(lambda examples=examples: examples)
        pipelines.append((nlp, examples))
    (together, one_batch), (accumulated, examples) = pipelines
    together.update(one_batch, sgd=SGD(0.1, L2=0.0, grad_clip=0.0, use_averages=False))
    for example in examples:
        accumulated.update([example], sgd=False)  # None would make an optimizer
    pipe = accumulated.get_pipe("bioner_mtl")
    # A batch's loss is the mean over its two sequences, each of which is a batch here.
    pipe.finish_update(SGD(0.05, L2=0.0, grad_clip=0.0, use_averages=False))
    one, two = weights(together), weights(accumulated)
    for key in one:
        torch.testing.assert_close(one[key], two[key], atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    "make",
    [lambda: Adam(0.01), lambda: MomentumSGD(0.01, 0.9), lambda: RAdam(0.01)],
    ids=["adam", "momentum", "radam"],
)
def test_training_goes_on_with_the_same_optimizer_after_a_head_has_grown(make):
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    optimizer = make()
    nlp.update(examples, sgd=optimizer)
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.add_label("Isoform", head="genes")
    pipe.add_head("species", ["Species"])
    before = weights(nlp)
    losses = {}
    for _ in range(3):
        nlp.update(examples, sgd=optimizer, losses=losses)
    assert np.isfinite(losses["bioner_mtl"])
    after = weights(nlp)
    assert all(values.isfinite().all() for values in after.values())
    assert not before["head_layers.0.output.weight"].equal(after["head_layers.0.output.weight"])
    if optimizer.averages:
        with nlp.use_params(optimizer.averages):
            assert nlp("BRAC4 is expressed .").spans["genes"] is not None
