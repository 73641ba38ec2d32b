"""Adam (Kingma and Ba 2015) in fewer passes over the weights than thinc's, fewest for tables.

A batch has a few hundred of the words of a table. Only their rows are touched: see _update_rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from thinc.api import Optimizer, torch2xp, xp2torch
from thinc.backends import get_array_ops
from thinc.types import FloatsXd, Generator
from torch import Tensor
from torch.optim.adam import adam

Key = tuple[int, str]


@dataclass
class Change:
    """A parameter and its gradient.

    key (tuple[int, str]): Name of the parameter in the optimizer.
    weights (Tensor): The parameter; updated in place.
    gradient (Tensor): Of the same shape, or, with rows, of that of these rows of it.
    rows (Tensor | None): Shape (M,), int64, each row once: where the gradient is not zero.
    """

    key: Key
    weights: Tensor
    gradient: Tensor
    rows: Tensor | None = None


class FusedAdam(Optimizer):
    """Adam, and the average of the weights, in one pass each.

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
        self._states: dict[Key, _State] = {}

    def __call__(
        self,
        key: Key,
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> tuple[FloatsXd, FloatsXd]:
        """Update a parameter in place; see thinc's Optimizer."""
        if self.grad_clip:
            ops = get_array_ops(gradient)  # type: ignore[no-untyped-call]
            gradient = ops.clip_gradient(gradient, self.grad_clip)
        self.update([Change(key, xp2torch(weights), xp2torch(gradient))], lr_scale=lr_scale)
        gradient.fill(0.0)
        return weights, gradient

    def update(self, changes: Sequence[Change], *, lr_scale: float = 1.0) -> None:
        """Update parameters in place, all in one call; their gradients are not clipped.

        changes (Sequence[Change]): The parameters, each once.
        lr_scale (float): Factor of the rate.
        """
        rate = float(self.learn_rate) * lr_scale
        states = [self._state(change) for change in changes]
        changes = [_fit(change, state) for change, state in zip(changes, states, strict=True)]
        dense = [
            (change, state)
            for change, state in zip(changes, states, strict=True)
            if change.rows is None
        ]
        adam(
            [change.weights for change, _ in dense],
            [change.gradient for change, _ in dense],
            [state.first for _, state in dense],
            [state.second for _, state in dense],
            [],
            # Counted by torch.
            [state.count for _, state in dense],
            fused=True,
            amsgrad=False,
            beta1=self.b1,
            beta2=self.b2,
            lr=rate,
            weight_decay=0.0,
            eps=self.eps,
            maximize=False,
        )
        for change, state in zip(changes, states, strict=True):
            self.nr_update[change.key] += 1
            if change.rows is not None:
                self._update_rows(change, change.rows, state, rate)
        if self.averages is not None:
            self._average(changes, states)

    def _average(self, changes: Sequence[Change], states: Sequence["_State"]) -> None:
        """Move the averages of weights, those of parameters updated equally often in one call."""
        by_count: dict[int, list[tuple[Tensor, Tensor]]] = {}
        for change, state in zip(changes, states, strict=True):
            pairs = by_count.setdefault(self.nr_update[change.key], [])
            pairs.append((cast(Tensor, state.average), change.weights))
        for count, pairs in by_count.items():
            # As thinc does: of all weights so far at first, of the last 10,000 at most.
            decay = min((1.0 + count) / (10.0 + count), 0.9999)
            averages, weights = zip(*pairs, strict=True)
            torch._foreach_lerp_(averages, weights, 1.0 - decay)

    def _update_rows(self, change: Change, rows: Tensor, state: "_State", rate: float) -> None:
        """Update rows of a table as Adam with beta1 = 0 updates all of it.

        Momentum moves a row for some ten steps after its only gradient, by rate * gradient / root
        of the second moment in all: the same is done here, but at once. So rows without a gradient
        stay where they are, and their second moment, which shrinks all the same, can wait.
        """
        count = self.nr_update[change.key]
        shrunk = state.second[rows] * (self.b2 ** (count - state.first[rows]))
        moment = shrunk.addcmul_(change.gradient, change.gradient, value=1.0 - self.b2)
        state.second[rows] = moment
        state.first[rows] = float(count)
        divisor = (moment / (1.0 - self.b2**count)).sqrt_().add_(self.eps)
        change.weights.index_add_(0, rows, change.gradient / divisor, alpha=-rate)

    def _state(self, change: Change) -> "_State":
        """What is known of a parameter, zeros at first.

        A state of another shape, or on another device, is of another parameter: a kernel that was
        given it would write into memory that is not its own.
        """
        state = self._states.get(change.key)
        if state is None or not state.belongs_to(change.weights):
            zeros = torch.zeros_like(change.weights)
            state = _State(
                first=zeros if change.rows is None else torch.zeros_like(change.weights[:, :1]),
                second=zeros.clone(),
                count=zeros.new_zeros(()),
                average=None if self.averages is None else zeros.clone(),
                by_rows=change.rows is not None,
            )
            self._states[change.key] = state
            self.nr_update[change.key] = 0
            if self.averages is not None:
                # The same memory as an array, as spaCy wants it.
                self.averages[change.key] = cast(FloatsXd, torch2xp(cast(Tensor, state.average)))
        return state


@dataclass
class _State:
    """What an optimizer keeps of a parameter.

    first (Tensor): Average of gradients, of the shape of the parameter. Of a table, shape (rows,
        1): the update at which each row last had a gradient.
    second (Tensor): Average of squared gradients, of the shape of the parameter.
    count (Tensor): Number of updates so far; of a table, it stays 0.
    average (Tensor | None): Average of the weights.
    by_rows (bool): Whether it is that of a table, which is updated row by row.
    """

    first: Tensor
    second: Tensor
    count: Tensor
    average: Tensor | None
    by_rows: bool

    def belongs_to(self, weights: Tensor) -> bool:
        """Check whether this can be the state of a parameter."""
        return self.second.shape == weights.shape and self.second.device == weights.device


def _fit(change: Change, state: _State) -> Change:
    """Bring a gradient into the form in which its parameter is updated.

    A parameter keeps the form of its first update. Rehearsal brings the gradients of tables as
    a whole, whatever was updated before.
    """
    if state.by_rows and change.rows is None:
        rows = torch.nonzero(change.gradient.flatten(1).any(dim=1))[:, 0]
        return replace(change, gradient=change.gradient[rows], rows=rows)
    if not state.by_rows and change.rows is not None:
        whole = torch.zeros_like(change.weights).index_copy_(0, change.rows, change.gradient)
        return replace(change, gradient=whole, rows=None)
    return change
