"""The two directions of an LSTM at the same time, each on threads of its own.

An LSTM kernel is a long chain of small matrix products. Threads that share each of them wait for
each other at every link; threads that share the directions meet once.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import Any, cast

import torch
from torch import Tensor, nn


def run_both(lstms: tuple[nn.LSTM, nn.LSTM], values: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Run two LSTMs, at the same time where that is faster: in training, on several threads.

    lstms (tuple[nn.LSTM, nn.LSTM]): LSTMs of one direction.
    values (tuple[Tensor, Tensor]): Their inputs, each of shape (L, N, input width).
    RETURNS (tuple[Tensor, ...]): Their states, each of shape (L, N, hidden width).
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1 or not torch.is_grad_enabled() or values[0].device.type != "cpu":
        return tuple(lstm(each)[0] for lstm, each in zip(lstms, values, strict=True))
    parameters = [parameter for lstm in lstms for parameter in lstm.parameters()]
    states = _Both.apply(n_threads, lstms, *values, *parameters)  # type: ignore[no-untyped-call]
    return cast(tuple[Tensor, ...], states)


class _Both(torch.autograd.Function):
    """Two graphs that autograd sees as one step, so that it, too, goes through both at once."""

    @staticmethod
    def forward(
        ctx: Any, n_threads: int, lstms: tuple[nn.LSTM, ...], *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        def run(lstm: nn.LSTM, values: Tensor) -> tuple[Tensor, Tensor]:
            values = values.detach().requires_grad_()
            with torch.enable_grad():
                return values, lstm(values)[0]

        ctx.n_threads, ctx.lstms = n_threads, lstms
        ctx.graphs = list(_threads(n_threads).map(run, lstms, tensors[: len(lstms)]))
        return tuple(states.detach() for _, states in ctx.graphs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def run(
            lstm: nn.LSTM, graph: tuple[Tensor, Tensor], gradient: Tensor
        ) -> tuple[Tensor, ...]:
            values, states = graph
            return torch.autograd.grad(states, (values, *lstm.parameters()), gradient)

        results = list(_threads(ctx.n_threads).map(run, ctx.lstms, ctx.graphs, gradients))
        of_values = [result[0] for result in results]
        of_parameters = [gradient for result in results for gradient in result[1:]]
        return None, None, *of_values, *of_parameters


@cache
def _threads(n_threads: int) -> ThreadPoolExecutor:
    """Start two threads that have half of torch's threads each."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="bioner_mtl-lstm")
    started = Barrier(2)

    def start() -> None:
        torch.set_num_threads(max(1, n_threads // 2))
        started.wait()

    for task in [pool.submit(start) for _ in range(2)]:
        task.result()
    # The number is each thread's own, but it is also what later threads start with.
    torch.set_num_threads(n_threads)
    return pool
