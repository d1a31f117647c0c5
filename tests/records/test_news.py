"""News fit into notifications and come back whole; what is no news wakes, and does no harm."""

from hypothesis import given
from hypothesis import strategies as st

from partway.core.events import Progress
from partway.records.news import MAX_TEXT, News, read_news, write_news

numbers = st.integers(0, 2**63 - 1)
owners = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=255)
progress = st.builds(
    Progress,
    file_id=st.uuids(),
    owner=owners | st.sampled_from(["\x01" * 255, "\U0001f600" * 255]),
    uploaded_parts=numbers,
    num_parts=numbers,
    uploaded_size=numbers,
    file_size=numbers,
)


@given(numbers, st.lists(progress, max_size=80))
def test_news_come_back_in_texts_that_fit(position, progress):
    texts = list(write_news(News(position=position, progress=progress)))
    assert texts
    assert all(len(text.encode()) <= MAX_TEXT for text in texts)
    read = [read_news(text) for text in texts]
    assert [each for news in read for each in news.progress] == progress
    assert {news.position for news in read} == {position}


@given(
    st.text(max_size=30) | st.sampled_from(['[1,[["x","o",1,1,1,1]]]', "[1,[[]]]", "[[],[]]", "[1,2]", "{}", "[1,[1]]"])
)
def test_other_texts_are_news_of_nothing(text):
    assert read_news(text) == News()
