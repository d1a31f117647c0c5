"""multipart/form-data as its body arrives on an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request

from partway.wire.form_reader import FormEvent, FormReader, boundary_of


async def read_form(request: Request) -> AsyncIterator[FormEvent]:
    """The events of a form.

    Raises:
        Refused: the body is no form (codes `unsupported_media_type`, `malformed_body`).
        InvalidInput: the fields are too many or too long.
    """
    reader = FormReader(boundary_of(request.headers.get("content-type", "")))
    async for chunk in request.stream():
        for event in reader.feed(chunk):
            yield event
    reader.finish()
