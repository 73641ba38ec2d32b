"""Processes of the service: one, or several that a parent watches over."""

import multiprocessing
import os
import socket
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from tempfile import TemporaryDirectory

import uvicorn
from starlette.types import ASGIApp

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.serve.settings import SHARED_FOLDER, Settings
from spacy_bioner_mtl.serve.workers import Workers

#: Connections that wait to be taken, as many as uvicorn has by default.
_BACKLOG = 2048
#: Seconds beyond the limit of a request in which the service ends.
_GRACE = 5


def make_service(settings: Settings) -> ASGIApp:
    """Load the pipeline and make all that a process needs.

    settings (Settings): The pipeline and the limits.
    RETURNS (ASGIApp): The service.
    RAISES (InputError): There is no such pipeline or GPU, or it is damaged.
    """
    from spacy_bioner_mtl.serve.limited import make_limited
    from spacy_bioner_mtl.serve.pipeline import load_served

    return make_limited(load_served(settings), settings)


def bind(host: str, port: int) -> socket.socket:
    """Take an address.

    host (str): The name or number of the host.
    port (int): The port; 0 takes one that is free.
    RETURNS (socket.socket): The socket. Who connects waits until the pipeline is loaded.
    RAISES (InputError): The address is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        if sys.platform == "linux":
            # For spread. Before bind, it would share the address with another service.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Now, and not when the pipeline is loaded: until then another server could take the port.
        taken.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        taken.close()
        raise InputError(
            f"{host}:{port} cannot be used ({getattr(error, 'strerror', None) or error}); choose "
            "another --port, or a --host of this machine"
        ) from error
    return taken


def spread(taken: socket.socket, count: int) -> list[socket.socket]:
    """Make a socket for each process that answers at an address.

    Of processes that listen on one socket, the first that wakes up takes all connections that are
    waiting: of 64 at once, it can be every one. Linux spreads them over sockets of their own.

    taken (socket.socket): The socket that took the address.
    count (int): How many processes.
    RETURNS (list[socket.socket]): The sockets; elsewhere the same one for all.
    """
    if sys.platform != "linux":
        return [taken] * count
    sockets = [taken]
    for _ in range(count - 1):
        sockets.append(socket.socket(taken.family))
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sockets[-1].bind(taken.getsockname())
        sockets[-1].listen(_BACKLOG)
    return sockets


def serve(settings: Settings, taken: socket.socket) -> None:
    """Answer requests until the process is told to end; what was accepted is finished before.

    settings (Settings): The pipeline and the limits.
    taken (socket.socket): Where to listen.
    RAISES (InputError): There is no such pipeline or GPU, or it is damaged.
    """
    if settings.workers == 1:
        _answer(settings, taken)
        return
    # At once: connections that come before are all the first worker's.
    sockets = spread(taken, settings.workers)
    # A worker that cannot begin would be replaced again and again.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        executor.submit(_check, settings).result()
    with TemporaryDirectory() as folder:
        os.environ[SHARED_FOLDER] = folder
        Workers(partial(_answer, settings), sockets).run()


def _answer(settings: Settings, taken: socket.socket) -> None:
    uvicorn.Server(configure(make_service(settings), settings)).run([taken])


def _check(settings: Settings) -> None:
    from spacy_bioner_mtl.serve.pipeline import load_served

    load_served(settings)


def configure(service: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Set the server of a process up.

    service (ASGIApp): The service.
    settings (Settings): Its limits.
    RETURNS (uvicorn.Config): For uvicorn.
    """
    return uvicorn.Config(
        service,
        # It bounds headers. httptools, which is taken otherwise where it is installed, does not.
        http="h11",
        # Addresses of requests are nobody's business, and bodies even less.
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=round(settings.max_seconds) + _GRACE,
    )
