"""What a benchmark tells of the machine and of its own process."""

import platform
import re
import resource
import sys
from pathlib import Path


def peak_memory_mib() -> float:
    """Return the largest resident memory of this process so far.

    RETURNS (float): MiB.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def wait_for_gpu() -> None:
    """Wait until a GPU has done what it was given, if there is one in use."""
    import torch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


def cpu_name() -> str:
    """Return the name of the processor.

    RETURNS (str): The name; empty if the platform tells none.
    """
    # On Linux Python's own answer is mostly empty.
    details = Path("/proc/cpuinfo")
    text = details.read_text(encoding="utf-8") if details.is_file() else ""
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()
