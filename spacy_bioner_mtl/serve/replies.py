"""Answers that are no text's: errors, always JSON with what to do."""

from collections.abc import Mapping

from starlette.responses import Response

from spacy_bioner_mtl.serve.answers import dump_json


def refuse(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer that something cannot be done.

    status (int): HTTP's status.
    message (str): What is wrong, and the remedy.
    headers (Mapping[str, str] | None): Headers besides.
    RETURNS (Response): The answer.
    """
    body = dump_json({"error": message})
    return Response(body, status, dict(headers or {}), media_type="application/json")
