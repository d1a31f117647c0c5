"""What an application's hooks may do to new files, on every way, and when they hear of finished ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.core.house import ALICE, CONTENT, House, Stories, drive, every_point, new

from partway.core.blocking import run_straight
from partway.core.copies import NewCopy
from partway.core.file import Caller, File, UploadStatus
from partway.core.hooks import ApplicationHooks, Hooks
from partway.core.initiation import NewUpload
from partway.core.ports import FileQuery
from partway.core.upkeep import Upkeep
from partway.core.uploads import Uploads
from partway.errors import InvalidInput, PartwayError, PolicyRefused, Refused


class Application:
    """Files everything in its inbox, and hears of what is finished."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.finished: list[File] = []

    def before_initiate(self, draft: NewUpload, caller: Caller) -> NewUpload:
        self.asked.append((draft.file_name, caller.id))
        return replace(draft, folder="inbox", metadata={**draft.metadata, "by": caller.name})

    def after_complete(self, file: File) -> None:
        self.finished.append(file)


class AwaitedApplication:
    """The same by coroutines."""

    def __init__(self) -> None:
        self.plain = Application()
        self.asked, self.finished = self.plain.asked, self.plain.finished

    async def before_initiate(self, draft: NewUpload, caller: Caller) -> NewUpload:
        return self.plain.before_initiate(draft, caller)

    async def after_complete(self, file: File) -> None:
        self.plain.after_complete(file)


class Saying:
    """Answers each draft in one way."""

    def __init__(self, answer: Callable[[NewUpload], Any]) -> None:
        self.answer = answer

    def before_initiate(self, draft: NewUpload, caller: Caller) -> NewUpload | None:
        answer: NewUpload | None = self.answer(draft)
        return answer


class Deaf:
    """Cannot hear of finished files."""

    def after_complete(self, file: File) -> None:
        raise RuntimeError("deaf")


def raising(error: Exception) -> ApplicationHooks:
    def answer(_: NewUpload) -> None:
        raise error

    return Saying(answer)


def initiate(house: House) -> File:
    return run_straight(house.calm.uploads.initiate(new(), caller=ALICE)).file


def batch(house: House) -> File:
    return batched(house, CONTENT)


def batch_of_single_puts(house: House) -> File:
    return batched(house, b"few")


def batched(house: House, content: bytes) -> File:
    (begun,) = drive(house.stories.batches.initiate([new(content)], caller=ALICE))
    if isinstance(begun, PartwayError):
        raise begun
    file: File = begun.file
    return file


def send_small_form(house: House) -> File:
    return run_straight(house.calm.proxied.store_small(new(), CONTENT, caller=ALICE))


def send_large_form(house: House) -> File:
    return run_straight(house.calm.proxied.begin(new(), caller=ALICE))


def copy(house: House) -> File:
    unasked = Uploads(store=house.store, records=house.records, settings=house.settings, clock=house.clock)
    source = run_straight(unasked.initiate(new(), caller=ALICE))
    house.send(source.signed, CONTENT)
    run_straight(unasked.complete(source.file.id, caller=ALICE))
    return run_straight(house.calm.copies.copy(source.file.id, NewCopy(), caller=ALICE))


WAYS = [initiate, batch, batch_of_single_puts, send_small_form, send_large_form, copy]


def begun(house: House) -> list[File]:
    """All that began and is not finished: not the source of a copy."""
    found = run_straight(house.records.page(FileQuery())).files
    return [file for file in found if file.upload_status is not UploadStatus.COMPLETED]


@pytest.mark.parametrize("application", [Application, AwaitedApplication])
@pytest.mark.parametrize("powers", [True, False])
@pytest.mark.parametrize("begin", WAYS)
def test_however_a_file_begins_the_application_is_asked_once(
    begin: Callable[[House], File], powers: bool, application: type[Application] | type[AwaitedApplication]
) -> None:
    asked = application()
    file = begin(House(hooks=asked, powers=powers))
    assert asked.asked == [("notes.txt", "alice")]
    assert file.key.startswith("files/inbox/")
    assert file.metadata == {"by": "Alice"}


@pytest.mark.parametrize(
    "error",
    [PolicyRefused("Not on Sundays.", code="sunday"), Refused("Not for you.", code="not_yours"), InvalidInput("No.")],
)
@pytest.mark.parametrize("begin", WAYS)
def test_what_the_application_refuses_leaves_nothing(begin: Callable[[House], File], error: PartwayError) -> None:
    house = House(hooks=raising(error))
    with pytest.raises(type(error)) as refusal:
        begin(house)
    assert refusal.value is error
    assert begun(house) == []


@pytest.mark.parametrize("begin", WAYS)
@pytest.mark.parametrize(
    "hooks",
    [
        raising(KeyError("unforeseen")),
        Saying(lambda draft: replace(draft, file_size=draft.file_size + 1)),
        Saying(lambda draft: replace(draft, num_parts=1, part_size=100)),
        Saying(lambda _: "a text"),
    ],
    ids=["raises", "another size", "another plan", "no draft"],
)
def test_a_hook_that_goes_wrong_is_logged_and_leaves_nothing(
    begin: Callable[[House], File], hooks: ApplicationHooks, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(hooks=hooks)
    with pytest.raises(PartwayError) as refusal:
        begin(house)
    assert refusal.value.error_code == "internal_error"
    assert "unforeseen" in caplog.text
    assert begun(house) == []


def test_what_a_hook_changes_is_checked_like_what_a_client_sends() -> None:
    house = House(hooks=Saying(lambda draft: replace(draft, folder="../up")))
    with pytest.raises(InvalidInput):
        initiate(house)


def test_a_hook_may_take_a_file_as_it_is() -> None:
    assert initiate(House(hooks=Saying(lambda _: None))).file_name == "notes.txt"


def test_each_file_of_a_batch_is_asked_about_before_any_is_reserved() -> None:
    def answer(draft: NewUpload) -> None:
        if draft.file_name == "b":
            raise PolicyRefused("Not b.", code="not_b")
        assert begun(house) == []

    house = House(hooks=Saying(answer))
    asked = [new(b"few", file_name=name) for name in "abc"] + [new(file_name="d")]
    outcomes = run_straight(house.calm.batches.initiate(asked, caller=ALICE))
    assert [isinstance(each, PolicyRefused) for each in outcomes] == [False, True, False, False]
    assert len(begun(house)) == 3


def test_a_repeated_request_with_the_same_answer_gives_the_same_file() -> None:
    application = Application()
    house = House(hooks=application)
    first, again = (house.begin(key="again") for _ in range(2))
    assert first.id == again.id
    assert len(application.asked) == 2


def test_the_application_hears_of_each_finished_file_once() -> None:
    application = Application()
    house = House(hooks=application)
    uploaded = house.finished()
    run_straight(house.calm.uploads.complete(uploaded.id, caller=ALICE))
    sent = send_small_form(house)
    copied = run_straight(house.calm.copies.copy(uploaded.id, NewCopy(), caller=ALICE))
    small = run_straight(house.calm.batches.initiate([new(b"few"), new(b"two")], caller=ALICE))
    ids = []
    for each in small:
        assert not isinstance(each, PartwayError)
        house.send(each.signed, b"few")
        ids.append(each.file.id)
    run_straight(house.calm.batches.complete(ids, caller=ALICE))
    heard = [file.id for file in application.finished]
    assert heard[:3] == [uploaded.id, sent.id, copied.id]
    assert sorted(heard[3:]) == sorted(ids)
    assert {file.upload_status for file in application.finished} == {UploadStatus.COMPLETED}


def test_the_application_hears_of_what_upkeep_completes_and_not_of_what_failed() -> None:
    application = Application()
    house = House(hooks=application)
    stuck, wrong = house.uploaded(), house.begin()
    run_straight(house.records.change(stuck.id, upload_status=UploadStatus.COMPLETING))
    house.plant(wrong, b"something else")
    house.clock.wait(house.settings.upload_ttl + 1)
    assert run_straight(upkeep_of(house).run()).completed == 1
    assert [file.id for file in application.finished] == [stuck.id]


def upkeep_of(house: House) -> Upkeep:
    calm = house.calm
    return Upkeep(
        records=house.records, uploads=calm.uploads, settling=calm.uploads.settling, trash=calm.trash, clock=house.clock
    )


def dying_house(
    application: Application, tell: Callable[[House], Coroutine[Any, Any, Any]]
) -> Iterator[tuple[House, int]]:
    """A house that was left at each point of a story, and then to its upkeep; with what that told of."""

    def prepared(house: House) -> Coroutine[Any, Any, Any]:
        application.finished.clear()
        house.hooks = Hooks(application)
        house.stories = Stories(house, paused=True, powers=True)
        house.calm = Stories(house, paused=False, powers=True)
        return tell(house)

    for house in every_point(prepared):
        house.clock.wait(61)
        yield house, run_straight(upkeep_of(house).run()).told


def complete_one(house: House) -> Coroutine[Any, Any, Any]:
    return house.stories.uploads.complete(house.uploaded().id, caller=ALICE)


def complete_batch(house: House) -> Coroutine[Any, Any, Any]:
    files = []
    for each in run_straight(house.calm.batches.initiate([new(b"few"), new(b"two")], caller=ALICE)):
        assert not isinstance(each, PartwayError)
        house.send(each.signed, b"few")
        files.append(each.file.id)
    return house.stories.batches.complete(files, caller=ALICE)


@pytest.mark.parametrize("tell", [complete_one, complete_batch])
def test_wherever_a_process_dies_the_application_hears_of_what_is_finished(
    tell: Callable[[House], Coroutine[Any, Any, Any]],
) -> None:
    application = Application()
    told_by_upkeep = 0
    for house, told in dying_house(application, tell):
        finished = {file.id for file in house.records._files.values() if file.completed}
        assert {file.id for file in application.finished} == finished
        assert all(file.untold is None for file in house.records._files.values())
        heard = len(application.finished)
        house.clock.wait(61)
        assert run_straight(upkeep_of(house).run()).told == 0
        assert len(application.finished) == heard
        told_by_upkeep += told
    assert told_by_upkeep > 0


def test_without_a_hook_nobody_is_to_be_told() -> None:
    assert House().finished().untold is None
    hooks = Saying(lambda _: None)
    assert House(hooks=hooks).finished().untold is None


def test_what_after_complete_raises_is_logged_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    house = House(hooks=Deaf())
    assert house.finished().upload_status is UploadStatus.COMPLETED
    with caplog.at_level(logging.ERROR):
        assert "after_complete" in caplog.text
        assert "deaf" in caplog.text


def test_plain_hooks_are_called_as_told_and_coroutines_are_awaited() -> None:
    called: list[str] = []

    async def call(function: Callable[..., Any], *args: Any) -> Any:
        called.append(function.__name__)
        return function(*args)

    for application, expected in ((Application(), ["after_complete"]), (AwaitedApplication(), [])):
        called.clear()
        run_straight(Hooks(application, call=call).after_complete(House().begin()))
        assert called == expected
        assert len(application.finished) == 1
