"""The clients: uploads that go straight into the store, in parts, and are taken up again after any interruption.

>>> from partway.client import Client
>>> with Client("https://files.example.com", token="…") as client:
...     file = client.upload("video.mp4")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from partway.client.async_client import AsyncClient
    from partway.client.client import Client
    from partway.client.spec import UploadSpec
    from partway.client.values import Deletion, FileEvent, Outcome, PresignedUrl, RemoteFile

__all__ = ["AsyncClient", "Client", "Deletion", "FileEvent", "Outcome", "PresignedUrl", "RemoteFile", "UploadSpec"]

_MODULES = {
    "AsyncClient": "async_client",
    "Client": "client",
    "Deletion": "values",
    "FileEvent": "values",
    "Outcome": "values",
    "PresignedUrl": "values",
    "RemoteFile": "values",
    "UploadSpec": "spec",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: a blocking client needs no asyncio."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"partway.client.{_MODULES[name]}"), name)
