"""Padded sequences: reversing each in its own bounds, and grouping them by length."""

import math

import torch
from torch import Tensor


def reversal(lengths: Tensor, length: int) -> Tensor:
    """Index that reverses each sequence in its own bounds and leaves padding where it is.

    lengths (Tensor): Shape (N,).
    length (int): L.
    RETURNS (Tensor): Shape (L, N), int64.
    """
    positions = torch.arange(length, device=lengths.device)[:, None]
    return torch.where(positions < lengths[None, :], lengths[None, :] - 1 - positions, positions)


def reverse(values: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence in its own bounds. Shape (L, N, width)."""
    rows = flat_index(
        reversal(lengths, len(values)), torch.arange(len(lengths), device=lengths.device)
    )
    return values.flatten(0, 1).index_select(0, rows.flatten()).view_as(values)


def flat_index(positions: Tensor, columns: Tensor) -> Tensor:
    """Index of positions of sequences in the flattened (L * N, width)."""
    return positions * len(columns) + columns


def group_by_length(lengths: Tensor) -> list[Tensor]:
    """Group sequences that are best padded together: whole documents have sentences of all lengths.

    lengths (Tensor): Shape (N,).
    RETURNS (list[Tensor]): Indices of each group. No sequence is padded to 1.5 times its length,
        but for the shortest of a batch, which are not worth kernels of their own.
    """
    ratios = torch.log(lengths.max() / lengths) / math.log(1.5)
    numbers = ratios.long().clamp(max=3)
    return [torch.nonzero(numbers == number)[:, 0] for number in torch.unique(numbers)]
