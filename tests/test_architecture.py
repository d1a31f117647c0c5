"""The shape of the house: who may import whom, how long files are, what is named and what is explained."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from partway import errors
from partway.wire import problems

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "partway"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "django/migrations" not in path.as_posix())

#: Room → the rooms that it may import, besides itself. Imports point up only.
MAY_IMPORT = {
    "errors": set[str](),
    "core": {"errors"},
    "s3": {"errors", "core"},
    "threads": {"errors", "core"},
    "waiting": {"errors", "core"},
    "contracts": {"errors"},
    "stores": {"errors", "core", "s3", "threads", "contracts"},
    "records": {"errors", "core", "threads", "waiting", "contracts"},
    "webhooks": {"errors", "core"},
    "detection": {"errors"},
    "bucket": {"errors", "core", "threads", "stores"},
    "wire": {"errors", "core"},
    "fastapi": {"errors", "core", "s3", "threads", "waiting", "stores", "bucket", "wire"},
    "django": {"errors", "core", "s3", "threads", "stores", "records", "detection", "wire"},
    "client": {"errors", "core"},
    "service": {
        *("errors", "core", "s3", "threads", "stores", "records"),
        *("webhooks", "detection", "bucket", "wire", "fastapi"),
    },
    "cli": {
        *("errors", "core", "s3", "threads", "stores", "records"),
        *("webhooks", "detection", "bucket", "wire", "fastapi", "service", "client"),
    },
}
#: Room → foreign modules that it may not import.
MAY_NOT_IMPORT = {
    **{room: {"django"} for room in MAY_IMPORT},
    "django": {"fastapi", "sqlalchemy"},
    "s3": {"django", "asyncio", "socket", "http", "aiohttp", "urllib3", "requests", "ssl", "boto3", "botocore"},
}
#: Rooms that need nothing but the standard library.
STANDARD_ONLY = {"errors", "core", "s3", "client"}
FORBIDDEN_IN_CORE = {"asyncio", "socket", "ssl", "http", "threading", "subprocess"}
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "managers", "manager"}
WRITTEN_FOR_DJANGO = {"Meta"}  #: says what it is by its place
MAX_LINES = 400


def room_of(path: Path) -> str | None:
    """The room that a module belongs to; the package itself is none."""
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def imports_of(tree: ast.AST) -> Iterator[str]:
    """The full name of every module that is imported, wherever in the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where they point"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(room: str, source: str) -> list[str]:
    """The imports of a module that its room may not make."""
    found = []
    for name in imports_of(ast.parse(source)):
        top, *rest = name.split(".")
        if top == "partway":
            # `from partway import __version__` asks the package itself.
            allowed = not rest or rest[0] == "__version__" or rest[0] in {room, *MAY_IMPORT[room]}
        else:
            allowed = top not in MAY_NOT_IMPORT[room] and not (room == "core" and top in FORBIDDEN_IN_CORE)
            allowed = allowed and (room not in STANDARD_ONLY or top in sys.stdlib_module_names)
        if not allowed:
            found.append(name)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_up_only(path: Path) -> None:
    room = room_of(path)
    if room is not None:
        assert violations(room, path.read_text()) == []


@pytest.mark.parametrize(
    ("room", "planted"),
    [
        ("errors", "import partway.core.file"),
        ("core", "from partway.s3 import sigv4"),
        ("core", "import asyncio"),
        ("core", "def late():\n    from sqlalchemy import select"),
        ("s3", "import http.client"),
        ("s3", "from urllib3 import PoolManager"),
        ("stores", "from partway.records.memory import MemoryRecords"),
        ("records", "from partway import stores"),
        ("wire", "from partway.fastapi import answers"),
        ("client", "from partway.wire.problems import MEDIA_TYPE"),
        ("client", "from partway.fastapi import answers"),
        ("fastapi", "from partway.service.settings import read_settings"),
        ("cli", "import django.conf"),
    ],
)
def test_a_planted_violation_is_found(room: str, planted: str) -> None:
    assert len(violations(room, planted)) == 1


def test_every_room_has_its_rules() -> None:
    assert {room_of(path) for path in MODULES} - {None} <= MAY_IMPORT.keys()


def test_rooms_form_no_circle() -> None:
    settled: set[str] = set()
    while waiting := MAY_IMPORT.keys() - settled:
        free = {room for room in waiting if MAY_IMPORT[room] <= settled}
        assert free, f"these rooms may import each other in a circle: {sorted(waiting)}"
        settled |= free


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_are_short_named_for_what_they_hold_and_explained(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert not NAMES_THAT_SAY_NOTHING & set(path.relative_to(SOURCE).with_suffix("").parts)
    assert undocumented(ast.parse(text)) == []


def undocumented(module: ast.Module) -> list[str]:
    """The public names of a module that nobody explains. An empty module needs no words."""
    found = [] if not module.body or ast.get_docstring(module) else ["the module"]
    waiting: list[ast.Module | ast.ClassDef] = [module]
    while waiting:
        for node in waiting.pop().body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            if node.name in WRITTEN_FOR_DJANGO:
                continue
            if not ast.get_docstring(node) and not _says_the_same_again(node):
                found.append(node.name)
            if isinstance(node, ast.ClassDef):
                waiting.append(node)
    return found


def _says_the_same_again(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator points at the declaration that has the words: an overload, or a property's setter."""
    names = {each.id if isinstance(each, ast.Name) else getattr(each, "attr", "") for each in node.decorator_list}
    return bool(names & {"overload", "setter"})


def test_an_unexplained_name_is_found() -> None:
    planted = '"""Words."""\nclass Shown:\n    """Words."""\n    def act(self): ...\n    def _hide(self): ...\n'
    assert undocumented(ast.parse(planted)) == ["act"]


def error_classes() -> list[type[errors.PartwayError]]:
    """The whole tree of errors."""
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.PartwayError)]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [each.__dict__.get("code") for each in error_classes()]
    assert None not in codes
    assert len(set(codes)) == len(codes)


def codes_in_code() -> set[str]:
    """Every literal `code="…"` that the server's side gives to an error."""
    trees = [ast.parse(path.read_text()) for path in MODULES if room_of(path) not in {"client", "cli"}]
    keywords = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    values = [each.value for each in keywords if each.arg == "code"]
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}


def test_every_code_on_the_wire_is_documented() -> None:
    documented = (ROOT / "docs" / "wire.md").read_text()
    said = {kind.code for kind in problems._STATUS_BY_CLASS} | set(problems._STATUS_BY_CODE) | codes_in_code()
    assert sorted(code for code in said if f"`{code}`" not in documented) == []
