"""The service on a store and a database, to be killed, broken and looked into."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from partway.core.blocking import run_straight
from partway.core.upkeep import UpkeepReport
from partway.service.settings import read_settings
from partway.service.upkeep import upkeep_of
from partway.service.wiring import wire_up
from partway.stores.local import BlockingLocalStore
from partway.stores.s3 import S3Store
from tests.acceptance.api import SECRET, Api, token_for
from tests.histories.plan import Trouble
from tests.servers.fault_proxy import CutAnswer, Delay, Fault, FaultProxy, HoldAnswer, LoseAnswer, Reply, Reset
from tests.servers.fork_server import fork_server
from tests.servers.postgres import PostgresServer
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.service import Service
from tests.servers.tcp_faults import TcpFaults

_STORE_SECRET = "a secret of the local store, known to the test and to the service"
_CLOCKS = ("modified", "expires", "completed", "deleted", "purging", "tended")
_FAILING = "<Error><Code>{}</Code><Message>We encountered an error.</Message></Error>"
_AT_STORE: Mapping[Trouble, Fault] = {
    Trouble.ERROR: Reply(500, _FAILING.format("InternalError")),
    Trouble.BUSY: Reply(503, _FAILING.format("SlowDown"), headers="Retry-After: 0\r\n"),
    Trouble.REFUSED: Reply(403, _FAILING.format("AccessDenied")),
    Trouble.ERROR_IN_200: Reply(200, _FAILING.format("InternalError")),
    Trouble.CUT: CutAnswer(),
    Trouble.LATE: Delay(0.15),
    Trouble.HELD: HoldAnswer(),
}


class Stack:
    """One service, its store and its database.

    Args:
        folder: for its data.
        seaweedfs, postgres: what it stands on; None: the local disk and SQLite.
    """

    def __init__(
        self, folder: Path, seaweedfs: SeaweedFS | None = None, postgres: PostgresServer | None = None
    ) -> None:
        env = {
            "PARTWAY_JWT_SECRET": SECRET,
            "PARTWAY_SECRET_KEY": _STORE_SECRET,
            "PARTWAY_UPKEEP_INTERVAL": "0",
            "PARTWAY_COMPLETE_VANISHED": "true" if seaweedfs is None else "false",
        }
        self.store_faults: FaultProxy | None = None
        self.database_faults: TcpFaults | None = None
        self._postgres_url: str | None = None
        self.store: S3Store | BlockingLocalStore
        if seaweedfs is not None and postgres is not None:
            bucket = seaweedfs.new_bucket()
            self.store_faults = FaultProxy(int(seaweedfs.endpoint.rpartition(":")[2]))
            self.database_faults = TcpFaults(postgres.port)
            self._postgres_url = postgres.new_database(tcp=True)
            env |= {
                "S3_BUCKET_NAME": bucket,
                "S3_ENDPOINT_URL": self.store_faults.url,
                "S3_PUBLIC_ENDPOINT_URL": seaweedfs.endpoint,
                "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
                "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
                "PARTWAY_DATABASE_URL": self._postgres_url.replace(
                    f":{postgres.port}/", f":{self.database_faults.port}/"
                ),
            }
            self.store = S3Store.connect_blocking(seaweedfs.settings(bucket))
        self.service = Service(folder / "data", env=env, forked=True).start()
        self._postgres = (
            psycopg.connect(self._postgres_url, autocommit=True, row_factory=dict_row) if self._postgres_url else None
        )
        settings = read_settings(env, data_dir=self.service.data_dir)
        self._loop = asyncio.Runner()
        self._wiring = wire_up(settings)
        self._upkeep = upkeep_of(self._wiring, settings)
        if seaweedfs is None:
            self.store = BlockingLocalStore(folder / "data" / "store", secret_key=_STORE_SECRET)
        self._env = env
        self._restarts = threading.Lock()
        self._counters: tuple[_Counter, ...] = ()
        self._calm = False

    @property
    def remote(self) -> bool:
        """Whether it stands on S3 and PostgreSQL."""
        return self.store_faults is not None

    @property
    def database_url(self) -> str:
        """The database, past all trouble."""
        return self._postgres_url or f"sqlite:///{self.service.data_dir / 'partway.sqlite3'}"

    def api(self, user: str, **claims: Any) -> Api:
        """The service as one caller sees it."""
        return Api(self.service.url, token_for(user, **claims))

    def crash(self) -> None:
        """Kill the service, and start it again as whoever watches over it would."""
        with self._restarts, self._calmly():
            self.service.kill()
            self.service.start()

    def trouble(self, store: Mapping[int, Trouble], database: Mapping[int, Trouble]) -> None:
        """Have requests fail by their numbers, from now on."""
        if self.store_faults is not None and self.database_faults is not None:
            self.store_faults.log.clear()
            at_store, at_database = self._counters = (_Counter(store), _Counter(database))
            self.store_faults.fault = lambda method, target, _: None if self._calm else self._fault(at_store.next())
            self.database_faults.fault = lambda _: None if self._calm else self._break(at_database.next())

    @property
    def troubled(self) -> bool:
        """Whether a request has failed since."""
        return any(counter.met for counter in self._counters)

    def calm(self) -> None:
        """End all trouble, and wait until the service runs and the store has done all that was asked of it."""
        self.trouble({}, {})
        with self._restarts:
            pass
        if self.store_faults is not None:
            self.store_faults.wait_until_quiet()

    def pass_time(self, seconds: int) -> None:
        """As if all that happened had happened so much earlier."""
        if self._postgres is not None:
            moved = ", ".join(f"{name} = {name} - interval '{seconds} seconds'" for name in _CLOCKS)
        else:
            moved = ", ".join(
                f"{name} = strftime('%Y-%m-%d %H:%M:%f000', {name}, '-{seconds} seconds')" for name in _CLOCKS
            )
        self.execute(f"UPDATE partway_files SET {moved}")

    def upkeep(self) -> UpkeepReport:
        """One run of upkeep, undisturbed."""
        return self._loop.run(self._upkeep.run())

    def cleanup(self, *, kill_after: float | None = None) -> None:
        """One run of `partway cleanup` as a process, which may be killed after some seconds."""
        argv = ["cleanup", "--data-dir", str(self.service.data_dir)]
        process = fork_server().start(argv, env={**os.environ, **self._env}, log=self.service.log)
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        process.wait()

    def execute(self, statement: str) -> None:
        """Change the database behind the service's back."""
        if self._postgres is not None:
            self._postgres.execute(statement.encode())
        else:
            with closing(self._sqlite()) as sqlite, sqlite:
                sqlite.execute(statement)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What the database holds."""
        if self._postgres is not None:
            return self._postgres.execute(query.encode()).fetchall()
        with closing(self._sqlite()) as sqlite:
            sqlite.row_factory = sqlite3.Row
            return [dict(row) for row in sqlite.execute(query)]

    def forget_all(self) -> None:
        """Begin anew: no record, no object, no upload."""
        for table in ("partway_files", "partway_usage", "partway_events"):
            self.execute(f"DELETE FROM {table}")
        for upload in run_straight(self.store.list_uploads("")).uploads:
            run_straight(self.store.abort_upload(upload.key, upload.upload_id))
        for listed in run_straight(self.store.list_objects("")).objects:
            run_straight(self.store.delete(listed.key))

    def close(self) -> None:
        """End it."""
        self.calm()
        self._loop.run(self._wiring.aclose())
        self._loop.close()
        if self._postgres is not None:
            self._postgres.close()
        self.service.stop()
        for proxy in (self.store_faults, self.database_faults):
            if proxy is not None:
                proxy.close()

    def _sqlite(self) -> sqlite3.Connection:
        return sqlite3.connect(self.service.data_dir / "partway.sqlite3", timeout=30)

    @contextlib.contextmanager
    def _calmly(self) -> Iterator[None]:
        """A service that starts is left alone."""
        self._calm = True
        try:
            yield
        finally:
            self._calm = False

    def _fault(self, trouble: Trouble | None) -> Fault | None:
        if trouble is None:
            return None
        if trouble in _AT_STORE:
            return _AT_STORE[trouble]
        return self._break(trouble)

    def _break(self, trouble: Trouble | None) -> Reset | LoseAnswer | None:
        if trouble is None:
            return None
        then = self.crash if trouble in {Trouble.KILL_BEFORE, Trouble.KILL_AFTER} else None
        return Reset(then=then) if trouble in {Trouble.RESET, Trouble.KILL_BEFORE} else LoseAnswer(then=then)


class _Counter:
    """Gives the troubles of requests as they come."""

    def __init__(self, troubles: Mapping[int, Trouble]) -> None:
        self.met = False  #: one of them has come
        self._troubles = troubles
        self._count = -1

    def next(self) -> Trouble | None:
        """The next request's."""
        self._count += 1
        self.met = self.met or self._count in self._troubles
        return self._troubles.get(self._count)
