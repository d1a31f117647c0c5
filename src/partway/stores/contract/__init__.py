"""What every store must do, as code that runs: on ours, and on one that you write.

Each check is an `async def` that takes a `Bench` (a store, a way to send HTTP requests, a prefix for its keys) and
raises `ContractBroken` with one sentence that says what was expected. With pytest:

    @pytest.mark.parametrize("name", CHECKS)
    def test_contract(name):
        asyncio.run(CHECKS[name](Bench(store=MyStore(), send=send)))

A store that blocks runs the same checks through `core.blocking.run_straight`; `send` must then not suspend either.
The rules are S3's, and the presigned URLs are tampered with by SigV4's parameter names
(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html). Objects that the checks make lie below
`Bench.prefix`. A check waits up to three seconds where URLs must expire.
"""

from __future__ import annotations

from collections.abc import Mapping

from partway.contracts import ContractBroken
from partway.core.ports import Store
from partway.stores.contract.bench import Answer, Bench, Check, Send
from partway.stores.contract.checksums import CHECKS as _CHECKSUMS
from partway.stores.contract.conditional_puts import CHECKS as _CONDITIONAL_PUTS
from partway.stores.contract.copies import CHECKS as _COPIES
from partway.stores.contract.listings import CHECKS as _LISTINGS
from partway.stores.contract.objects import CHECKS as _OBJECTS
from partway.stores.contract.powers import CHECKS as _POWERS
from partway.stores.contract.signatures import CHECKS as _SIGNATURES
from partway.stores.contract.uploads import CHECKS as _UPLOADS

#: Every check by its name, in the order of a file's life.
CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (*_UPLOADS, *_SIGNATURES, *_CHECKSUMS, *_OBJECTS, *_CONDITIONAL_PUTS, *_LISTINGS, *_COPIES, *_POWERS)
}


async def check_store(store: Store, *, send: Send) -> None:
    """Run every check on a store, one after another.

    Args:
        store: the store.
        send: `await send(method, url, headers, body)` sends one HTTP request to a URL that the store signed and gives
            its status, its headers (names in lower case) and its body.

    Raises:
        ContractBroken: the first check that failed, with its name.
    """
    for name, check in CHECKS.items():
        try:
            await check(Bench(store=store, send=send))
        except ContractBroken as broken:
            raise ContractBroken(f"{name}: {broken}") from broken


__all__ = ["CHECKS", "Answer", "Bench", "Check", "ContractBroken", "Send", "check_store"]
