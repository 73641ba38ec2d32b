"""``bioner-mtl serve``: a page and an interface, on this machine."""

from typing import Annotated

from typer import Option

from spacy_bioner_mtl.cli.console import show
from spacy_bioner_mtl.cli.options import GpuId, ModelName
from spacy_bioner_mtl.errors import InputError


def serve(
    model: ModelName,
    host: Annotated[
        str,
        Option(
            "--host",
            metavar="NAME",
            help="The address to listen at. With 0.0.0.0 other machines reach it, and there is no "
            "password.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, Option("--port", metavar="N", min=0, max=65_535, help="The port; 0 takes a free one.")
    ] = 8080,
    workers: Annotated[
        int,
        Option(
            "--workers",
            metavar="N",
            min=1,
            help="Processes that answer, each with a pipeline of its own and one thread. One that "
            "dies is replaced.",
        ),
    ] = 1,
    max_body: Annotated[
        float,
        Option("--max-body", metavar="MIB", min=0.001, help="The largest body of a request."),
    ] = 8.0,
    max_texts: Annotated[
        int,
        Option(
            "--max-texts", metavar="N", min=1, help="Texts, or documents of a file, of a request."
        ),
    ] = 1_000,
    max_seconds: Annotated[
        float,
        Option(
            "--max-seconds", metavar="SECONDS", min=0.1, help="How long a request may take in all."
        ),
    ] = 60.0,
    queue: Annotated[
        int,
        Option(
            "--queue",
            metavar="N",
            min=1,
            help="Requests that each process works on or keeps waiting. More are told to come "
            "back.",
        ),
    ] = 128,
    gpu_id: GpuId = -1,
) -> None:
    """Serve a page to paste texts into, and an interface for programs.

    The page is at the address that is printed, the description of the interface at /docs below it.
    Nothing of a text is logged or kept, and nothing is sent elsewhere. SIGTERM and Ctrl-C finish
    what was accepted.
    """
    try:
        import fastapi_offline  # noqa: F401
        import prometheus_client  # noqa: F401

        from spacy_bioner_mtl.serve.run import bind
        from spacy_bioner_mtl.serve.run import serve as run
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed. Get it: pip install 'spacy_bioner_mtl[serve]'"
        ) from error
    from spacy_bioner_mtl.serve.settings import MIB, Settings

    settings = Settings(
        model,
        max_body=round(max_body * MIB),
        max_texts=max_texts,
        max_seconds=max_seconds,
        queue=queue,
        workers=workers,
        gpu_id=gpu_id,
    )
    with bind(host, port) as taken:
        name, number = taken.getsockname()[:2]
        address = f"[{name}]" if ":" in name else name
        show("info", f"http://{address}:{number} is the page, once {model} is loaded")
        run(settings, taken)
