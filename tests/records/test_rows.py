"""What is kept is what SQLAlchemy's own types keep and read, and cursors and folding hold for every value."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert, select

from partway.core.blocking import run_straight
from partway.core.checksums import ChecksumAlgorithm
from partway.core.file import File
from partway.errors import InvalidInput
from partway.records.connect import connect_blocking_records
from partway.records.contract import Bench
from partway.records.cursors import Cursor
from partway.records.memory import MemoryRecords
from partway.records.rows import NATIVE, TEXTUAL
from partway.records.tables import FILE_COLUMNS, files
from partway.records.values import FIELDS, folded, metadata_from, metadata_text

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
BENCH = Bench(records=MemoryRecords())

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=zones)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
metadatas = st.dictionaries(texts, json_values, max_size=4)
fields = st.fixed_dictionaries(
    {"name": texts, "metadata": metadatas, "created": moments, "file_size": st.integers(0, 2**63 - 1)},
    optional={
        "completed": moments,
        "upload_id": texts,
        "is_public": st.booleans(),
        "settled": st.booleans(),
        "checksum_algorithm": st.sampled_from(ChecksumAlgorithm),
    },
)


@pytest.mark.parametrize("form", [NATIVE, TEXTUAL])
@given(fields)
def test_rows_give_the_record_back(form, values):
    file = BENCH.file(**{"modified": MOMENT, "expires": MOMENT} | values)
    row = form.file_row(file)
    assert form.from_row([row[field] for field in FIELDS]) == file
    assert row.keys() == set(files.c.keys())


@given(moments, moments)
def test_texts_of_times_sort_as_times(one, other):
    texts = [TEXTUAL.time_to_driver(moment) for moment in (one, other)]
    assert (texts[0] < texts[1]) == (one < other)


def everything_set(records) -> File:
    return Bench(records=records).file(
        metadata={"a": [1, {"b": "é\u2028"}]},
        checksum_algorithm=ChecksumAlgorithm.CRC64NVME,
        is_public=True,
        completed=MOMENT,
        deleted=MOMENT + timedelta(microseconds=1),
        upload_id="x",
        fingerprint="f",
        idempotency_key="i",
        parent_content_type="p",
        parent_object_id="o",
        file_size=2**62,
    )


def test_sqlalchemy_reads_what_we_write_and_we_what_it_writes(url):
    records = connect_blocking_records(url)
    ours, theirs = everything_set(records), everything_set(records).evolve(idempotency_key=None)
    run_straight(records.add(ours))
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        row = connection.execute(select(*FILE_COLUMNS).where(files.c.id == ours.id)).one()
        assert dict(row._mapping) == {field: getattr(ours, field) for field in FIELDS}
        values = {field: getattr(theirs, field) for field in FIELDS}
        values |= {name: values[name].value for name in ("upload_status", "checksum_algorithm")}
        connection.execute(insert(files).values(**values, folded_name="", folded_file_name=""))
    engine.dispose()
    assert run_straight(records.get(theirs.id)) == theirs
    run_straight(records.aclose())


@given(st.booleans(), moments, st.uuids())
def test_cursors_come_back(newer, created, file_id):
    cursor = Cursor(newer=newer, created=created, id=file_id)
    assert Cursor.read(str(cursor)) == cursor
    assert str(cursor).replace("-", "").replace(".", "").isalnum()


@given(st.text(max_size=60))
def test_whatever_is_no_cursor_is_refused(text):
    with pytest.raises(InvalidInput, match="begin without a cursor"):
        Cursor.read(text)


@given(metadatas)
def test_metadata_come_back(metadata):
    assert metadata_from(metadata_text(metadata)) == metadata


@given(texts)
def test_folding_forgets_case_and_composition(text):
    assert folded(folded(text)) == folded(text)
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))


@given(st.text(st.characters(codec="ascii"), max_size=30))
def test_folding_forgets_ascii_case(text):
    assert folded(text.upper()) == folded(text.lower())
