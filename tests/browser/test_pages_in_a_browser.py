"""The pages in a real Chromium: every one clicked through, by people who cannot see, and by keyboard alone.

1. Each page: no error of script or policy, no request to elsewhere, no violation that axe-core finds in
   light and dark, no wider than a phone, under 300 kB; markup in every text is text.
2. The first screen of each planted run says why it failed.
3. A run is shown at most two seconds after its log is written, without a reload.
4. An episode is played with the keyboard alone.
5. A run is paused and stopped from its page, a session is taken over from a policy and given back, and the
   expert is watched from a fork of it.

With TURNWISE_PICTURES=FOLDER screenshots are kept there.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.agents.control import Control, Wish, hold

ROOT = Path(__file__).resolve().parents[2]
AXE = Path(os.environ.get("TURNWISE_AXE", ROOT / ".browser" / "package" / "axe.min.js"))
PICTURES = os.environ.get("TURNWISE_PICTURES")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
PHONE, SCREEN = {"width": 390, "height": 800}, {"width": 1100, "height": 800}
REASONS = {
    "silent": "No episode was ever given a reward",
    "leaping": "The policy collapsed",
    "unread": "The parser rejects",
}


def check(page: Any, name: str, picture: bool = False) -> None:
    """Hold a page that is open to everything that holds for all."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run()") if inject(page) else {"violations": []}
        violations = [
            (one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found["violations"]
        ]
        assert violations == [], f"{name} in {scheme}: {violations}"
    page.emulate_media(color_scheme="light")
    if picture and PICTURES:
        keep(page, Path(PICTURES) / f"view-{name}.png")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], f"{name} on a phone"
    page.set_viewport_size(SCREEN)
    assert page.title() != "taken" and page.locator("img").count() == 0, name
    assert len(page.content()) < 300_000, name
    assert page.problems == [], f"{name}: {page.problems}"
    assert {url.split("/")[2] for url in page.asked if "://" in url} == {page.url.split("/")[2]}


def keep(page: Any, path: Path) -> None:
    """Keep a screenshot, in few colours, so that it is small."""
    from PIL import Image

    page.set_viewport_size({"width": 900, "height": 640})
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(96).save(path, optimize=True)
    page.set_viewport_size(SCREEN)


def inject(page: Any) -> bool:
    """Put axe-core into a page through the debugger, where no policy of the page applies."""
    if not AXE.is_file():
        pytest.fail(f"{AXE} is not there: make test-browser fetches it")
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE.read_text()} }} }}")
    return True


def follow(page: Any, text: str) -> None:
    page.get_by_role("link", name=text).first.click()
    page.wait_for_load_state()


def test_every_page_of_runs_is_clicked_through(page: Any, runs: str) -> None:
    page.goto(runs)
    check(page, "runs", picture=True)
    follow(page, "hostile")
    check(page, "run")
    follow(page, "Trajectories")
    check(page, "episodes")
    page.get_by_label("words").fill("onerror")
    page.get_by_role("button", name="Filter").click()
    assert "4 trajectories" in page.locator("#now").inner_text()
    page.locator("tbody a").first.click()
    check(page, "episode", picture=True)
    follow(page, "as a tree")
    check(page, "tree", picture=True)
    page.go_back()
    follow(page, "episode 2")
    check(page, "pair", picture=True)
    page.goto(runs)
    follow(page, "evaluated")
    check(page, "evaluation")
    page.goto(runs + "run?at=nowhere")
    page.problems.clear()  # Chromium tells of the 404
    check(page, "wrong")


@pytest.mark.parametrize("name", list(REASONS))
def test_the_first_screen_of_a_planted_run_says_why_it_failed(page: Any, runs: str, name: str) -> None:
    page.goto(runs)
    follow(page, name)
    first = page.locator(".alert").first
    assert REASONS[name] in first.inner_text()
    box = first.bounding_box()
    assert box["y"] + box["height"] <= SCREEN["height"]
    check(page, name, picture=True)


def test_a_run_is_shown_while_it_goes_on(page: Any, runs: str, planted: Path) -> None:
    page.goto(runs + "run?at=hostile")
    page.wait_for_timeout(1500)
    with (planted / "hostile" / "log.jsonl").open("a") as log:
        log.write(json.dumps({"kind": "update", "update": 77, "reward": 0.5, "success_rate": 0.5}) + "\n")
    page.locator("#now", has_text="77 of 2").wait_for()


def test_an_episode_is_played_with_the_keyboard_alone(page: Any, server: str) -> None:
    page.goto(server)
    check(page, "server")
    page.keyboard.press("/")  # to the choice of environments
    page.keyboard.type("household/demo")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # with the expert's hints
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/session*")
    check(page, "session", picture=True)
    for _ in range(40):
        hint = page.locator("details pre")
        if not hint.count():
            break
        page.keyboard.press("/")  # focus is there already: the first key must not be lost
        page.keyboard.press("Control+A")
        page.keyboard.type(hint.text_content())
        before = page.locator(".log pre").count()
        page.keyboard.press("Enter")
        page.locator(".log pre").nth(before + 1).wait_for()  # what was done, and what it led to
    assert ", won" in page.locator("main").inner_text()
    check(page, "won")


def taken(page: Any, control: Control) -> Any:
    """Wait for what a page asks."""
    while not (found := control.take()):
        page.wait_for_timeout(50)
    return found[0]


def test_a_run_is_paused_bounded_and_stopped_from_its_page(page: Any, climbing: tuple[Path, str]) -> None:
    run, address = climbing
    with hold(run, "training") as control:
        page.goto(address)
        page.locator("#control-on").focus()
        page.keyboard.press("Enter")
        asked = taken(page, control)
        assert asked.wish == Wish("pause")
        control.answer(asked, "paused after update 12, and saved")
        control.note("paused", "after update 12")
        page.get_by_role("button", name="Go on").wait_for()
        page.locator("#control-value").fill("40")
        control.answer(asked, "a line more, while somebody writes")  # what is written stays
        page.get_by_role("cell", name="a line more").wait_for()
        page.keyboard.press("Enter")
        asked = taken(page, control)
        assert asked.wish == Wish("limit", {"updates": 40.0})
        control.answer(asked, "train.num_updates = 40, kept in the recipe of the run")
        page.get_by_role("cell", name="num_updates = 40").wait_for()
        check(page, "control", picture=True)
        page.get_by_role("button", name="Stop after this update").click()
        assert taken(page, control).wish == Wish("stop")
    page.goto(address)
    assert page.get_by_role("button", name="Pause").count() == 0
    assert "turnwise train --resume --out" in page.locator("#control-log").inner_text()


def test_a_session_is_taken_over_given_back_and_its_fork_played_by_the_expert(
    page: Any, server: str, served: str
) -> None:
    body = {"env_id": "household/demo-v0", "seed": 3, "options": {"expert": True}, "request_id": "policy"}
    with httpx.Client(base_url=served, headers={"authorization": "Bearer " + "k" * 24}, timeout=60) as policy:
        id = policy.post("/v1/sessions", json=body).json()["sessions"][0]["id"]

        def step(turn: int) -> httpx.Response:
            return policy.post(f"/v1/sessions/{id}/step", json={"episode": 0, "turn": turn, "action": "look"})

        assert step(0).status_code == 200
        page.goto(server)
        follow(page, id)
        check(page, "followed", picture=True)
        page.get_by_role("button", name="Fork from here").click()
        page.get_by_role("button", name="Watch the expert play").click()
        page.get_by_text("the expert plays").wait_for()
        check(page, "expert")
        page.locator("main", has_text=", won").wait_for()
        page.goto(server + f"session?id={id}")
        page.keyboard.press("/")
        page.keyboard.type("it goes in circles")
        page.keyboard.press("Enter")
        page.get_by_text("Taken over from a policy").wait_for()
        assert step(1).json()["code"] == "taken_over" and "in circles" in step(1).text
        page.keyboard.type("inventory")
        page.keyboard.press("Enter")
        page.locator(".log pre.you").wait_for()
        check(page, "taken", picture=True)
        page.get_by_role("button", name="Give it back").click()
        assert step(1).status_code == 409 and step(2).status_code == 200
