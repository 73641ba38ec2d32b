"""Modules in bfloat16, for prediction on a CPU that has instructions for it.

A number has 8 bits of precision there and the range of a float. An LSTM took half the time of one
of floats on a processor with AVX-512 BF16, and 8-bit integers no less, while their states were ten
times as far from those of floats and depended on what else was in the batch.
"""

import copy
from collections.abc import Iterable, Mapping

import torch
from torch import nn

#: Instructions, as torch.cpu.get_capabilities names them, with which it is faster.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def is_bfloat16_faster(device: torch.device) -> bool:
    """Check whether a device computes faster in bfloat16 than in floats.

    device (torch.device): Where the network is.
    RETURNS (bool): False also if this version of torch cannot tell.
    """
    # New in torch 2.11
    tell = getattr(torch.cpu, "get_capabilities", None)
    capabilities: Mapping[str, object] = tell() if tell else {}
    return device.type == "cpu" and any(capabilities.get(name) for name in INSTRUCTIONS)


def to_bfloat16(modules: Iterable[nn.Module]) -> tuple[nn.Module, ...]:
    """Copy modules with weights in bfloat16.

    modules (Iterable[nn.Module]): The modules.
    RETURNS (tuple[nn.Module, ...]): Their copies.
    """
    return tuple(copy.deepcopy(module).to(torch.bfloat16) for module in modules)
