"""Hooks: what the application around us says to new files, and hears of finished ones."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import fields
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Protocol, runtime_checkable

from partway.core.file import Caller, File
from partway.core.initiation import NewUpload
from partway.errors import PartwayError

_log = logging.getLogger("partway.hooks")

#: Fields of a draft that a hook may change. The others say what the client is about to send.
CHANGEABLE = frozenset(
    {
        "file_name",
        "file_content_type",
        "name",
        "description",
        "metadata",
        "folder",
        "is_public",
        "parent_content_type",
        "parent_object_id",
    }
)
_FIXED = [field.name for field in fields(NewUpload) if field.name not in CHANGEABLE]


@runtime_checkable
class BeforeInitiate(Protocol):
    """A hook that is asked before a file begins, however it does: alone, in a batch, through a form or as a copy."""

    def before_initiate(self, draft: NewUpload, caller: Caller) -> NewUpload | Awaitable[NewUpload | None] | None:
        """Take a file as it is (None), take it changed (`dataclasses.replace`), or refuse it.

        Nothing is reserved yet. What is returned is checked as if the client had sent it. A request that is repeated
        with its `Idempotency-Key` is asked about again: the same answer gives the same file.

        Args:
            draft: what the client asks for; `CHANGEABLE` fields may be changed.
            caller: who asks.

        Raises:
            PartwayError: the file is refused: `PolicyRefused` (422) or `Refused` (403), with a code of your own.
        """
        ...


@runtime_checkable
class AfterComplete(Protocol):
    """A hook that is told of each file once it is completed."""

    def after_complete(self, file: File) -> Awaitable[None] | None:
        """Hear of a finished file: its record is `completed`, and its object was verified.

        What it raises is logged, and changes nothing.
        """
        ...


#: An object of the application with any of the hooks as methods, plain or `async`.
ApplicationHooks = BeforeInitiate | AfterComplete
#: Calls a plain function with arguments and gives its result.
CallPlain = Callable[..., Awaitable[Any]]


async def in_place(function: Callable[..., Any], *args: Any) -> Any:
    """Call a plain function here and now."""
    return function(*args)


class Hooks:
    """Calls the hooks of an application, those that it has.

    Args:
        application: whose they are; None: there are none.
        call: how plain methods are called; on an event loop they belong into a thread (`asyncio.to_thread`).
    """

    def __init__(self, application: ApplicationHooks | None = None, *, call: CallPlain = in_place) -> None:
        self._before = application.before_initiate if isinstance(application, BeforeInitiate) else None
        self._after = application.after_complete if isinstance(application, AfterComplete) else None
        self._call = call

    @property
    def hear(self) -> bool:
        """Whether the application wants to be told of finished files."""
        return self._after is not None

    async def before_initiate(self, draft: NewUpload, caller: Caller) -> NewUpload:
        """What a file is to begin as.

        Raises:
            PartwayError: the application refuses it, or its hook went wrong (code `internal_error`).
        """
        if self._before is None:
            return draft
        try:
            changed = await self._result(self._before, draft, caller) or draft
            touched = [name for name in _FIXED if getattr(changed, name) != getattr(draft, name)]
            if touched:
                raise ValueError(f"before_initiate may not change {', '.join(touched)}")
        except PartwayError:
            raise
        except Exception as error:
            _log.exception("unforeseen error in before_initiate")
            raise PartwayError(
                "Something went wrong on our side; try again, and tell us if it stays.", code="internal_error"
            ) from error
        return changed

    async def after_complete(self, file: File) -> None:
        """Tell the application of a finished file. Never fails."""
        if self._after is None:
            return
        try:
            await self._result(self._after, file)
        except Exception:
            _log.exception("unforeseen error in after_complete of file %s", file.id)

    async def _result(self, method: Callable[..., Any], *args: Any) -> Any:
        result = method(*args) if iscoroutinefunction(method) else await self._call(method, *args)
        return await result if isawaitable(result) else result
