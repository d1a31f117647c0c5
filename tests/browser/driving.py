"""What the tests do with the page, as a person would, and with the network beneath it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request, Route

from tests.servers.service import Service

MIB = 1024 * 1024


def write_random(path: Path, size: int) -> str:
    """A file of random bytes; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(0, size, MIB):
            chunk = os.urandom(min(MIB, size - file.tell()))
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def open_page(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/")
    page.wait_for_selector("html[data-ready]")


def card(page: Page, name: str) -> str:
    return f"#transfers .card:has(.name[title='{name}'])"


def wait_for(page: Page, name: str, state: str) -> None:
    page.wait_for_selector(f"{card(page, name)}.{state}")


def part_numbers(sent: list[Request]) -> list[int]:
    return sorted(int(parse_qs(urlsplit(request.url).query)["partNumber"][0]) for request in sent)


def slow_down(page: Page, *, after: int) -> Callable[[], None]:
    """Let `after` parts through and hold the others until the returned function is called."""
    state = {"passed": 0}

    def gate(route: Route) -> None:
        if route.request.method != "PUT" or state["passed"] < after:
            state["passed"] += route.request.method == "PUT"
            route.continue_()

    page.route("**/*partNumber=*", gate)
    return lambda: page.unroute("**/*partNumber=*")  # which lets go of those that are held, too


def until(condition: Callable[[], bool], page: Page, *, seconds: float = 60) -> None:
    """Let the page work until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        page.wait_for_timeout(50)
