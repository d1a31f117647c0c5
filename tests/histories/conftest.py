from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.histories.stack import Stack


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded default: local disk and SQLite."""
    stack = Stack(tmp_path_factory.mktemp("histories-local"))
    yield stack
    stack.close()


@pytest.fixture(scope="session")
def remote(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """SeaweedFS and PostgreSQL, with trouble on both ways."""
    seaweedfs, postgres = request.getfixturevalue("seaweedfs"), request.getfixturevalue("postgres")
    stack = Stack(tmp_path_factory.mktemp("histories-remote"), seaweedfs, postgres)
    yield stack
    stack.close()


@pytest.fixture
def stack_of(request: pytest.FixtureRequest) -> Callable[[bool], Stack]:
    """The remote stack, or the local one."""
    return lambda remote: request.getfixturevalue("remote" if remote else "local")
