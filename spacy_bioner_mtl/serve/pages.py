"""What a browser opens: the page, and the description of the interface. No file but these."""

from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import Response

#: Nothing inline, and nothing from elsewhere.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Swagger UI sets styles of its own inside the page.
_DOCS_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_HTML, _CSS, _SCRIPT = "text/html", "text/css", "text/javascript"
#: Address, file and type of what is the page's, and of what is Swagger UI's.
_OWN = (
    ("/", "index.html", _HTML, _POLICY),
    ("/page.css", "page.css", _CSS, _POLICY),
    ("/entities.js", "entities.js", _SCRIPT, _POLICY),
    ("/page.js", "page.js", _SCRIPT, _POLICY),
    ("/docs", "docs.html", _HTML, _DOCS_POLICY),
    ("/docs.js", "docs.js", _SCRIPT, _POLICY),
)
_SWAGGER = (
    ("/swagger-ui.css", "swagger-ui.css", _CSS, _POLICY),
    ("/swagger-ui-bundle.js", "swagger-ui-bundle.js", _SCRIPT, _POLICY),
)


def add_pages(app: FastAPI) -> None:
    """Add the addresses of the pages.

    app (FastAPI): Gets them. The files are read now: no request reads any.
    """
    own = files("spacy_bioner_mtl.serve") / "page"
    swagger = files("fastapi_offline") / "static"
    for folder, pages in ((own, _OWN), (swagger, _SWAGGER)):
        for address, name, media_type, policy in pages:
            _add_page(app, address, (folder / name).read_bytes(), media_type, policy)


def _add_page(app: FastAPI, address: str, content: bytes, media_type: str, policy: str) -> None:
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}

    @app.get(address, include_in_schema=False)
    async def page() -> Response:
        return Response(content, headers=headers, media_type=media_type)
