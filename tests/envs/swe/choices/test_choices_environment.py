"""Episodes of choosing among edits, in boxes on plain folders; the real ones are in test_choices_in_boxes."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from small_bugs import SmallTask, small_choices

from turnwise.envs.core import Checked
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.choices.environment import ChoicesEnv
from turnwise.envs.swe.choices.episode import TIERS
from turnwise.envs.swe.choices.teacher import Tinkerer
from turnwise.errors import UsageError


def tiers(info: dict[str, Any]) -> list[float]:
    """Return the tiers from low to high."""
    return [info["rewards"][name] for name in TIERS]


def right_and_wrong(env: ChoicesEnv) -> tuple[int, int]:
    """Return the number of the right edit and of one that is not."""
    episode = env._current
    right = episode.edits.index(episode.bug.edits[0]) + 1
    return right, 1 if right != 1 else 2


def test_the_expert_resolves_both_bugs_and_is_paid_for_each_step() -> None:
    with small_choices() as (env, _, _):
        for seed, failing in ((0, 2), (1, 1)):
            observation, info = env.reset(seed=seed, options={"expert": True})
            assert observation.startswith(f"Issue: Wrong {seed + 1}. It says 1. I want 2.\nEdit 1: ")
            paid = []
            while "private" in info:
                observation, reward, over, _, info = env.step(info["private"]["expert"])
                paid.append(tiers(info))
            assert paid == [[1, 0, 0, 0], [0, 1, failing, 0], [0, 0, 0, 3]]
            assert (reward, over, info["won"]) == (1.0, True, True)
            assert info["metrics"] == {"completion": 1.0, "modification": 1.0, "resolution": 1.0}


def test_what_is_submitted_decides_the_class() -> None:
    with small_choices() as (env, _, _):
        env.reset(seed=0)
        _, reward, over, _, info = env.step("submit")
        assert (reward, over, info["won"], tiers(info)[3]) == (0.0, True, False, 1.0)
        assert info["metrics"] == {"completion": 1.0, "modification": 0.0, "resolution": 0.0}
        assert env.step("run tests")[:3] == ("It is over.", 0.0, True)
        env.reset(seed=0)
        env.step(f"apply {right_and_wrong(env)[1]}")
        observation, reward, over, _, info = env.step("submit")
        assert (observation, reward, over, tiers(info)[3]) == ("Graded: tests failed.", 0.0, True, 2.0)


def test_without_a_submission_it_is_cut_off_and_not_completed() -> None:
    with small_choices(max_turns=2) as (env, _, _):
        env.reset(seed=0)
        assert env.step("run tests")[2:4] == (False, False)
        _, reward, over, cut_off, info = env.step("run tests")
        assert (reward, over, cut_off, tiers(info)) == (0.0, False, True, [0, 1, 0, 0])
        assert info["metrics"]["completion"] == 0.0


def test_a_test_that_newly_passes_is_paid_once() -> None:
    with small_choices() as (env, _, _):
        env.reset(seed=1)
        right, _ = right_and_wrong(env)
        actions = [
            "run tests",
            f"apply {right}",
            "run tests",
            "undo",
            "run tests",
            f"apply {right}",
            "run tests",
        ]
        paid = [tiers(env.step(action)[4])[2] for action in actions]
        assert paid == [0, 0, 1, 0, 0, 0, 0]


def test_one_edit_is_in_at_a_time_and_undo_takes_it_out_of_the_box() -> None:
    with small_choices() as (env, _, _):
        _, info = env.reset(seed=0)
        assert "undo" not in info["admissible"] and "apply 1" in info["admissible"]
        before = call(env._current.box.read("small/small.py"))
        observation, _, _, _, info = env.step("apply 2")
        assert observation == "Edit 2 is in." and "apply 1" not in info["admissible"]
        assert call(env._current.box.read("small/small.py")) != before
        assert env.step("apply 1")[0] == "Nothing happens: edit 2 is in. Write: undo."
        assert env.step("undo")[0] == "Edit 2 is out."
        assert call(env._current.box.read("small/small.py")) == before


def test_a_function_that_no_edit_changes() -> None:
    with small_choices() as (env, _, _):
        _, info = env.reset(seed=0)
        names = [action.removeprefix("show ") for action in info["admissible"] if action[:5] == "show "]
        said = f"Nothing happens: no edit changes nothing. Write: show {' or '.join(names)}."
        assert env.step("show nothing")[0] == said


def test_looking_shows_the_files_as_they_are_and_once() -> None:
    with small_choices(shown_chars=60) as (env, _, _):
        _, info = env.reset(seed=0)
        assert {"open small/small.py", "show clamp"} <= set(info["admissible"])
        assert env.step("open small/small.py")[0] == "small/small.py, 9 lines: clamp, span"
        shown = env.step("show clamp")[0]
        assert "value > low" in shown and shown.endswith("...") and len(shown) <= 63
        assert env.step("show clamp")[0] == "Shown above."
        env.step(f"apply {right_and_wrong(env)[0]}")
        assert "value < low" in env.step("show clamp")[0]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("", ". Write: open FILE, show FUNCTION, run tests, apply NUMBER, undo, or submit."),
        ("rm -rf /", ". Write: open FILE, show FUNCTION, run tests, apply NUMBER, undo, or submit."),
        ("apply 99", ": there is no edit 99, only 1 to 4."),
        ("apply 01", ": there is no edit 01, only 1 to 4."),
        ("apply " + "x" * 9999, f": there is no edit {'x' * 60}..., only 1 to 4."),
        ("undo", ": no edit is in."),
        ("open /etc/passwd", ": no edit changes /etc/passwd. Write: open small/small.py."),
    ],
)
def test_anything_else_changes_nothing_and_says_what_there_is(action: str, said: str) -> None:
    with small_choices() as (env, _, _):
        _, before = env.reset(seed=0)
        observation, reward, over, _, info = env.step(action)
        assert (observation, reward, over) == (f"Nothing happens{said}", 0.0, False)
        assert info["state_key"] == before["state_key"] and tiers(info) == [0, 0, 0, 0]


def test_the_key_of_a_state_is_its_files_and_what_is_known_of_them() -> None:
    with small_choices() as (env, _, _):
        _, start = env.reset(seed=0)

        def key(*actions: str) -> str:
            env.reset(seed=0)
            return [env.step(action)[4]["state_key"] for action in actions][-1]

        assert key("show clamp") == start["state_key"] == key("apply 1", "undo")
        assert key("run tests") != start["state_key"]
        assert key("apply 1") != key("apply 2")
        assert key("apply 1", "run tests", "undo") == key("show clamp", "apply 1", "run tests", "undo")
        assert key("apply 1", "run tests") != key("apply 1")


def test_a_clone_goes_its_own_way() -> None:
    with small_choices() as (env, _, backend):
        env.reset(seed=0)
        right, wrong = right_and_wrong(env)
        twin = env.clone()
        try:
            twin.step(f"apply {wrong}")
            env.step(f"apply {right}")
            assert env.step("submit")[1] == 1.0
            assert twin.step("submit")[1] == 0.0
        finally:
            twin.close()
        env.close()
        assert len(backend.open) == 1  # the prepared one


def test_results_are_made_once_for_equal_files_and_grades_are_of_the_box() -> None:
    with small_choices() as (env, _, _):
        for _ in range(3):
            env.reset(seed=0)
            for action in ("run tests", "apply 1", "run tests", "submit"):
                env.step(action)
        assert (SmallTask.runs, SmallTask.grades) == (2, 1)
        env.reset(seed=0)
        call(env._current.box.write("small/other.py", b"x = 1\n"))
        with pytest.raises(Exception, match=r"the box of small-01 changed \['small/other.py'\]"):
            env.step("submit")


def test_a_prepared_box_that_died_is_made_again() -> None:
    with small_choices() as (env, shop, _):
        env.reset(seed=0)
        bug = shop._bugs["small-01"]

        async def die(n: int) -> Any:
            from turnwise.envs.sandbox import SandboxError

            raise SandboxError("gone")

        bug.box.fork = die  # type: ignore[method-assign]
        env.reset(seed=0)
        assert shop._bugs["small-01"].box is not bug.box


def test_steps_beside_each_other() -> None:
    async def play(env: ChoicesEnv) -> str:
        return (await env.step_async("run tests"))[0]

    with small_choices() as (env, _, _):
        env.reset(seed=0)
        assert asyncio.run(play(env)) == "Tests: 2 of 3 fail: test_high, test_low"


def test_equal_seeds_offer_equal_edits_and_others_others() -> None:
    with small_choices() as (env, _, _):
        openings = [env.reset(seed=seed)[0] for seed in (0, 2, 0, 4)]
        assert openings[0] == openings[2]
        assert len(set(openings)) == 3


def test_it_holds_the_contract() -> None:
    with small_choices() as (env, _, _):
        checked = Checked(env, "choices")
        observation, info = checked.reset(seed=3, options={"expert": True})
        assert info["admissible"] == sorted(info["admissible"])
        assert len(observation) < 800


def test_the_teacher_plays_what_is_admissible_and_wins_some() -> None:
    with small_choices() as (env, _, _):
        won = []
        for seed in range(40):
            player = Tinkerer("", np.random.default_rng(seed))
            observation, info = env.reset(seed=seed)
            over = False
            while not over:
                action = player.act(observation, info["admissible"])
                assert action in info["admissible"]
                observation, _, over, cut_off, info = env.step(action)
                over = over or cut_off
            won.append(info["won"])
        assert 0.2 < np.mean(won) < 0.9


@pytest.mark.parametrize("wrong", [{"num_edits": 1}, {"num_edits": 99}, {"max_turns": 0}, {"shown_chars": 3}])
def test_arguments_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected"), small_choices(**wrong):
        pass


def test_a_closed_one_says_so() -> None:
    with small_choices() as (env, _, _):
        env.reset(seed=0)
        env.close()
        env.close()
        with pytest.raises(UsageError, match="was closed"):
            env.step("submit")
