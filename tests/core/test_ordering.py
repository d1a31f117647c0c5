"""Objects by the bytes of their keys, sorted outside memory, and beside records."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from partway.core.blocking import run_straight
from partway.core.ordering import nearest
from partway.core.ports import ListedObject
from partway.records.contract import Bench
from partway.stores.sorting import SortedOnDisk

MOMENT = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
ROWS = st.lists(
    st.builds(
        ListedObject,
        key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
        size=st.integers(0, 2**50),
        etag=st.text("0123456789abcdef-", max_size=40),
        last_modified=st.timedeltas(timedelta(days=-9000), timedelta(days=9000)).map(lambda delta: MOMENT + delta),
    ),
    unique_by=lambda row: row.key,
)


@given(ROWS, st.integers(1, 5))
def test_rows_come_back_whole_and_by_key(rows: list[ListedObject], size: int) -> None:
    found: list[ListedObject] = []
    with SortedOnDisk() as sorter:
        for start in range(0, len(rows), size):
            run_straight(sorter.add(rows[start : start + size]))
        after = ""
        while page := run_straight(sorter.page(after=after, limit=size)):
            assert len(page) <= size
            found += page
            after = page[-1].key
    assert found == sorted(rows, key=lambda row: row.key.encode())


def test_nothing_is_left_on_disk() -> None:
    with SortedOnDisk() as sorter:
        run_straight(sorter.add([ListedObject("a", 1, "e", MOMENT)]))
        assert sorter._folder is not None
        folder = Path(sorter._folder.name)
        assert list(folder.iterdir())
    assert not folder.exists()
    with SortedOnDisk() as unused:
        pass
    assert unused._folder is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_lower_key_comes_first(one: str, other: str) -> None:
    file, stored = Bench(records=None).file(key=one), ListedObject(other, 1, "e", MOMENT)  # type: ignore[arg-type]
    pair = nearest(file, stored)
    assert pair == (file if one <= other else None, stored if other <= one else None)
    assert pair.key == min(one, other)
    assert nearest(file, None) == (file, None)
    assert nearest(None, stored) == (None, stored)
