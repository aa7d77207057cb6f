"""Pages over runs and evaluations: what they say, and that nothing which lies there can break or abuse them.

1. A log is read while it grows: a line without its end waits, a broken one is told with its number.
2. Three bad runs say why they failed, the cause before what follows; a good one says nothing.
3. A chart is where one computes it by hand; several seeds become a mean and a band.
4. Every text shows as text; broken and foreign files are told, and no page is a traceback.
5. Who does not have the word, asks by another name or from another page, is not let in.
6. Nothing outside the folder is shown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from turnwise.agents.control import Standing, hold
from turnwise.agents.control.folder import HIDDEN, write_standing
from turnwise.servers.pages.guard import Guard
from turnwise.servers.pages.writing import ago, coded, shown, size
from turnwise.trainers.pages.alerts import alerts
from turnwise.trainers.pages.charts import Curve, chart, labels
from turnwise.trainers.pages.curves import charts_of_seeds
from turnwise.trainers.pages.lines import lines_of
from turnwise.trainers.pages.places import Places
from turnwise.trainers.pages.run import Run, read_run
from turnwise.trainers.pages.seeds import counted
from turnwise.trainers.pages.site import site

WORD = "word"
EVIL = "<script>alert(1)</script>\x1b[2J\u202eevil"
HEALTHY = {
    "reward": 0.5,
    "reward_std": 0.4,
    "success_rate": 0.5,
    "entropy": 0.8,
    "rollout/malformed": 0.0,
    "rollout/episodes": 8.0,
    "rollout/errors": 0.0,
    "credit/dead_groups": 0.1,
    "approx_kl": 0.01,
    "mismatch_kl": 1e-9,
    "loss": 0.1,
}


def log_of(num: int, **figures: Any) -> list[dict[str, Any]]:
    """Return a log of updates; a figure may be a list with a value for each."""
    entries = []
    for place in range(num):
        now = {name: value[place] if isinstance(value, list) else value for name, value in figures.items()}
        entries.append({"kind": "update", "update": place + 1, "step_time": 1.0, **HEALTHY, **now})
    return entries


def write_run(folder: Path, entries: list[dict[str, Any]], recipe: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(recipe or '[train]\nnum_updates = 4\n[env]\nid = "a/b-v0"\n')
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return folder


def run_in(folder: Path) -> Run:
    return read_run(Places(folder).find("."))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with a healthy run, an evaluation and a run whose files are broken."""
    root = tmp_path / "runs"
    write_run(root / "good", [*log_of(4), {"kind": "eval", "update": 4, "eval/success_rate": 0.75}])
    bad = write_run(root / "bad", log_of(1), "not toml =")
    with (bad / "log.jsonl").open("a") as file:
        file.write('{"kind": "upd\n[1]\n{"kind": "update", "update": "two", "reward": {}}\n')
    played = root / "played"
    played.mkdir()
    (played / "settings.json").write_text(json.dumps({"agent": EVIL, "environment": EVIL}))
    rows = [{"seed": place, "task": EVIL, "success": place == 0, "end": "terminated"} for place in range(4)]
    rows.append({"seed": 9, "task": "x", "success": None, "end": "error", "error": EVIL, "return": "much"})
    (played / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    with TestClient(Guard(site(runs), WORD), base_url="http://127.0.0.1") as client:
        yield client


def test_a_log_is_read_while_it_grows(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"update": 1}\n{"upda')
    assert [row["update"] for row in lines_of(file).rows] == [1]
    with file.open("a") as more:
        more.write('te": 2}\nnonsense\n')
    found = lines_of(file)
    assert [row["update"] for row in found.rows] == [1, 2]
    assert found.wrong == ["log.jsonl, line 3: Expecting value: line 1 column 1 (char 0)"]
    other = tmp_path / "other"
    other.write_text('{"update": 7}\n')
    other.replace(file)
    assert [row["update"] for row in lines_of(file).rows] == [7]
    assert not lines_of(tmp_path / "nowhere").wrong  # not yet
    assert "cannot be read" in lines_of(tmp_path).wrong[0]


@pytest.mark.parametrize(
    ("running", "state", "says"),
    [
        (True, "going on", "going on"),
        (False, "going on", "stopped"),
        (False, "done", "done"),
        (True, "done", "going on"),  # begun again
    ],
)
def test_a_run_that_has_ended_early_does_not_go_on(
    tmp_path: Path, running: bool, state: str, says: str
) -> None:
    """Its log was written just now, and it has fewer updates than its recipe asks for: max_seconds, say."""
    folder = write_run(tmp_path / "run", log_of(3))
    with hold(folder, "training") if running else nullcontext():
        (folder / HIDDEN).mkdir(exist_ok=True)
        write_standing(folder, Standing("training", os.getpid(), state))
        assert run_in(folder).standing == says


@pytest.mark.parametrize(
    ("figures", "first"),
    [
        ({}, "quiet"),
        ({"reward": 0.0, "reward_std": 0.0, "success_rate": 0.0, "credit/dead_groups": 1.0}, "no reward"),
        (
            {"rollout/malformed": 1.0, "reward": 0.0, "reward_std": 0.0, "credit/dead_groups": 1.0},
            "malformed",
        ),
        (
            {
                "entropy": [0.9, 0.8, 0.4, *[0.001] * 9],
                "success_rate": [0.5, 0.4, 0.2, *[0.0] * 9],
                "credit/dead_groups": 1.0,
            },
            "collapse",
        ),
        ({"loss": [0.1] * 11 + [float("nan")]}, "number"),
        ({"mismatch_kl": 0.3}, "mismatch"),
        ({"rollout/errors": 4.0, "rollout/causes": {"the fuse has blown": 4}}, "errors"),
        ({"entropy": [0.9] * 6 + [0.001] * 6, "success_rate": 0.98}, "quiet"),
    ],
)
def test_a_run_says_why_it_failed(tmp_path: Path, figures: dict[str, Any], first: str) -> None:
    found = alerts(run_in(write_run(tmp_path / "run", log_of(12, **figures))))
    assert found[0].about == first
    assert (found[0].level == "good") == (first == "quiet")


def test_an_alert_names_the_update_since_which_it_holds(tmp_path: Path) -> None:
    shares = [0.0] * 4 + [0.9] * 8
    (alert,) = alerts(run_in(write_run(tmp_path / "run", log_of(12, **{"rollout/malformed": shares}))))
    assert "since update 5" in alert.text
    assert alert.title == "The parser rejects 72 % of the messages"  # of the last ten


def test_a_chart_stands_where_one_computes_it() -> None:
    drawn = chart("a", "A", "", [Curve("a", [(0, 0.0), (10, 1.0)], [(0, 0.0, 0.5), (10, 0.5, 1.0)])], (0, 1))
    assert drawn is not None
    assert (drawn.left, drawn.right, drawn.bottom) == (44, 352, 166)  # 360 x 190 less its margins
    assert drawn.curves[0].line == "M44.0 166.0L352.0 8.0"
    assert drawn.curves[0].band == "M44.0 87.0L352.0 8.0L352.0 87.0L44.0 166.0Z"
    assert drawn.rows == [(166.0, "0"), (87.0, "0.5"), (8.0, "1.0")]
    assert drawn.said == "a: from 0 to 1, between 0 and 1, updates 0 to 10"
    flat = chart("b", "B", "", [Curve("b", [(1, 5.0)])])
    assert flat is not None and flat.curves[0].dots == [("352.0", "87.0")]
    assert chart("c", "C", "", [Curve("c", [])]) is None


def test_labels_of_an_axis_never_repeat() -> None:
    assert labels([0, 0.05, 0.1]) == ["0", "0.05", "0.10"]
    assert labels([1.2340, 1.2345, 1.2350]) == ["1.2340", "1.2345", "1.2350"]
    assert labels([0, 500, 1000, 1500]) == ["0", "0.5k", "1.0k", "1.5k"]
    assert labels([1_200_000, 1_200_500]) == ["1.2000M", "1.2005M"]
    assert labels([0, 2e-7, 4e-7]) == ["0", "2e-07", "4e-07"]
    narrow = chart("n", "N", "", [Curve("n", [(1, 0.50001), (3, 0.50004)])])
    assert narrow is not None and [label for _, label in narrow.columns] == ["1", "2", "3"]
    assert len({label for _, label in narrow.rows}) == len(narrow.rows) > 2


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=4),
    st.sampled_from([1e-300, 1e-17, 1e-13, 1e-6, 1.0, 1e5, 1e12]),
    st.sampled_from([0.0, 0.8222080663, -0.03, 5.4e-4, -245945.625]),
)
@example([1.2226913819536133e-23], 1e-300, 0.0)  # a number without room for steps around it
def test_every_chart_is_drawn_and_its_labels_differ(values: list[float], scale: float, middle: float) -> None:
    points = [(float(at), middle + scale * value) for at, value in enumerate(values)]
    drawn = chart("a", "A", "", [Curve("a", points)])
    assert drawn is not None
    shown = [label for _, label in drawn.rows]
    assert len(set(shown)) == len(shown) and max(map(len, shown)) < 14
    assert all(8 <= y <= 166.1 for y, _ in drawn.rows)


def test_backticks_are_code_and_stay_harmless(client: TestClient, runs: Path) -> None:
    assert (
        coded("see `turnwise play <ENV>` & more") == "see <code>turnwise play &lt;ENV&gt;</code> &amp; more"
    )
    assert coded("a lone ` <b>") == "a lone ` &lt;b&gt;"
    silent = {"reward": 0.0, "reward_std": 0.0, "success_rate": 0.0}
    write_run(
        runs / "silent",
        log_of(12, **silent),
        '[train]\nnum_updates = 12\nkeep = 2\n[credit]\nname = "rloo"\n',
    )
    page = client.get(f"/{WORD}/run?at=silent").text
    assert "<code>turnwise check ENV</code>" in page and "`" not in page
    assert "2 of 3 values are not the default" in page and "<strong>12</strong>" in page
    assert '<td class="mono">2</td>' in page


def test_seeds_become_a_mean_and_a_band(tmp_path: Path, client: TestClient, runs: Path) -> None:
    recipe = '[train]\nseed = {}\n[credit]\nname = "gigpo"\n'
    several = [
        run_in(write_run(runs / f"seed-{seed}", log_of(2, reward=[float(seed), 1.0]), recipe.format(seed)))
        for seed in (1, 3)
    ]
    (curve,) = next(found for found in charts_of_seeds(several) if found.id == "return").curves
    assert curve.line.startswith("M44.0 87.0L")  # the mean of 1 and 3 lies in the middle of 1 to 3
    page = client.get(f"/{WORD}/").text
    link = page.partition('href="seeds?of=')[2].partition('"')[0]
    assert "2 seeds" in client.get(f"/{WORD}/seeds?of={link}").text
    write_run(runs / "seed-3-again", log_of(2), recipe.format(3))
    assert "3 runs of 2 seeds" in client.get(f"/{WORD}/seeds?of={link}").text
    assert counted(several[:1] * 2) == "2 runs of 1 seed"


def test_every_text_shows_as_text_and_what_is_broken_is_told(client: TestClient) -> None:
    first = client.get(f"/{WORD}/").text
    assert "good</a>" in first and "log.jsonl, line 2" in first
    evaluation = client.get(f"/{WORD}/run?at=played").text
    assert "25.0 %" in evaluation  # one of four; the fifth failed by the machine's fault
    assert "&lt;script&gt;" in evaluation and "\\u202eevil" in evaluation
    broken = client.get(f"/{WORD}/run?at=bad")
    assert (
        broken.status_code == 200 and "recipe.toml: " in broken.text and "line 3: holds list" in broken.text
    )
    for page in (first, evaluation, broken.text):
        assert "<script>alert" not in page and "\x1b" not in page and "\u202e" not in page
        assert " style=" not in page and " on" + "click" not in page
    assert len(first) < 300_000


def test_a_page_changes_with_its_log_and_else_is_not_sent_again(client: TestClient, runs: Path) -> None:
    address = f"/{WORD}/run?at=good"
    tag = client.get(address).headers["etag"]
    assert client.get(address, headers={"if-none-match": tag}).status_code == 304
    with (runs / "good" / "log.jsonl").open("a") as log:
        log.write(json.dumps({"kind": "update", "update": 5, **HEALTHY}) + "\n")
    again = client.get(address, headers={"if-none-match": tag})
    assert again.status_code == 200 and "5 of 4" in again.text


def test_only_who_has_the_word_and_asks_by_our_name_is_let_in(client: TestClient) -> None:
    page = client.get(f"/{WORD}/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    refused = {
        "no word": client.get("/"),
        "another": client.get("/other/run?at=good"),
        "rebound": client.get(f"/{WORD}/", headers={"host": "attacker.example"}),
        "foreign": client.get(f"/{WORD}/", headers={"origin": "http://attacker.example"}),
        "post": client.post(f"/{WORD}/", json={}),
    }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 403)
    assert all("content-security-policy" in answer.headers for answer in refused.values())
    assert client.get(f"/{WORD}/page.js").headers["content-type"].startswith("text/javascript")


def test_nothing_outside_the_folder_is_shown(client: TestClient, runs: Path) -> None:
    secret = write_run(runs.parent / "secret", log_of(1))
    (runs / "link").symlink_to(secret)
    for at in ("../secret", "good/../../secret", "link", str(secret), "", "nowhere", "\0", "a" * 5000):
        answer = client.get(f"/{WORD}/run", params={"at": at})
        assert answer.status_code == 404 and "neither a run" in answer.text
    assert "link" not in [place.at for place in Places(runs).list()]
    assert client.get(f"/{WORD}/nowhere").status_code == 404
    answer = client.get(f"/{WORD}/run")
    assert answer.status_code == 404 and "lacks or has wrong: at" in answer.text


def test_long_texts_are_cut_with_their_size_said() -> None:
    cut = shown("a" * 50_000_000, 10)
    assert (cut.text, cut.left_out) == ("a" * 10, "50.0 MB long; the first 10 bytes are shown")
    assert shown("short").left_out == ""
    assert [size(num) for num in (0, 999, 1500, 2_500_000)] == ["0 bytes", "999 bytes", "1.5 kB", "2.5 MB"]
    assert [ago(seconds) for seconds in (1, 30, 70, 7200)] == [
        "just now",
        "30 s ago",
        "a minute ago",
        "2 hours ago",
    ]
