"""The web page: plain files, and a policy that lets it talk to us and to the store alone."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from partway.errors import NotFound
from partway.fastapi.answers import json_answer

_PAGE = Path(str(files("partway") / "page"))
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_router(*, store_origins: Sequence[str], api_prefix: str) -> APIRouter:
    """`/` and the files under `/page`.

    Args:
        store_origins: origins of the store, to which the page sends parts.
        api_prefix: where the files API stands.
    """
    router = APIRouter(include_in_schema=False)
    headers = {
        "Content-Security-Policy": _policy(store_origins),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    @router.get("/")
    async def index() -> Response:
        return FileResponse(_PAGE / "index.html", media_type=_TYPES[".html"], headers=headers)

    @router.get("/page/config.json")
    async def config() -> Response:
        return json_answer({"api_prefix": api_prefix})

    @router.get("/page/{name:path}")
    def file(name: str) -> Response:
        path = (_PAGE / name).resolve()
        if not path.is_relative_to(_PAGE.resolve()) or path.suffix not in _TYPES or not path.is_file():
            raise NotFound("There is no such file on this page.")
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)

    return router


def _policy(store_origins: Sequence[str]) -> str:
    sources = " ".join(["'self'", *store_origins])
    return (
        f"default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
