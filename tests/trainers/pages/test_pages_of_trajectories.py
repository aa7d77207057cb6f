"""Pages over stored trajectories: lists, turns with credit, why one did not train, forks, and hostile text.

1. A list is filtered, sorted and paged; what cannot be right in an address asks for nothing.
2. A turn shows credit under the run's own method as computed by hand, and tokens shaded by logprob.
3. Why it did not train: error, single, dead group, filtered, malformed, forced, stale, no credit, shared.
4. A group of forks is a tree in which a shared turn is one node with the mean of its futures.
5. Markup and control characters in every text field show as text; 50 MB are cut, and there as plain text.
6. A broken file is told, and the rest of the folder is there.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from turnwise.agents.stored import store_update
from turnwise.agents.types import Generation, Trajectory, Turn, VersionSpan
from turnwise.servers.pages.guard import Guard
from turnwise.trainers.pages.site import site

EVIL = "<img src=x onerror=alert(1)>\x1b[31m\u202e'\"&"
RECIPE = '[credit]\nname = "rloo"\n[train]\nnum_updates = 3\n[plan]\nname = "tree"\nshared = "once"\n'


def turn(index: int, reward: float = 0.0, **more: Any) -> Turn:
    said = Generation(
        "go on", token_ids=(5, 6), logprobs=(-0.1, -4.0), char_ends=(2, 5), versions=(VersionSpan(2, 0, 2),)
    )
    values = {"generation": said, "action": f"go {index}", "state_key": f"s{index}", **more}
    return Turn(index, "a room", values.pop("state_key"), values.pop("action"), reward, "then", **values)


def episode(member: int, rewards: list[float], **more: Any) -> Trajectory:
    turns = tuple(turn(place, reward) for place, reward in enumerate(rewards))
    values = {"success": sum(rewards) > 0, "group": "g", "task": "the task", **more}
    return Trajectory("a/b-v0", turns=turns, task_seed=7, end="terminated", member=member, **values)


# a root of two turns; member 1 forks from it at turn 1; member 2 stands alone
FORKED = [
    episode(0, [0.0, 1.0], sampled_by=(0, 0)),
    episode(1, [0.0, 0.0], sampled_by=(0, 1), parent="g#0", branch_turn=1),
    episode(2, [0.0, 0.0], sampled_by=(2, 2)),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "log.jsonl").write_text('{"kind": "update", "update": 3, "off_policy/masked": 0.25}\n')
    return tmp_path


@pytest.fixture
def client(run: Path) -> Iterator[TestClient]:
    with TestClient(Guard(site(run), "word"), base_url="http://127.0.0.1/word/") as client:
        yield client


def keep(run: Path, *trajectories: Trajectory, update: int = 3) -> None:
    store_update(run / "trajectories" / f"update-{update:06d}.jsonl.gz", trajectories)


def links(page: httpx.Response, name: str = "episode") -> list[str]:
    return [html.unescape(link) for link in dict.fromkeys(re.findall(rf'href="({name}\?[^"#]*)"', page.text))]


def test_the_list_is_filtered_sorted_and_paged(run: Path, client: TestClient) -> None:
    several = [
        episode(0, [float(num)] * (num + 1), group=f"g{num}", task=f"task {num}", success=num > 1)
        for num in range(60)
    ]
    keep(run, *several)
    assert len(links(client.get("episodes?at=."))) == 50
    assert len(links(client.get("episodes?at=.&first=50"))) == 10
    assert "2 trajectories" in client.get("episodes?at=.&outcome=lost").text
    assert "3 trajectories" in client.get("episodes?at=.&least=2&most=4").text
    by_length = client.get("episodes?at=.&order=turns&down=1").text
    assert by_length.index("task 59") < by_length.index("task 10")
    plain, chosen = client.get("episodes?at=."), client.get("episodes?at=.&update=1")
    assert '<input type="number" name="update" min="0" value="">' in plain.text
    assert '<input type="number" name="update" min="0" value="1">' in chosen.text
    odd = client.get("episodes?at=.&first=-1&order=nothing&outcome=x&least=1e9&update=" + "9" * 40)
    assert odd.status_code == 200 and "60 trajectories" in odd.text
    assert client.get("episode?at=.&of=../../recipe.toml:0:0").status_code == 404
    assert client.get("episode?at=.&of=update-000003.jsonl.gz:7:0").status_code == 404


def test_a_turn_shows_its_credit_and_its_tokens(run: Path, client: TestClient) -> None:
    keep(run, *(replace(one, sampled_by=()) for one in FORKED))
    first = links(client.get("episodes?at=."))[0]
    page = client.get(first).text
    # leave-one-out: 1 - (0 + 0) / 2 for the winner, 0 - (1 + 0) / 2 for the others
    assert "rloo (own)" in page and "+1.000" in page
    assert "-0.500" in client.get(links(client.get("episodes?at=."))[1]).text
    assert '<span class="" title="logprob -0.100">go</span>' in page
    assert '<span class="m3" title="logprob -4.000"> on</span>' in page
    beside = client.get(links(client.get(first), "pair")[0])
    assert beside.status_code == 200
    ids = re.findall(r' id="([^"]+)"', beside.text)
    assert len(ids) == len(set(ids)) and "a-turn-0" in ids and "b-turn-0" in ids


@pytest.mark.parametrize(
    ("trajectories", "reason"),
    [
        ([episode(0, [1.0], error="fuse"), episode(1, [0.0])], ""),
        ([replace(episode(0, [1.0]), end="error", error="the fuse has blown")], "the fuse has blown"),
        ([episode(0, [1.0])], "single: "),
        ([episode(0, [1.0]), episode(1, [1.0])], "dead group: all 2 episodes that count have the return 1"),
        ([episode(0, [1.0]), episode(1, [0.0])], "stale: 25.0 % of the update"),
        ([replace(episode(0, []), turns=(turn(0, malformed=True),))], "malformed: no action was read"),
        ([replace(episode(0, []), turns=(turn(0, inadmissible=True),))], "inadmissible: "),
        (
            [replace(episode(0, []), turns=(turn(0, generation=Generation("", finish_reason="filtered")),))],
            "filtered: the endpoint",
        ),
        ([replace(episode(0, []), turns=(turn(0, generation=Generation("x")),))], "no tokens: "),
        (
            [
                replace(
                    episode(0, []),
                    turns=(turn(0, generation=Generation("x", token_ids=(1,), support=((1,),))),),
                )
            ],
            "forced: no token could",
        ),
        (
            [
                replace(
                    episode(0, []),
                    turns=(
                        turn(0, generation=Generation("x", token_ids=(1,), versions=(VersionSpan(0, 0, 1),))),
                    ),
                )
            ],
            "weights 2 updates older",
        ),
        ([episode(0, [1.0]), episode(1, [1.0])], "no credit: its advantage under rloo is 0"),
        ([FORKED[1], FORKED[0]], "shared: it is learned from once, in episode 0"),
    ],
)
def test_why_it_did_not_train(
    run: Path, client: TestClient, trajectories: list[Trajectory], reason: str
) -> None:
    keep(run, *trajectories)
    page = html.unescape(client.get(links(client.get("episodes?at=."))[0]).text)
    assert reason in page


def test_a_group_of_forks_is_a_tree(run: Path, client: TestClient) -> None:
    keep(run, *FORKED)
    link = links(client.get(links(client.get("episodes?at=."))[0]), "group")[0]
    page = client.get(link)
    assert "3 episodes, 1 fork<" in page.text
    said = re.findall(r"turn (\d) of episode (\d): go \d, credit ([+-][\d.]+)", page.text)
    # turn 0 of episode 0 is also that of episode 1: (1 - 0.5) / 2
    assert said == [
        ("0", "0", "+0.250"),
        ("1", "0", "+1.000"),
        ("1", "1", "-0.500"),
        ("0", "2", "-0.500"),
        ("1", "2", "-0.500"),
    ]
    assert client.get(link + "&method=grpo").status_code == 200
    assert client.get(link + "&method=<script>").status_code == 200


def test_hostile_texts_show_as_text(run: Path, client: TestClient) -> None:
    said = Generation(EVIL + "<think>" + EVIL + "</think>", reasoning=EVIL, tool_calls=({"name": EVIL},))
    evil = Turn(
        0, EVIL, EVIL, EVIL, 1.0, EVIL, said, rewards={EVIL: 1.0}, agent=EVIL, subgoal=EVIL, malformed=True
    )
    whole = episode(
        0, [], task=EVIL, instruction=EVIL, error=EVIL, group=EVIL, parent=EVIL, branch_turn=0,
        final_observation=EVIL,
    )  # fmt: skip
    keep(run, replace(whole, turns=(evil,)), replace(whole, member=1, turns=(replace(evil, reward=0.0),)))
    listed = client.get("episodes", params={"at": ".", "text": EVIL, "task": EVIL, "cause": EVIL})
    pages = [listed, client.get("episodes?at=."), client.get("run?at=.")]
    pages += [client.get(link) for link in links(pages[1])]
    pages += [client.get(link) for name in ("pair", "group", "text") for link in links(pages[-1], name)]
    assert len(pages) > 6
    for page in pages:
        assert page.status_code == 200, page.text
        assert "<img" not in page.text and "\x1b" not in page.text and "\u202e" not in page.text
        assert " style=" not in page.text


def test_fifty_megabytes_are_cut_and_there_as_plain_text(run: Path, client: TestClient) -> None:
    keep(run, replace(episode(0, []), turns=(replace(turn(0), observation="<b>" * 17_000_000),)))
    page = client.get(links(client.get("episodes?at=."))[0])
    assert len(page.content) < 300_000
    assert "51.0 MB long; the first 20.0 kB are shown" in page.text
    plain = client.get(next(link for link in links(page, "text") if "observation" in link))
    assert plain.headers["content-type"].startswith("text/plain") and len(plain.content) == 51_000_000
    assert plain.headers["x-content-type-options"] == "nosniff"


def test_a_broken_file_is_told_and_the_rest_is_there(run: Path, client: TestClient) -> None:
    keep(run, *FORKED)
    (run / "trajectories" / "update-000004.jsonl.gz").write_bytes(b"no gzip at all")
    page = client.get("episodes?at=.").text
    assert "3 trajectories" in page and "update-000004.jsonl.gz" in page
    (run / "recipe.toml").write_text('[credit]\nname = "of_my_own"\n')
    shown = client.get(links(client.get("episodes?at=."))[0])
    assert shown.status_code == 200 and "of_my_own, is not one of ours" in html.unescape(shown.text)
