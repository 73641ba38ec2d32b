"""The service as a process runs it: all addresses, behind their limits."""

from starlette.types import ASGIApp

from spacy_bioner_mtl.serve.app import make_app
from spacy_bioner_mtl.serve.gate import Gate
from spacy_bioner_mtl.serve.pipeline import Served
from spacy_bioner_mtl.serve.settings import Settings
from spacy_bioner_mtl.serve.watch import Watch


def make_limited(served: Served, settings: Settings) -> ASGIApp:
    """Put limits before the service.

    served (Served): The pipeline.
    settings (Settings): The limits.
    RETURNS (ASGIApp): The service.
    """
    return Watch(Gate(make_app(served, settings), settings))
