"""Every error that Partway raises on purpose.

    PartwayError
    ├── Refused                      the request can never succeed as it stands
    │   ├── InvalidInput               a value is missing, malformed or out of range
    │   ├── PolicyRefused              the policy does not take this file
    │   ├── NotAuthenticated           no valid token
    │   ├── NotFound                   no such file, or it is another owner's
    │   ├── QuotaExceeded              the owner has used up what they may use
    │   ├── RateLimited                the caller asks for more than they may in a while
    │   └── Conflict                   the file's present state does not allow it
    │       ├── PartsMissing             the store does not hold all parts yet
    │       └── PartsDisagree            what the client says of a part is not what the store holds
    ├── StoreError                   the object store said no, or nothing
    │   ├── UploadGone                 the store does not know the multipart upload (any more)
    │   ├── ObjectGone                 the store does not know the object
    │   ├── StoreRefused               the store understood and refused (wrong ETag, wrong checksum, no permission)
    │   └── StoreUnavailable           the store is down, slow or says SlowDown: again later
    ├── RecordsUnavailable           the database is down: again later
    ├── Unreachable                  no answer from the service or the store; raised by clients
    ├── InvalidSignature             a webhook that is not ours, or too old; raised by `partway.webhooks.verify`
    ├── Misconfigured                a setting is missing or wrong; raised at start
    ├── MissingExtra                 an optional dependency is not installed
    └── WouldBlock                   a blocking port on a running event loop, or a story that suspends without one

Each error has a stable `code` (what programs compare), a `detail` (what people read, and what to do next) and the facts
behind it. HTTP status codes live in `partway.wire`, not here.
"""

from __future__ import annotations

from typing import Any, ClassVar


class PartwayError(Exception):
    """Something that Partway refuses or could not do.

    Args:
        detail: one or two sentences for a person: what is wrong and what to do next.
        code: a stable word for programs; the class's own when absent.
        facts: JSON-able values that belong to the error, such as `missing` part numbers.
    """

    code: ClassVar[str] = "error"

    def __init__(self, detail: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts
        self._code = code

    @property
    def error_code(self) -> str:
        """The stable code of this very error."""
        return self._code or self.code


class Refused(PartwayError):
    """The request can never succeed as it stands."""

    code = "refused"


class InvalidInput(Refused):
    """A value is missing, malformed or out of range. The fact `field` names it."""

    code = "invalid_input"


class PolicyRefused(Refused):
    """The policy does not take this file (its size, its extension or its type)."""

    code = "policy_refused"


class NotAuthenticated(Refused):
    """No token, or one that is malformed, expired or not ours."""

    code = "not_authenticated"


class NotFound(Refused):
    """There is no such file for this caller; another owner's file looks exactly the same."""

    code = "not_found"


class QuotaExceeded(Refused):
    """The owner has used up what they may use.

    The facts `limit`, `used` and `left` are in bytes; with the code `too_many_uploads` they count open uploads.
    """

    code = "quota_exceeded"


class RateLimited(Refused):
    """The caller asks for more than they may in a while.

    The facts: `limit` in `window` seconds, the request's `cost`, and `retry_after`, seconds until there is room again.
    """

    code = "rate_limited"


class Conflict(Refused):
    """The file's present state does not allow the request."""

    code = "conflict"


class PartsMissing(Conflict):
    """The store does not hold every part in its planned size yet; the upload stays resumable."""

    code = "parts_missing"


class PartsDisagree(Conflict):
    """What the client says of a part is not what the store holds; the upload stays resumable."""

    code = "parts_disagree"


class StoreError(PartwayError):
    """The object store said no, or nothing."""

    code = "store_error"


class UploadGone(StoreError):
    """The store does not know the multipart upload: completed, aborted or never there."""

    code = "upload_gone"


class ObjectGone(StoreError):
    """The store does not know the object."""

    code = "object_gone"


class StoreRefused(StoreError):
    """The store understood the request and refused it. The fact `store_code` is the store's own word."""

    code = "store_refused"


class StoreUnavailable(StoreError):
    """The store is down, slow or overloaded. The fact `retry_after` is in seconds."""

    code = "store_unavailable"


class AnswerLost(StoreUnavailable):
    """The store was asked once, and may have done it or not: look before you ask again."""

    code = "answer_lost"


class RecordsUnavailable(PartwayError):
    """The database is down or overloaded. The fact `retry_after` is in seconds."""

    code = "records_unavailable"


class Unreachable(PartwayError):
    """No answer from the service or the store within the client's patience."""

    code = "unreachable"


class InvalidSignature(PartwayError):
    """A webhook that is not Partway's, was changed on its way, or is too old."""

    code = "invalid_signature"


class Misconfigured(PartwayError):
    """A setting is missing or wrong. The fact `setting` names it."""

    code = "misconfigured"


class MissingExtra(PartwayError):
    """An optional dependency is not installed; the detail holds the command that installs it."""

    code = "missing_extra"

    def __init__(self, extra: str, *, module: str) -> None:
        super().__init__(
            f"This needs the package '{module}'. Install it with: pip install 'partway[{extra}]'",
            extra=extra,
            module=module,
        )


class WouldBlock(PartwayError):
    """A blocking port was called on a running event loop, or a story suspended without one."""

    code = "would_block"
