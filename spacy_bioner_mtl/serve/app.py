"""All addresses of the service."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from spacy_bioner_mtl import __version__
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import ReadRecord, Record
from spacy_bioner_mtl.serve.answers import (
    TooManyTexts,
    choose_mentions,
    dump_json,
    make_records,
    read_records,
    to_json,
    write_file,
)
from spacy_bioner_mtl.serve.batcher import Batcher
from spacy_bioner_mtl.serve.description import (
    ANSWERS,
    FILE_BODY,
    MEDIA_TYPES,
    NDJSON_TYPE,
    Answer,
    Model,
    describe_interface,
)
from spacy_bioner_mtl.serve.metrics import write_metrics
from spacy_bioner_mtl.serve.pages import add_pages
from spacy_bioner_mtl.serve.pipeline import Served
from spacy_bioner_mtl.serve.questions import (
    NDJSON,
    Choice,
    FileQuestion,
    Question,
    find_source,
    find_target,
)
from spacy_bioner_mtl.serve.replies import refuse
from spacy_bioner_mtl.serve.settings import Settings

_JSON_TYPE = "application/json"
#: How many faults of a request a message tells.
_SHOWN = 3
_PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_app(served: Served, settings: Settings) -> FastAPI:
    """Make the service, without limits of requests; see limited.make_limited.

    served (Served): The pipeline and what is told of it.
    settings (Settings): Its limits.
    RETURNS (FastAPI): The service.
    """
    batcher = Batcher(served.nlp)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        batcher.stop()

    app = FastAPI(
        title="bioner-mtl serve",
        version=__version__,
        description="Biomedical named entities of texts and files.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # A slash too many is another address, not a redirection to where a header points.
        redirect_slashes=False,
    )
    _add_errors(app)
    _add_annotation(app, batcher, served, settings)
    _add_state(app, batcher, served)
    add_pages(app)
    describe_interface(app, served.offer, settings)
    return app


def _add_annotation(app: FastAPI, batcher: Batcher, served: Served, settings: Settings) -> None:
    @app.post("/v1/annotate", responses=ANSWERS, response_model=Answer)
    async def annotate(question: Question) -> Response:
        """Annotate one text, or many."""
        choice = served.offer.choose(question, find_target(question.format))
        records = make_records(question.all_texts, settings.max_texts)
        return await _reply(batcher, records, choice, question.format)

    @app.post(
        "/v1/annotate-file", responses=ANSWERS, response_model=Answer, openapi_extra=FILE_BODY
    )
    async def annotate_file(
        request: Request, question: Annotated[FileQuestion, Query()]
    ) -> Response:
        """Annotate a file: the body is what it holds."""
        choice = served.offer.choose(question, find_target(question.format))
        source = find_source(question.source)
        body = await request.body()
        records = await asyncio.to_thread(read_records, body, source, settings.max_texts)
        return await _reply(batcher, records, choice, question.format)


def _add_state(app: FastAPI, batcher: Batcher, served: Served) -> None:
    card = dump_json(served.card)

    @app.get("/v1/model", response_model=Model)
    async def model() -> Response:
        """Tell what the pipeline is."""
        return Response(card, media_type=_JSON_TYPE)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Tell that the process answers."""
        return {"status": "alive"}

    @app.get("/readyz", responses={503: ANSWERS[503]})
    async def readyz() -> Any:
        """Tell whether texts are annotated."""
        if not batcher.is_running:
            return refuse(503, "the pipeline does not answer; restart the service")
        return {"status": "ready"}

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Tell counts in Prometheus' format."""
        # Of several processes they are in files.
        content = await asyncio.to_thread(write_metrics)
        return Response(content, headers={"Content-Type": _PROMETHEUS_TYPE})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(InputError)
    async def input_error(request: Request, error: InputError) -> Response:
        # Readers name the options of the command line.
        message = str(error).replace("--from", '"from"').replace("--to ", '"format" ')
        return refuse(413 if isinstance(error, TooManyTexts) else 422, message)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        faults = [_tell_fault(each) for each in errors[:_SHOWN]]
        is_broken = any(each["type"] == "json_invalid" for each in errors)
        return refuse(
            400 if is_broken else 422, f"{'; '.join(faults)}. /docs shows what is asked for"
        )

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        message = f"{error.detail}; /docs lists the addresses and what they take"
        return refuse(error.status_code, message, error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return refuse(
            500,
            f"the service failed ({type(error).__name__}); its log says where: please report it",
        )


def _tell_fault(fault: dict[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"the body is no JSON ({fault['ctx']['error']} at character {fault['loc'][-1]})"
    if fault["type"] == "model_attributes_type":
        return "the body has to be a JSON object, with Content-Type: application/json"
    place = ".".join(str(part) for part in fault["loc"][1:])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


async def _reply(
    batcher: Batcher, records: Iterable[ReadRecord], choice: Choice, name: str
) -> Response:
    """Annotate, and answer in the format that is asked for."""
    answers = _annotate(batcher, records, choice)
    if name == NDJSON:
        return StreamingResponse(_write_lines(answers), media_type=NDJSON_TYPE)
    found = [record async for record in answers]
    target = find_target(name)
    if target is None:
        return Response(
            dump_json({"documents": [to_json(each) for each in found]}), media_type=_JSON_TYPE
        )
    content = await asyncio.to_thread(write_file, found, target)
    ending = ".zip" if target.folder else target.suffixes[0]
    # No browser shows it as a page of this origin.
    headers = {"Content-Disposition": f'attachment; filename="entities{ending}"'}
    return Response(content, headers=headers, media_type=MEDIA_TYPES[target.name])


async def _annotate(
    batcher: Batcher, records: Iterable[ReadRecord], choice: Choice
) -> AsyncIterator[ReadRecord]:
    async for record in batcher.annotate(records, choice.heads):
        yield choose_mentions(record, choice) if isinstance(record, Record) else record


async def _write_lines(answers: AsyncIterator[ReadRecord]) -> AsyncIterator[bytes]:
    async for record in answers:
        yield dump_json(to_json(record)) + b"\n"
