"""Optimizers of torch's behind thinc's interface.

thinc asks for one parameter at a time. The network's shim asks for all of a batch in one step,
which is several times as fast.
"""

from collections.abc import Mapping
from typing import cast

import torch
from thinc.api import Optimizer, torch2xp, xp2torch
from thinc.backends import get_array_ops
from thinc.types import FloatsXd, Generator
from torch import Tensor, nn

Key = tuple[int, str]


class TorchOptimizer(Optimizer):
    """An optimizer of torch's, with a state for each of thinc's keys."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        learn_rate: float | Generator,
        *,
        grad_clip: float,
        use_averages: bool,
    ):
        """Create the optimizer.

        optimizer (torch.optim.Optimizer): torch's, with one group of parameters, an empty one.
        learn_rate (float | Generator): The rate, or a schedule of it.
        grad_clip (float): Largest norm of the gradients; 0 for no limit.
        use_averages (bool): Keep averages of the weights.
        """
        super().__init__(learn_rate, L2=0.0, grad_clip=grad_clip, use_averages=use_averages)
        self.torch_optimizer = optimizer
        self._parameters: dict[Key, nn.Parameter] = {}

    def __call__(
        self,
        key: Key,
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update a parameter; see thinc's Optimizer."""
        if self.grad_clip:
            ops = get_array_ops(gradient)  # type: ignore[no-untyped-call]
            gradient = ops.clip_gradient(gradient, self.grad_clip)
        tensor = xp2torch(weights)
        self.step({key: (tensor, xp2torch(gradient))}, lr_scale=lr_scale)
        gradient.fill(0.0)
        return cast(FloatsXd, torch2xp(tensor)), gradient

    def step(
        self, parameters: Mapping[Key, tuple[Tensor, Tensor]], *, lr_scale: float = 1.0
    ) -> None:
        """Update parameters in place, all in one step; their gradients are not clipped.

        parameters (Mapping[Key, tuple[Tensor, Tensor]]): Weights and gradients.
        lr_scale (float): Factor of the rate.
        """
        (group,) = self.torch_optimizer.param_groups
        # Of no others: those of another component may have gradients, too, but not clipped yet.
        group["params"] = [self._parameter(key, *pair) for key, pair in parameters.items()]
        group["lr"] = float(self.learn_rate) * lr_scale
        self.torch_optimizer.step()
        self.torch_optimizer.zero_grad()
        for key, (weights, _) in parameters.items():
            self.nr_update[key] += 1
            if self.averages is not None:
                # As thinc does: of all weights so far at first, of the last 10,000 at most.
                count = self.nr_update[key]
                decay = min((1.0 + count) / (10.0 + count), 0.9999)
                average = xp2torch(self.averages[key], device=weights.device)
                average.lerp_(weights, 1.0 - decay)
                # The same memory as before, but where thinc's arrays and torch's cannot share it.
                self.averages[key] = cast(FloatsXd, torch2xp(average))

    def _parameter(self, key: Key, weights: Tensor, gradient: Tensor) -> nn.Parameter:
        """The parameter under which torch's optimizer keeps the state of a key.

        A state of another shape, or on another device, is of another parameter: a kernel that was
        given it would write into memory that is not its own.
        """
        parameter = self._parameters.get(key)
        place = weights.shape, weights.device
        if parameter is None or (parameter.shape, parameter.device) != place:
            parameter = self._parameters[key] = nn.Parameter(weights, requires_grad=False)
            self.nr_update[key] = 0
            if self.averages is not None:
                self.averages[key] = cast(FloatsXd, torch2xp(torch.zeros_like(weights)))
        parameter.data, parameter.grad = weights, gradient
        return parameter


class FusedAdam(TorchOptimizer):
    """Adam (Kingma and Ba 2015) in one pass over the weights; thinc's needs a dozen."""

    def __init__(
        self,
        learn_rate: float | Generator,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        grad_clip: float = 0.0,
        use_averages: bool = True,
    ):
        """Create the optimizer.

        learn_rate (float | Generator): The rate, or a schedule of it.
        beta1 (float): Decay of the average of gradients.
        beta2 (float): Decay of the average of squared gradients.
        eps (float): Added to the divisor.
        grad_clip (float): Largest norm of the gradients; 0 for no limit.
        use_averages (bool): Keep averages of the weights, which spaCy evaluates and saves.
        """
        super().__init__(
            torch.optim.Adam([{"params": []}], betas=(beta1, beta2), eps=eps, fused=True),
            learn_rate,
            grad_clip=grad_clip,
            use_averages=use_averages,
        )


class MomentumSGD(TorchOptimizer):
    """Stochastic gradient descent with momentum, as torch computes it: v = m v + g, w = w - r v.

    thinc's has no momentum.
    """

    def __init__(self, learn_rate: float | Generator, momentum: float, grad_clip: float = 0.0):
        """Create the optimizer.

        learn_rate (float | Generator): r, or a schedule of it.
        momentum (float): m.
        grad_clip (float): Largest norm of the gradients; 0 for no limit.
        """
        super().__init__(
            torch.optim.SGD([{"params": []}], momentum=momentum),
            learn_rate,
            grad_clip=grad_clip,
            use_averages=False,
        )
