import pytest

from partway.records.migrate import upgrade


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request, tmp_path):
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new folder 100%' / 'partway.sqlite3'}"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def url(empty_url):
    """The URL of a database with our tables."""
    upgrade(empty_url)
    return empty_url


@pytest.fixture
def sqlite_url(tmp_path):
    url = f"sqlite:///{tmp_path / 'partway.sqlite3'}"
    upgrade(url)
    return url
