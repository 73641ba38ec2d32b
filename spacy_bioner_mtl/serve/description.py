"""What the OpenAPI description says of the interface."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from spacy_bioner_mtl.annotate.request import ALL
from spacy_bioner_mtl.formats.record import MERGED_HEAD
from spacy_bioner_mtl.serve.questions import SOURCES, TARGETS, Offer
from spacy_bioner_mtl.serve.settings import Settings

NDJSON_TYPE = "application/x-ndjson"
#: What a format of a file is over HTTP.
MEDIA_TYPES = {
    "conll": "text/plain",
    "inline": "text/plain",
    "jsonl": NDJSON_TYPE,
    "doccano": NDJSON_TYPE,
    "pubtator": "text/plain",
    "bioc-xml": "application/xml",
    "bioc-json": "application/json",
    "brat": "application/zip",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html",
}


class Entity(BaseModel):
    """A mention. Offsets count code points, so that text[start:end] is the mention."""

    start: int
    end: int
    text: str
    label: str
    head: str
    score: float | None = Field(default=None, description="Its probability.")


class Document(BaseModel):
    """An annotated text, or why there is no answer."""

    id: str
    text: str = ""
    entities: list[Entity] = []
    error: str = ""


class Answer(BaseModel):
    """The documents, in the order of the request."""

    documents: list[Document]


class Label(BaseModel):
    """An entity type."""

    name: str
    color: str


class Head(BaseModel):
    """A head and its entity types."""

    name: str
    labels: list[str]


class Model(BaseModel):
    """The pipeline."""

    name: str
    version: str
    description: str
    license: str
    bioner_mtl: str
    heads: list[Head]
    labels: list[Label]
    card: str


class Refusal(BaseModel):
    """What is wrong, and the remedy."""

    error: str


def _refusal(description: str) -> dict[str, Any]:
    return {"model": Refusal, "description": description}


#: What comes back of a request with a body.
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answers, in the format that was asked for.",
        "content": {each: {} for each in sorted({NDJSON_TYPE, *MEDIA_TYPES.values()})},
    },
    400: _refusal("The body is no JSON."),
    408: _refusal("The body came too slowly."),
    413: _refusal("The body, or the number of its texts, is over the limit."),
    422: _refusal("Something in the request is wrong."),
    500: _refusal("The service failed."),
    503: {
        **_refusal("There is no room at the moment."),
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    },
    504: _refusal("This took too long."),
}
#: The body of a file.
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def describe_interface(app: FastAPI, offer: Offer, settings: Settings) -> None:
    """Put the names of heads and types, and the limits, into the description.

    app (FastAPI): The service, with all addresses.
    offer (Offer): What can be chosen of the pipeline.
    settings (Settings): The limits.
    """
    schema = app.openapi()
    heads = {"type": "string", "enum": [MERGED_HEAD, ALL, *offer.heads]}
    labels = {"type": "string", "enum": offer.labels}
    properties = schema["components"]["schemas"]["Question"]["properties"]
    properties["texts"]["maxItems"] = settings.max_texts
    parameters = schema["paths"]["/v1/annotate-file"]["post"]["parameters"]
    described = [properties, {each["name"]: each["schema"] for each in parameters}]
    for each in described:
        each["heads"]["items"] = heads
        _find_part(each["labels"], "array")["items"] = labels
        each["format"]["enum"] = TARGETS
    _find_part(described[1]["from"], "string")["enum"] = SOURCES


def _find_part(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """The part of "this or nothing" that is something."""
    (found,) = (each for each in schema["anyOf"] if each.get("type") == kind)
    part: dict[str, Any] = found
    return part
