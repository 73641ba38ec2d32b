"""Optimizers beside thinc's: momentum, which its SGD lacks, and Adam in fewer passes."""

from typing import Any

import torch
from thinc.api import Optimizer, xp2torch
from thinc.backends import get_array_ops
from thinc.types import FloatsXd, Generator
from torch.optim.adam import adam


class MomentumSGD(Optimizer):
    """Stochastic gradient descent with momentum, as torch computes it: v = m v + g, w = w - r v."""

    __slots__ = ["momentum", "velocities"]

    def __init__(self, learn_rate: float | Generator, momentum: float, grad_clip: float = 0.0):
        """Create the optimizer.

        learn_rate (float | Generator): r, or a schedule of it.
        momentum (float): m.
        grad_clip (float): Largest norm of the gradients; 0 for no limit.
        """
        super().__init__(learn_rate, beta1=0.0, beta2=0.0, L2=0.0, use_averages=False)
        self.grad_clip = grad_clip
        self.momentum = momentum
        self.velocities: dict[Any, FloatsXd] = {}

    def __call__(
        self,
        key: tuple[int, str],
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update a parameter in place; see thinc's Optimizer."""
        if self.grad_clip:
            # Of the gradient, never of the velocity, which is up to 1 / (1 - m) times as long.
            ops = get_array_ops(gradient)  # type: ignore[no-untyped-call]
            gradient = ops.clip_gradient(gradient, self.grad_clip)
        velocity = self.velocities.get(key)
        if velocity is None:
            velocity = self.velocities[key] = gradient * 0.0
        velocity *= self.momentum
        velocity += gradient
        weights -= lr_scale * self.learn_rate * velocity
        gradient *= 0
        return weights, gradient


class FusedAdam(Optimizer):
    """Adam (Kingma and Ba 2015), and the average of the weights, in one pass each.

    thinc's goes over the weights a dozen times.
    """

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
            learn_rate,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            L2=0.0,
            grad_clip=grad_clip,
            use_averages=use_averages,
        )

    def __call__(
        self,
        key: tuple[int, str],
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update a parameter in place; see thinc's Optimizer."""
        self.nr_update[key] += 1
        count = self.nr_update[key]
        ops = get_array_ops(weights)  # type: ignore[no-untyped-call]
        if self.grad_clip:
            gradient = ops.clip_gradient(gradient, self.grad_clip)
        for moments in (self.mom1, self.mom2):
            if key not in moments:
                moments[key] = ops.alloc(weights.shape)
        values = xp2torch(weights)
        adam(
            [values],
            [xp2torch(gradient)],
            [xp2torch(self.mom1[key])],
            [xp2torch(self.mom2[key])],
            [],
            # The step before this one: torch counts by itself.
            [torch.tensor(float(count - 1), device=values.device)],
            fused=True,
            amsgrad=False,
            beta1=self.b1,
            beta2=self.b2,
            lr=float(self.learn_rate) * lr_scale,
            weight_decay=0.0,
            eps=self.eps,
            maximize=False,
        )
        if self.averages is not None:
            if key not in self.averages:
                self.averages[key] = ops.alloc(weights.shape)
            # As thinc does: of all weights so far at first, of the last 10,000 at most.
            decay = min((1.0 + count) / (10.0 + count), 0.9999)
            xp2torch(self.averages[key]).lerp_(values, 1.0 - decay)
        gradient.fill(0.0)
        return weights, gradient
