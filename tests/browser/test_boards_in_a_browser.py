"""Leaderboards in a real Chromium: of folders, of a server, as one file; hostile text, keyboard, phone.

1. Every page is clicked through as `test_pages_in_a_browser` checks all pages.
2. A board of a server that is not public opens with the key as the password, and two runs are chosen and
   compared with the keyboard alone.
3. The file that `turnwise board` writes runs no script and asks for nothing.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from turnwise.agents.evaluation.results import EvalRow
from turnwise.servers.benchmarks.frozen import freeze
from turnwise.servers.benchmarks.signing import Operator


def sibling(name: str) -> Any:
    """Return another module of this folder."""
    spec = spec_from_file_location(f"browser_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


common, pages_checked = sibling("conftest"), sibling("test_pages_in_a_browser")
EVIL, ROOT, Pages = common.EVIL, common.ROOT, common.Pages
PICTURES, check, follow, keep = (
    getattr(pages_checked, name) for name in ("PICTURES", "check", "follow", "keep")
)
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
ROW = EvalRow("t", 0, True, 1.0, None, 2, 1, 0.5, 0, 0, "terminated", None, 0.5, "f")


def evaluations(folder: Path) -> None:
    """Write evaluations of the same tasks; every text of one is markup."""
    for number, name in enumerate([EVIL, "small model", "large model", "expert"]):
        place = folder / f"agent-{number}"
        place.mkdir()
        settings = {"environment": "household/mix-v0", "kwargs": {}, "agent": name}
        (place / "settings.json").write_text(json.dumps(settings))
        rows = [replace(ROW, seed=seed, success=seed * 7 % 20 < 6 * number) for seed in range(40)]
        (place / "rows.jsonl").write_text("".join(json.dumps(row.document()) + "\n" for row in rows))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluations")
    evaluations(folder)
    return folder


def test_boards_of_folders_are_clicked_through(page: Any, played: Path) -> None:
    pages = Pages("view", str(played))
    try:
        page.goto(pages.address)
        follow(page, "Leaderboards")
        check(page, "boards")
        follow(page, "household/mix-v0")
        check(page, "board", picture=True)
        assert page.locator("main svg path").count() == 7 and "small model" in page.content()
        page.get_by_role("button", name="Compare the two").click()
        page.wait_for_load_state()
        check(page, "board-pair")
        assert "McNemar" in page.content()
    finally:
        pages.end()


def test_a_board_as_a_file_asks_for_nothing(page: Any, played: Path) -> None:
    out = played / "board.html"
    places = [str(place) for place in sorted(played.glob("agent-*"))]
    subprocess.run([sys.executable, "-m", "turnwise", "board", *places, "--out", str(out)], check=True)
    page.goto(out.as_uri())
    assert page.title() == "Leaderboard" and page.locator("script, img, link").count() == 0
    assert page.problems == [] and page.asked == [out.as_uri()]
    assert page.locator("main svg path").count() == 7 and page.locator("table").count() == 2
    style = page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse")
    assert style == "collapse"  # the policy lets the style sheet of the page apply


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Return the address of a server with a journal of runs, and a key of theirs."""
    sys.path.insert(0, str(ROOT / "benchmarks" / "hosted"))
    from board import FILE, SECRET, fill

    folder = tmp_path_factory.mktemp("hosted")
    (folder / "many.toml").write_text(FILE)
    operator = Operator.new(folder / "operator")
    filling = fill(folder / "journal.db", freeze(folder / "many.toml", operator.master), operator, 120)
    with ThreadPoolExecutor(1) as thread:  # the loop of the browser runs in this one
        thread.submit(asyncio.run, filling).result()
    (folder / "keys").write_text(f"key1 {SECRET} benchmark=many\n")
    (folder / "keys").chmod(0o600)
    words = {"benchmark": "many.toml", "operator": "operator", "journal": "journal.db", "key-file": "keys"}
    flags = [word for name, file in words.items() for word in (f"--{name}", str(folder / file))]
    port = folder / "port"
    command = [sys.executable, "-m", "turnwise", "serve", "--port", "0", "--port-file", str(port), *flags]
    served = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not port.exists():
        assert served.poll() is None
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port.read_text().strip()}/board/", SECRET
    served.terminate()
    served.wait(60)


def test_a_board_of_a_server_opens_with_a_key(page: Any, browser: Any, board: tuple[str, str]) -> None:
    address, key = board
    page.goto(address)
    assert "no board that you may see" in page.content() and "Those of a key" in page.content()
    context = browser.new_context(http_credentials={"username": "me", "password": key})
    page = context.new_page()
    page.set_default_timeout(240_000)
    page.problems, page.asked = [], []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(f"{address}mine")
    check(page, "boards-of-a-server")
    follow(page, "many")
    check(page, "board-of-a-server")
    if PICTURES:
        keep(page, Path(PICTURES) / "view-leaderboard.png")
    assert "120 runs" in page.content() and "(this key)" in page.content()
    follow(page, "next page")
    assert "101 to 120" in page.content()
    page.locator("input[name=b]").first.focus()
    for key_name in ("ArrowDown", "ArrowDown"):
        page.keyboard.press(key_name)
    page.keyboard.press("Enter")  # a form is sent from within it
    page.wait_for_url("**/board-pair**")
    check(page, "board-pair-of-a-server")
    assert "Fisher" in page.content()
    context.close()
