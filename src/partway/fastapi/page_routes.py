"""The web page: plain files, and a policy that lets it talk to us and to the store alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from fastapi import APIRouter, Request, Response

from partway.errors import NotFound
from partway.wire.page_files import TYPES, PageFile, page_files


def page_router(*, store_origins: Sequence[str], api_prefix: str) -> APIRouter:
    """`/` and the files under `/page`.

    Args:
        store_origins: origins of the store, to which the page sends parts.
        api_prefix: where the files API stands.
    """
    router = APIRouter(include_in_schema=False)
    page = dict(page_files())
    page["config.json"] = PageFile(orjson.dumps({"api_prefix": api_prefix}), TYPES[".json"])
    answers = {name: _answer_headers(file, policy=_policy(store_origins)) for name, file in page.items()}

    def answer(name: str, request: Request) -> Response:
        if name not in page:
            raise NotFound("There is no such file on this page.")
        headers = answers[name]
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(page[name].content, media_type=page[name].media_type, headers=headers)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return answer("index.html", request)

    @router.api_route("/page/{name:path}", methods=["GET", "HEAD"])
    async def file(name: str, request: Request) -> Response:
        return answer(name, request)

    return router


def _answer_headers(file: PageFile, *, policy: str) -> Mapping[str, str]:
    return {
        "ETag": file.etag,
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # kept, but asked for each time: a new version is seen at once
    }


def _policy(store_origins: Sequence[str]) -> str:
    sources = " ".join(["'self'", *store_origins])
    return (
        f"default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
