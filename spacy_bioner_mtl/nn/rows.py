"""Taking rows of a matrix without paying for the general case in the gradient.

The gradient of torch's indexing adds up, since an index may name a row more than once; none of the
indices of encoders and heads does, and copying is several times as fast.
"""

from typing import Any, cast

import torch
from torch import Tensor


class _TakeRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.n_rows = len(values)
        return values.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        (gradient,) = gradients
        shape = (ctx.n_rows, *gradient.shape[1:])
        # A permutation fills all rows by itself.
        everything = len(index) == ctx.n_rows
        rows = gradient.new_empty(shape) if everything else gradient.new_zeros(shape)
        return rows.index_copy_(0, index, gradient), None


def take_rows(values: Tensor, index: Tensor) -> Tensor:
    """Take rows, each at most once.

    values (Tensor): Shape (rows, ...).
    index (Tensor): Shape (M,), int64, without duplicates: with one the gradient would be wrong.
    RETURNS (Tensor): Shape (M, ...).
    """
    return cast(Tensor, _TakeRows.apply(values, index))  # type: ignore[no-untyped-call]
