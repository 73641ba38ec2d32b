"""The limits of a request: how many at a time, how large, how long."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spacy_bioner_mtl.serve.metrics import IN_WORK
from spacy_bioner_mtl.serve.replies import refuse
from spacy_bioner_mtl.serve.settings import MIB, Settings

#: Seconds after which one that was refused may try again.
RETRY_AFTER = 1


class _TooLarge(Exception):
    """The body is over its limit."""


class Gate:
    """Lets requests with a body in, as many as there is room for.

    Their bodies are read here, before anything is made of them.

    app (ASGIApp): What answers those that are let in.
    settings (Settings): The limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Begin without requests."""
        self._app = app
        self._settings = settings
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        elif self._inside >= self._settings.queue:
            reply = refuse(
                503,
                f"{self._settings.queue:,} requests are being worked on, and there is no room for "
                "more; try again in a moment, or start the service with more --workers",
                {"Retry-After": str(RETRY_AFTER)},
            )
            await reply(scope, receive, send)
        else:
            self._inside += 1
            IN_WORK.inc()
            try:
                await self._let_in(scope, receive, send)
            finally:
                self._inside -= 1
                IN_WORK.dec()

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        seconds = self._settings.max_seconds
        body: bytes | None = None
        has_begun = False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(seconds):
                body = await self._read(scope, receive)
                if body is not None:
                    await self._app(scope, _replay(body, receive), note)
        except _TooLarge:
            most = self._settings.max_body / MIB
            reply = refuse(
                413,
                f"the body has more than {most:g} MiB; send fewer texts at a time, annotate files "
                "with `bioner-mtl annotate`, or start the service with a larger --max-body",
            )
            await reply(scope, receive, send)
        except TimeoutError:
            if has_begun:
                # Half an answer is out: only a connection that breaks off says so.
                raise
            if body is None:
                status, what = 408, f"the body did not arrive within {seconds:g} seconds"
            else:
                status, what = 504, f"this took longer than {seconds:g} seconds"
            remedy = "send fewer texts at a time, or start the service with a larger --max-seconds"
            await refuse(status, f"{what}; {remedy}")(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Read the body; None if the client has gone."""
        most = self._settings.max_body
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > most:
            raise _TooLarge
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > most:
                raise _TooLarge
            if not message.get("more_body", False):
                return b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand on a body that was read; after it, what the connection says."""
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
