"""One real bug in real sandboxes: edits in the box, tests in it, the grade from another one."""

from __future__ import annotations

import pytest

import turnwise
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.choices.environment import ChoicesEnv, bugs_of
from turnwise.envs.swe.choices.workshop import edits_of

pytestmark = pytest.mark.sandbox


def test_only_the_right_edit_resolves_a_bug_and_forks_go_their_own_ways() -> None:
    with turnwise.make("swe/choices-v0", family="lru_cache", difficulty=1) as checked:
        checked.reset(seed=0)
        env = checked.text_env
        assert isinstance(env, ChoicesEnv)
        episode = env._current
        right = episode.edits.index(episode.bug.edits[0]) + 1
        failing = env.step("run tests")[0]
        assert failing.startswith("Tests: ") and "fail" in failing
        twin = env.clone()
        try:
            env.step(f"apply {right}")
            assert "all" in env.step("run tests")[0]
            path, text = next(iter(episode.bug.edits[0].files.items()))
            assert call(env._current.box.read(path)).decode() == text
            assert twin.step("run tests")[0] == failing
            assert env.step("submit")[1] == 1.0
            assert twin.step("submit")[4]["metrics"] == {
                "completion": 1.0,
                "modification": 0.0,
                "resolution": 0.0,
            }
        finally:
            twin.close()


def test_bugs_offer_the_right_edit_and_others() -> None:
    for task in bugs_of("all", None, None)[::3]:
        files, edits = edits_of(task)
        assert {path: text.encode() for path, text in edits[0].files.items()} == dict(task.gold())
        assert len(edits) >= 4, task.id
        assert len({edit.key for edit in edits}) == len(edits)
        assert all(set(edit.files) <= set(files) for edit in edits)
