"""`PARTWAY_HOOKS`: the sample of docs/hooks.md in the service, and hooks that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partway.core.hooks import AfterComplete, BeforeInitiate
from partway.errors import Misconfigured
from partway.service.hooks import load_hooks
from tests.acceptance.api import SECRET, Api, assert_problem, put, token_for
from tests.servers.service import Service
from tests.service.test_commands import assert_one_line, run

DOCS = Path(__file__).parents[2] / "docs"
PROJECT = {"parent_content_type": "project", "parent_object_id": "7"}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the first sample of docs/hooks.md as a module, and with modules that are wrong."""
    directory = tmp_path_factory.mktemp("application")
    (sample,) = re.findall(r"```python\n(from dataclasses .*?)```", (DOCS / "hooks.md").read_text(), re.DOTALL)
    (directory / "sample_hooks.py").write_text(sample)
    (directory / "wrong_hooks.py").write_text("from sample_hooks import MyHooks\n\nnothing = object()\n")
    (directory / "broken_hooks.py").write_text("this is\nno Python\n")
    return directory


@pytest.fixture(scope="module")
def service(application: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {
        "PARTWAY_HOOKS": "sample_hooks:hooks",
        "PARTWAY_JWT_SECRET": SECRET,
        "PYTHONPATH": str(application),
    }
    with Service(tmp_path_factory.mktemp("service") / "data", env=env) as running:
        yield running


@pytest.fixture
def alice(service: Service) -> Api:
    return Api(service.url, token_for("alice"))


def described(**fields: Any) -> dict[str, Any]:
    return {"file_name": "plan.txt", "file_size": 4, "file_content_type": "text/plain", **fields}


def test_the_sample_refuses_in_its_own_words(alice: Api) -> None:
    refused = alice("POST", "/files/uploads", json=described())
    assert_problem(refused, 422, "project_required")
    problem = assert_problem(
        alice("POST", "/files/uploads", json=described(**PROJECT | {"parent_object_id": "9"})), 403, "no_member"
    )
    assert problem["detail"] == "You are no member of this project."
    form = alice("POST", "/files/upload", files={"file": ("plan.txt", b"plan")})
    assert_problem(form, 422, "project_required")
    batch = alice("POST", "/files/uploads/batch", json={"files": [described(), described(**PROJECT)]}).json()["uploads"]
    assert batch[0]["error"]["code"] == "project_required"
    assert batch[1]["s3_key"].startswith("files/projects/7/")


def test_the_sample_changes_what_begins_and_hears_of_what_is_finished(service: Service, alice: Api) -> None:
    begun = alice.initiate(**described(**PROJECT, folder="elsewhere"))
    assert begun["s3_key"].startswith("files/projects/7/")
    assert put(begun["presigned_urls"][0], b"plan").status_code == 200
    assert alice("POST", f"/files/uploads/{begun['id']}/complete").status_code == 200
    form = alice("POST", "/files/upload", files={"file": ("form.txt", b"plan")}, data=PROJECT)
    assert form.status_code == 201, form.text
    assert form.json()["s3_key"].startswith("files/projects/7/")
    said = service.log.read_text()
    assert said.count(f"plan.txt of alice is there: {begun['id']}") == 1
    assert said.count(f"form.txt of alice is there: {form.json()['id']}") == 1


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("no_such_module:hooks", "No module named"),
        ("sample_hooks:no_such", "no attribute"),
        ("broken_hooks:hooks", "SyntaxError"),
        ("wrong_hooks:nothing", "before_initiate"),
        ("wrong_hooks:MyHooks", "no class"),
        ("sample_hooks", "module:attribute"),
    ],
)
def test_hooks_that_cannot_be_used_stop_the_start_with_one_line(
    application: Path, tmp_path: Path, name: str, word: str
) -> None:
    env = {"PARTWAY_HOOKS": name, "PYTHONPATH": str(application)}
    assert_one_line(run("serve", "--data-dir", str(tmp_path), env=env), "PARTWAY_HOOKS", name, word)


def test_hooks_are_found_by_their_name(application: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(application))
    hooks = load_hooks("sample_hooks:hooks")
    assert isinstance(hooks, BeforeInitiate)
    assert isinstance(hooks, AfterComplete)
    assert load_hooks(None) is None
    with pytest.raises(Misconfigured):
        load_hooks("sample_hooks:MyHooks")
