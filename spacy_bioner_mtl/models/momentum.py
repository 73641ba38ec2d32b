"""An optimizer beside thinc's: momentum, which its SGD lacks."""

from typing import Any

from thinc.api import Optimizer
from thinc.backends import get_array_ops
from thinc.types import FloatsXd, Generator


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
