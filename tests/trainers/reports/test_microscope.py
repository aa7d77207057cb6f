"""The microscope on stored trajectories: what it compares, says, writes and refuses."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.axes import Axes
from rich.console import Console
from typer.testing import CliRunner

from turnwise.agents.trajectories import trajectory_path, write_trajectories
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.commands.credit import credit
from turnwise.ends import End
from turnwise.errors import UnknownName, UsageError
from turnwise.trainers.credit.base import Credit
from turnwise.trainers.reports.microscope import Stored, examine, load_stored, show, why, write_page
from turnwise.trainers.reports.microscope.picture import best_and_worst, draw, label


def trajectory(group: str, states: str, reward: float, end: End = "terminated") -> Trajectory:
    """Walk through states named by letters; the last turn has the reward."""
    turns = tuple(
        Turn(
            index=place,
            observation=state,
            state_key=state,
            action=f"leave <{state}> [now]",
            reward=reward if place == len(states) - 1 else 0.0,
            next_state_key=states[place + 1] if place + 1 < len(states) else "over",
            generation=Generation("go", token_ids=(1, 2)),
        )
        for place, state in enumerate(states)
    )
    return Trajectory("e", f"task {group}", 0, group, turns, end, success=reward > 0)


BATCH = [
    trajectory("g", "abc", 1.0),
    trajectory("g", "abd", 0.0),
    trajectory("dead", "ab", 0.0),
    trajectory("dead", "ab", 0.0),
    trajectory("g", "a", 0.0, "error"),
]


def run(*words: str) -> Any:
    app = typer.Typer()
    app.command()(credit)
    return CliRunner().invoke(app, list(words))


def test_methods_are_compared_turn_by_turn() -> None:
    seen = examine(BATCH, ["grpo", "gigpo"], {"gigpo": {"mode": "mean"}})
    assert seen.refused == {}
    assert seen.group_to_show() == "g"
    assert seen.figures["grpo"]["credit/dead_groups"] == 0.5
    rank, sign = seen.agreement["grpo", "gigpo"]
    assert sign == 1.0
    assert 0.7 < rank <= 1.0
    np.testing.assert_array_equal(seen.credits["grpo"].advantage[10:], [0.0])
    # a: seen by two that count; episode over turns 0.5, state (0.95^2 - 0) / 2
    assert why(seen.credits["gigpo"], 0) == (
        "episode 0.5, state 0.451, return to go 0.902, episode's score 1, state seen 2x"
    )


def test_the_group_that_is_evenly_won_and_lost_is_shown() -> None:
    outcomes = {"rarely": [1.0, 0.0, 0.0, 0.0], "evenly": [1.0, 1.0, 0.0, 0.0], "never": [0.0] * 4}
    batch = [trajectory(group, "ab", reward) for group, all_four in outcomes.items() for reward in all_four]
    broken = [trajectory("broken", "a", 1.0, "error"), trajectory("broken", "a", 0.0, "error")]
    seen = examine([*broken, *batch], ["grpo"])
    assert seen.group_to_show() == "evenly"
    best, worst = best_and_worst(seen, "evenly")
    assert (best[0].episode_return, worst[0].episode_return) == (1.0, 0.0)
    assert len(best_and_worst(examine([batch[0]], ["grpo"]), "rarely")) == 1


def test_a_turn_is_named_by_its_action_and_the_subgoal_that_it_sets() -> None:
    (turn, *_) = trajectory("g", "a", 1.0).turns
    assert label(turn) == "leave <a> [now]"
    assert label(replace(turn, switch=True, subgoal="get out")) == "[get out] leave <a> [now]"
    assert (
        label(replace(turn, switch=False, subgoal="get out", malformed=True)) == "leave <a> [now] (invalid)"
    )


def test_a_method_without_its_columns_is_set_aside() -> None:
    seen = examine(BATCH, ["grpo", "turn_ppo"])
    assert list(seen.credits) == ["grpo"]
    assert "turn_ppo needs column 'value'" in seen.refused["turn_ppo"]
    with pytest.raises(UnknownName, match="did you mean 'gigpo'"):
        examine(BATCH, ["gigp"])


def test_opposite_methods_disagree() -> None:
    seen = examine(
        [trajectory("g", "a", 1.0), trajectory("g", "a", 0.0), trajectory("g", "a", 0.5)], ["grpo", "rloo"]
    )
    assert seen.agreement["grpo", "rloo"] == (pytest.approx(1.0), 1.0)


def test_the_document_holds_every_turn() -> None:
    document = json.loads(json.dumps(examine(BATCH).document()))
    assert len(document["turns"]) == sum(len(trajectory.turns) for trajectory in BATCH)
    first = document["turns"][0]
    assert first["group"] == "g"
    assert first["advantage"].keys() == {"grpo", "gigpo", "hgpo", "salt", "graphgpo", "g2po"}
    assert "shared by 2 turns" in first["why"]["salt"]
    assert document["turns"][-1]["counts"] is False


def test_pictures_and_pages_are_whole(tmp_path: Path) -> None:
    seen = examine(BATCH)
    assert draw(seen, "g").startswith(b"\x89PNG")
    page = write_page(seen, "g", tmp_path / "page.html").read_text()
    assert "leave &lt;a&gt; [now]" in page
    assert page.count("<h2>") == 3
    assert "http" not in page.replace("http://www.w3.org", "")  # needs nothing from elsewhere
    with pytest.raises(UsageError, match="there is no group 'x'; this batch has: g, dead"):
        draw(seen, "x")


def test_each_method_has_its_own_reasons() -> None:
    out = io.StringIO()
    show(examine(BATCH, ["grpo", "gigpo", "salt"]), "g", Console(file=out, width=260))
    lines = [line.strip() for line in out.getvalue().splitlines()]
    (first,) = [place for place, line in enumerate(lines) if line.startswith("0 ")][:1]
    assert "grpo: " in lines[first]
    assert "gigpo: episode" in lines[first + 1] and "state seen 2x" in lines[first + 1]
    assert "salt: " in lines[first + 2] and "shared by 2 turns" in lines[first + 2]


def test_a_part_of_a_method_of_ones_own_is_shown_by_its_name() -> None:
    parts = {
        "step_group": np.array([0, 0]),
        "turn_of_mine": np.array([0.25, -1.0]),
        "outcome": np.array([1.0, 2.0]),
    }
    credit = Credit(np.array([1.25, 1.0]), parts=parts)
    assert why(credit, 0) == "outcome 1, turn of mine 0.25, state seen 2x"


def test_the_number_of_a_turn_stands_before_its_action(monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[str] = []
    original = Axes.set_yticks

    def noted(axis: Any, ticks: Any, names: Any = None, **more: Any) -> Any:
        labels.extend(names or ())
        return original(axis, ticks, names, **more)

    monkeypatch.setattr(Axes, "set_yticks", noted)
    turns = (replace(trajectory("g", "a", 1.0).turns[0], action="go to microwave 1"),)
    draw(examine([replace(BATCH[0], turns=turns), BATCH[1]], ["grpo"]), "g")
    assert "0: go to microwave 1" in labels


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    hostile = "$\\frac{$ [red]\x1b[2J\u202e</h1>"
    turns = (replace(trajectory("g", "a", 1.0).turns[0], action=hostile),)
    batch = [replace(each, turns=turns, instruction=hostile, group=hostile) for each in (BATCH[0], BATCH[1])]
    seen, out = examine(batch, ["grpo"]), io.StringIO()
    show(seen, hostile, Console(file=out, width=260))
    page = write_page(seen, hostile, tmp_path / "page.html").read_text()
    for text in (out.getvalue(), page):
        assert not set(text) & set("\x1b\u202e")
        assert "\\x1b[2J\\u202e" in text
    assert "[red]" in out.getvalue()


def test_the_command_writes_beside_the_run(tmp_path: Path) -> None:
    write_trajectories(trajectory_path(tmp_path, 3), BATCH)
    result = run(str(tmp_path), "-m", "grpo", "-m", "gigpo", "--set", "gigpo.mode=mean")
    assert result.exit_code == 0, result.output
    assert "leave <a> [now]" in result.output
    assert {file.name for file in (tmp_path / "credit").iterdir()} == {
        "credit.png",
        "credit.html",
        "credit.json",
    }
    again = run(str(tmp_path), "-m", "grpo", "--update", "3", "--json")
    assert json.loads(again.output)["methods"] == ["grpo"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no trajectories; expected"):
        load_stored(tmp_path)
    write_trajectories(trajectory_path(tmp_path, 3), BATCH)
    with pytest.raises(UsageError, match="no trajectories of update 4"):
        load_stored(tmp_path, 4)
    assert len(load_stored(trajectory_path(tmp_path, 3)).trajectories) == len(BATCH)
    with pytest.raises(UsageError, match="there is no turn"):
        examine([])
    assert isinstance(run(str(tmp_path), "--set", "mode=mean").exception, UsageError)


def test_without_matplotlib_the_rest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trajectories(trajectory_path(tmp_path, 3), BATCH)
    (tmp_path / "credit").mkdir()
    (tmp_path / "credit" / "credit.png").write_bytes(b"of an earlier look")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run(str(tmp_path), "-m", "grpo")
    assert done.exit_code == 0, done.output
    assert "no picture: matplotlib is not installed: pip install 'turnwise[plots]'" in done.output
    assert sorted(path.name for path in (tmp_path / "credit").iterdir()) == ["credit.html", "credit.json"]
    assert "credit.png" not in done.output
    assert "<img" not in (tmp_path / "credit" / "credit.html").read_text()


@pytest.mark.parametrize("width", [60, 80, 100, 150])
def test_numbers_are_whole_however_narrow_the_terminal_is(width: int) -> None:
    out, seen = io.StringIO(), examine(BATCH)
    show(seen, "g", Console(file=out, width=width))
    said = out.getvalue()
    best = best_and_worst(seen, "g")[0][1]
    for credit_of in seen.credits.values():
        for row in best.tolist():
            assert f"{credit_of.advantage[row]:+.3f}" in said
    assert all(name in said for name in seen.credits)
    assert max(map(len, said.splitlines())) <= width
    assert "\u2026" not in said  # nothing is cut
    assert ("why each: in credit.html" in said) is (width < 150)


def stored_run(folder: Path, log: list[dict[str, Any]]) -> Path:
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    (folder / "recipe.toml").write_text('[credit]\nname = "gigpo"\n')
    return folder


def test_a_sample_is_called_one_and_the_log_has_the_whole_batch(tmp_path: Path) -> None:
    whole = {"credit/mean": 0.0, "credit/std": 0.75, "credit/dead_groups": 0.125, "rollout/episodes": 128.0}
    stored_run(tmp_path, [{"kind": "update", "update": 3, **whole}])
    write_trajectories(trajectory_path(tmp_path, 3), BATCH)
    said = run(str(tmp_path), "-m", "gigpo").output
    assert "Update 3: 5 of its 128 episodes, 2 groups, are stored" in said
    (line,) = [line.split() for line in said.splitlines() if line.lstrip().startswith("gigpo, whole batch")]
    assert line[3:6] == ["0.000", "0.750", "0.125"]
    document = json.loads(run(str(tmp_path), "-m", "gigpo", "--json").output)
    assert document["logged"]["gigpo"]["credit/dead_groups"] == 0.125
    assert Stored(BATCH, 3, "gigpo", {"rollout/episodes": 5.0}).sample == ""


def test_where_no_stored_group_has_a_signal_an_update_that_has_one_is_named(tmp_path: Path) -> None:
    alike = [trajectory("g", "ab", 1.0), trajectory("g", "ab", 1.0)]
    for update, batch in ((1, BATCH), (2, BATCH), (3, alike)):
        write_trajectories(trajectory_path(tmp_path, update), batch)
    assert (
        "no group that is stored has episodes of different returns" in run(str(tmp_path), "-m", "grpo").output
    )
    assert "try --update 2" in " ".join(run(str(tmp_path), "-m", "grpo").output.split())
    assert "signal" not in run(str(tmp_path), "-m", "grpo", "--update", "2").output
