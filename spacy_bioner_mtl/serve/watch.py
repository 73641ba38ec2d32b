"""What goes for every answer: safe headers, counts, and no word of a text in a log."""

import logging
import traceback
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spacy_bioner_mtl.serve.metrics import REQUESTS, SECONDS

logger = logging.getLogger("spacy_bioner_mtl.serve")

#: Of answers that are no page: nothing in them may run.
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
#: An answer that no route gave.
_ELSEWHERE = "other"


class Watch:
    """Sees to headers, counts and errors.

    app (ASGIApp): What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Watch it."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        status = 0

        async def add(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", _NOTHING)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, add)
        except Exception as error:
            # The message of an exception may quote the text. An answer that has begun breaks off.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename}:{frame.lineno}"
            logger.error("a request failed: %s at %s", type(error).__name__, place)
        finally:
            path = getattr(scope.get("route"), "path", _ELSEWHERE)
            REQUESTS.labels(path, str(status)).inc()
            SECONDS.labels(path).observe(perf_counter() - start)
