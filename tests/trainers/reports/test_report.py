"""The page about a run: figures by the protocol, transcripts, and clear errors.

1. `after` is the mean of the last three evaluations after training, never the best point
   and never the one before; how many those are is said. An unknown success is a dash.
2. `area` is the mean of the curve over its time, by trapezoids.
3. The page shows the shortest success and a failure; read as Markdown, all that an
   episode says stands in code blocks and nothing else does.
4. A folder without a log is refused; nothing is written.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from turnwise import shown
from turnwise.agents.rollout.journal import Resumed
from turnwise.agents.trajectories import trajectory_path, write_trajectories
from turnwise.agents.types import Trajectory, Turn
from turnwise.errors import UsageError
from turnwise.trainers.reports.lost import lost_by
from turnwise.trainers.reports.report import summarise, write_report
from turnwise.trainers.reports.transcripts import transcript


def evaluation(update: int, seconds: float, rate: float | None) -> dict[str, object]:
    return {
        "kind": "eval",
        "update": update,
        "train_seconds": seconds,
        "eval/success_rate": rate,
        "eval/ci_low": None if rate is None else rate - 0.1,
        "eval/ci_high": None if rate is None else rate + 0.1,
        "eval/coverage": 0.0 if rate is None else 0.75,
        "eval/reward": 1.25,
    }


def write_log(folder: Path, *entries: dict[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return folder


def update(number: int, seconds: float) -> dict[str, object]:
    return {
        "kind": "update",
        "update": number,
        "train_seconds": seconds,
        "total_tokens": 100 * number,
        "credit/mean": 0.25,
        "success_rate": 0.5,
    }


def episode(actions: list[str], success: bool | None) -> Trajectory:
    turns = tuple(
        Turn(
            i,
            f"room {i}",
            f"room {i}",
            action,
            float(bool(success) and i == len(actions) - 1),
            f"room {i + 1}",
        )
        for i, action in enumerate(actions)
    )
    return Trajectory("toy/room-v0", "t", 0, "g", turns, "terminated", "the end", success=success)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "a-run"
    entries = [
        evaluation(0, 0.0, 0.2),
        update(1, 10.0),
        evaluation(1, 10.0, 0.6),
        update(2, 20.0),
        evaluation(2, 20.0, 0.9),
        update(3, 40.0),
        evaluation(3, 40.0, 0.6),
    ]
    write_log(folder, *entries)
    write_trajectories(trajectory_path(folder, 1), [episode(["wait", "wait"], success=False)])
    write_trajectories(
        trajectory_path(folder, 3),
        [episode(["a", "b", "take it"], success=True), episode(["take it"], success=True)],
    )
    return folder


def test_figures_follow_the_protocol(run: Path) -> None:
    figures = summarise(run)
    assert figures["after"] == pytest.approx((0.6 + 0.9 + 0.6) / 3)
    assert figures["last"]["success_rate"] == 0.6
    # (0.2+0.6)/2 * 10 + (0.6+0.9)/2 * 10 + (0.9+0.6)/2 * 20, over 40 seconds
    assert figures["area"] == pytest.approx((4.0 + 7.5 + 15.0) / 40)
    assert (figures["num_updates"], figures["train_seconds"], figures["num_tokens"]) == (3, 40.0, 300)


def test_page_shows_how_the_agent_plays(run: Path) -> None:
    page = write_report(run).read_text()
    assert "| before training | 20.0 % | 10.0 to 30.0 % | 75.0 % | 1.25 |" in page
    assert "| mean of the last 3 after training | 70.0 % | | | 1.25 |" in page
    assert "> wait" in page.split("Before training")[1].split("###")[0]
    success = page.split("the shortest success")[1]
    assert "> take it" in success and "> a\n" not in success
    assert "A failure" not in page.split("the shortest success")[1]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_updates_whose_losses_are_compared_are_told(run: Path) -> None:
    page = "\n".join(lost_by(run))
    assert "of the first and the last of 2 stored updates, by rules" in page
    assert "| first | last | |\n|---|---|---|---|\n" in page and page.count("| 1 | 0 |") == 1
    for update in range(4, 10):
        write_trajectories(trajectory_path(run, update), [episode(["wait"], success=False)])
    page = "\n".join(lost_by(run))
    assert "the first 4 and the last 4 of 8 stored updates, by rules" in page and "| 3 | 4 |" in page
    (run / "trajectories").rename(run.parent / "many")
    write_trajectories(trajectory_path(run, 1), [episode(["wait"], success=False)])
    page = "\n".join(lost_by(run))
    assert "of the one stored update, by rules" in page and "| cause | episodes | |\n|---|---|---|\n" in page


def test_the_evaluation_before_training_is_in_no_mean_of_those_after(tmp_path: Path) -> None:
    folder = write_log(
        tmp_path / "short", evaluation(0, 0.0, 0.2), update(1, 5.0), evaluation(1, 5.0, 0.8),
        update(2, 9.0), evaluation(2, 9.0, 0.6),
    )  # fmt: skip
    figures = summarise(folder)
    assert (figures["after"], figures["after_evaluations"]) == (pytest.approx(0.7), 2)
    assert "| mean of the last 2 after training | 70.0 % |" in write_report(folder).read_text()


def test_without_an_evaluation_after_training_there_is_no_figure_of_one(tmp_path: Path) -> None:
    folder = write_log(tmp_path / "cut", evaluation(0, 0.0, 0.2), update(1, 5.0))
    figures = summarise(folder)
    assert figures["before"]["success_rate"] == 0.2
    assert not {"last", "after", "area"} & set(figures)
    page = write_report(folder).read_text()
    assert "There was no evaluation after training." in page
    assert "| after training" not in page


def test_a_run_without_evaluations_tells_what_its_own_episodes_earned(tmp_path: Path) -> None:
    folder = write_log(
        tmp_path / "mine", {**update(1, 5.0), "reward": 0.25}, {**update(2, 9.0), "reward": 0.5}
    )
    (folder / "recipe.toml").write_text('[env]\nid = "my-agent"\n')
    page = write_report(folder).read_text()
    assert page.startswith("# my-agent, mine\n")
    assert "Held-out tasks:" not in page
    told = "the mean return of their episodes was 0.25 in the first and 0.5 in the last."
    assert f"2 updates in 9 s of training; {told}" in page


def test_unknown_success_is_a_dash_beside_the_return(tmp_path: Path) -> None:
    folder = write_log(
        tmp_path / "mute", evaluation(0, 0.0, None), {**update(1, 5.0), "success_rate": None},
        evaluation(1, 5.0, None),
    )  # fmt: skip
    write_trajectories(trajectory_path(folder, 1), [episode(["a"], success=None)])
    figures = summarise(folder)
    assert (figures["last"]["success_rate"], figures["after"], figures["area"]) == (None, None, None)
    assert figures["after_return"] == 1.25
    page = write_report(folder).read_text()
    assert "| after training | - | - | 0.0 % | 1.25 |" in page
    assert "an episode of unknown success" in page
    assert "a failure" not in page


def test_a_log_of_before_coverage_opens(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("eval/coverage", None)
        line.pop("eval/reward", None)
    write_log(run, *lines)
    assert "| before training | 20.0 % | 10.0 to 30.0 % | - | - |" in write_report(run).read_text()


def test_each_transcript_is_one_block_of_code_and_headings_are_none(run: Path) -> None:
    tokens = MarkdownIt("commonmark").parse(write_report(run).read_text())
    blocks = [token.content for token in tokens if token.type == "fence"]
    assert [block.splitlines()[1] for block in blocks] == ["> wait", "> take it"]
    assert blocks[0].splitlines() == [
        "room 0", "> wait", "room 1", "> wait", "the end", "(terminated after 2 turns, return 0)",
    ]  # fmt: skip


HOSTILE = st.lists(
    st.sampled_from(
        ["`", "```", "~~~", "\n", "# no heading", "<b>", "\r\n", "\x1b[2J", "\u202e", " ", "word"]
    ),
    max_size=8,
).map("".join)


@given(HOSTILE, HOSTILE)
def test_whatever_an_episode_says_stays_in_its_block(observation: str, action: str) -> None:
    turn = Turn(0, observation, "k", action, 1.0, "k")
    lines = transcript(Trajectory("e", "t", 0, "g", (turn,), "terminated", observation, success=True))
    tokens = MarkdownIt("commonmark").parse("\n".join(["before", "", *lines, "", "# after"]))
    assert [token.type for token in tokens] == [
        "paragraph_open", "inline", "paragraph_close", "fence", "heading_open", "inline", "heading_close",
    ]  # fmt: skip
    assert not set(tokens[3].content) & set("\x1b\u202e\r")
    assert tokens[3].content.endswith("(terminated after 1 turns, return 1)\n")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"log\.jsonl.*expected the folder of a run"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_commands_of_a_report_run_where_they_are_typed(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = {"update": 2, "success_rate": 0.9, "mean_return": 1.0}
    folder = run / "best" / "update-000002"
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_text(json.dumps(save))
    kwargs = {"split": "unseen", "difficulty": "medium", "sizes": [1, 2]}
    record = {"held_out": [{"id": "toy/room-v0", "kwargs": kwargs}], "held_out_words": "split unseen"}
    (run / "run.json").write_text(json.dumps(record))
    monkeypatch.setattr(shown, "_program", lambda _: ".venv/bin/turnwise")  # nothing is activated
    page = write_report(run).read_text()
    assert "Held-out tasks: split unseen." in page
    assert f"Again: `.venv/bin/turnwise train {run}/recipe.toml --out ANOTHER_FOLDER`." in page
    assert (
        "    .venv/bin/turnwise eval --env toy/room-v0 --split unseen -k difficulty=medium -k 'sizes=[1, 2]' "
        f"--agent ckpt:{run}\n"
    ) in page
    (run / "recipe.toml").write_text('[harness]\ncommand = "python mine.py"\n')
    assert f"--agent ckpt:{run} --recipe {run}/recipe.toml\n" in write_report(run).read_text()


def test_a_run_that_was_played_on_after_a_kill_says_what_became_of_its_episodes(tmp_path: Path) -> None:
    found = Resumed(attached=12, rebuilt=3, kept_turns=199, lost_turns=1, seconds=0.5)
    folder = write_log(tmp_path / "killed", update(1, 5.0), {**update(2, 9.0), **found.figures()})
    page = write_report(folder).read_text()
    assert f"## Played on after a kill\n\n- update 2: {found}\n" in page
    assert "199 turns were kept" in page and "0.5 % of the turns were generated twice" in page
    assert "Played on" not in write_report(write_log(tmp_path / "alive", update(1, 5.0))).read_text()
