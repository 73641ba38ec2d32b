"""srsly's decoders and encoders, looked up once instead of for every value.

srsly 2 asks its registry for them each time that it unpacks a value, and the registry asks the
entry points of all packages that are installed. A DocBin has one value for each span group of each
document: of the time to read many short documents, nine tenths went there.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from srsly import msgpack

_REGISTRIES = ("msgpack_decoders", "msgpack_encoders")
_lock = threading.Lock()
_users = 0
_own: dict[str, Any] = {}


class _Remembered:
    """A registry whose functions were looked up."""

    def __init__(self, registry: Any) -> None:
        self._functions: dict[str, Any] = registry.get_all()

    def get_all(self) -> dict[str, Any]:
        return self._functions


@contextmanager
def remembered_codecs() -> Iterator[None]:
    """Look srsly's decoders and encoders up once, and use these until the end of the block.

    Blocks may lie in each other and in several threads; after the last one all is as it was. A
    package that registers another one meanwhile is heard afterwards.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            for name in _REGISTRIES:
                _own[name] = getattr(msgpack, name)
                setattr(msgpack, name, _Remembered(_own[name]))
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                for name in _REGISTRIES:
                    setattr(msgpack, name, _own.pop(name))
