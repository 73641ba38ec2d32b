"""What a process must do after a fork to use networks that its parent has used.

Of the parent's threads only the one that forked goes on in the child. torch would wait for its
other threads for ever, and locks that they held would never be released.
"""

import os
import weakref
from typing import Protocol

import torch


class _HasLock(Protocol):
    def reset_lock(self) -> None: ...


_WITH_LOCKS: "weakref.WeakSet[_HasLock]" = weakref.WeakSet()


def reset_after_fork(owner: _HasLock) -> None:
    """Have an object's lock replaced in every process that is forked from this one.

    owner (object): The object; it is not kept alive by this.
    """
    _WITH_LOCKS.add(owner)


def _after_fork_in_child() -> None:
    torch.set_num_threads(1)
    for owner in list(_WITH_LOCKS):
        owner.reset_lock()


# There is no fork on Windows.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
