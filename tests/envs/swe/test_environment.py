"""The environment by its rules, on boxes that are plain folders: rewards, tools, undo, forks, faults.

On real sandboxes: test_in_sandboxes.py, and tests/envs/test_registered.py for the whole contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from folder_boxes import GOLD, START, FolderBackend, SumsTask

from turnwise.envs.core import Checked
from turnwise.envs.sandbox import SandboxError
from turnwise.envs.swe.environment import SweEnv
from turnwise.envs.swe.episode import Rules
from turnwise.envs.swe.task import Patch, Task
from turnwise.envs.swe.task_sets import TaskSet
from turnwise.errors import EnvironmentFault, UsageError

FIX = "edit sums.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE"
Make = Callable[..., Checked[SweEnv]]


@pytest.fixture
def backend() -> Iterator[FolderBackend]:
    backend = FolderBackend()
    yield backend
    assert not backend.open, "boxes are left open"


@pytest.fixture
def make(backend: FolderBackend) -> Iterator[Make]:
    made: list[Checked[SweEnv]] = []

    def build(*tasks: Task, **rules: Any) -> Checked[SweEnv]:
        given = TaskSet.of("sums", tasks or [SumsTask()])
        made.append(Checked(SweEnv(given, Rules(**rules), backend), "sums"))
        return made[-1]

    yield build
    for env in made:
        env.close()


def play(env: Checked[SweEnv], *actions: str) -> list[tuple[str, float, bool, bool, dict[str, Any]]]:
    return [env.step(action) for action in actions]


def test_a_fix_is_tested_submitted_and_paid(make: Make) -> None:
    env = make()
    observation, info = env.reset(seed=0)
    assert "add(2, 3) gives -1" in observation and "sums.py" in observation and "run_tests" in observation
    assert [tool["name"] for tool in info["tools"]][:2] == ["bash", "view"]
    assert (info["won"], info["task"], info["admissible"]) == (False, "sums-01", None)
    tests, edit, again, end = play(env, "run_tests", FIX, "run_tests", "submit")
    assert "1 tests passed, 1 failed.\nFailed: add" in tests[0]
    assert tests[4]["rewards"] == {"edit_parses": 0, "ran_tests": 1, "newly_passing": 0, "outcome": 0}
    assert edit[4]["rewards"] == {"edit_parses": 1, "ran_tests": 0, "newly_passing": 0, "outcome": 0}
    assert again[4]["rewards"] == {"edit_parses": 0, "ran_tests": 1, "newly_passing": 1, "outcome": 0}
    assert end[1:4] == (1.0, True, False)
    assert end[4]["rewards"] == {"edit_parses": 0, "ran_tests": 0, "newly_passing": 0, "outcome": 3}
    assert end[4]["metrics"] == {"completion": 1, "modification": 1, "resolution": 1}
    assert (end[4]["won"], end[4]["score"], end[4]["outcome"]) == (True, 1.0, "resolved")
    assert end[4]["patch"] == {"sums.py": GOLD["sums.py"].decode()}
    assert env.step("submit")[:4] == ("[not done] The episode is over.", 0.0, True, False)


def test_a_test_that_passes_again_is_paid_once_also_when_first_run_after_an_edit(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    replies = play(env, FIX, "run_tests", "undo", "run_tests", FIX, "run_tests")
    assert [reply[4]["rewards"]["newly_passing"] for reply in replies] == [0, 1, 0, 0, 0, 0]
    assert replies[2][0] == "Undone: sums.py."


OUTCOMES = [
    (["submit"], "empty_patch", 1, 1.0, 0.0),
    (["bash echo 1 > note.txt", "submit"], "tests_failed", 2, 1.0, 1.0),
    (["bash ls", "view ."], "no_submission", 0, 0.0, 0.0),
]


@pytest.mark.parametrize(("actions", "outcome", "tier", "completion", "modification"), OUTCOMES)
def test_classes_of_what_is_not_resolved(
    make: Make, actions: list[str], outcome: str, tier: float, completion: float, modification: float
) -> None:
    env = make(max_turns=2)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = play(env, *actions)[-1]
    assert (reward, info["won"], info["outcome"], info["rewards"]["outcome"]) == (0.0, False, outcome, tier)
    metrics = {"completion": completion, "modification": modification, "resolution": 0.0}
    assert info["metrics"] == metrics
    assert (terminated, truncated) == (bool(completion), not completion), observation


def test_at_the_last_turn_the_files_are_graded_as_they_are(make: Make) -> None:
    env = make(max_turns=1)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(FIX)
    assert (reward, terminated, truncated, info["won"]) == (1.0, False, True, True)
    assert info["metrics"] == {"completion": 0.0, "modification": 1.0, "resolution": 1.0}
    assert info["rewards"]["outcome"] == 0.0 and "turns or the time are over" in observation


def test_the_seconds_of_an_episode_end_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    env = make(episode_s=1.0)
    env.reset(seed=0)
    assert env.step("bash sleep 1.1; true")[3]


REFUSED = [
    ("vew sums.py", "did you mean 'view'"),
    ("view ../../etc/passwd", "outside /workspace"),
    ("view /etc/passwd", "outside /workspace"),
    ("view missing.py", "there is no file missing.py"),
    ("view sums.py 50 60", "has 6 lines"),
    ("view data.bin", "is no text"),
    ("edit tests\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", "is a folder"),
    ("edit sums.py\n<<<<<<< SEARCH\nnothing\n=======\nb\n>>>>>>> REPLACE", "does not occur in sums.py"),
    ("edit sums.py\n<<<<<<< SEARCH\nreturn a - b \n=======\nb\n>>>>>>> REPLACE", "blanks"),
    (
        "edit sums.py\n<<<<<<< SEARCH\n    return\n=======\nb\n>>>>>>> REPLACE",
        "2 times in sums.py (lines [2, 6])",
    ),
    ("edit sums.py\n<<<<<<< SEARCH\nb\n=======\nb\n>>>>>>> REPLACE", "nothing would change"),
    ("create sums.py\nx", "is there already"),
    ("create .git/hooks/x\nx", "no part of the patch"),
    ("create /tmp/x\nx", "outside /workspace; only what lies in it can be changed"),
    ("bash " + "x" * 40_000, "40000 characters; at most 32768"),
    ("x" * 1_000_000, "unknown tool"),
    ("bash", "needs a command"),
    ("bash a\0b", "NUL"),
    ("undo", "nothing to undo"),
    ("search ''", "one line"),
]


@pytest.mark.parametrize(("action", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_done_is_told_and_nothing_changes(
    make: Make, monkeypatch: pytest.MonkeyPatch, action: str, said: str
) -> None:
    monkeypatch.setitem(START, "data.bin", b"\xff\x00\x01")
    env = make()
    _, before = env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(action)
    assert said in observation and observation.startswith("[not done] ") and len(observation) < 1_000
    assert (reward, terminated, truncated, info["state_hash"]) == (0.0, False, False, before["state_hash"])


def test_looking_around(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    whole, part, folder, hits, none, more = play(
        env,
        "view sums.py",
        "view sums.py 2 2",
        "view tests",
        'search "return a"',
        "search zebra",
        "bash exit 3",
    )
    assert whole[0].splitlines()[0] == "     1\tdef add(a, b):" and "[6 lines of sums.py]" in whole[0]
    assert part[0] == "     2\t    return a - b\n[lines 2 to 2 of 6 lines of sums.py]"
    assert folder[0] == "tests/test_sums.py"
    assert hits[0] == "sums.py:2:    return a - b\nsums.py:6:    return a * 2"
    assert (none[0], more[0]) == ("[no line holds 'zebra']", "[exit code 3]")


def test_a_command_has_its_seconds_and_its_output_its_length(make: Make) -> None:
    env = make(command_s=1.0)
    env.reset(seed=0)
    late, long = play(env, "bash sleep 30", "bash seq 100000")
    assert late[0] == "[stopped: it took longer than 1 s]"
    assert len(long[0]) <= 10_000 and "characters left out" in long[0]


def test_what_is_too_large_to_be_read_is_taken_back(make: Make) -> None:
    env = make()
    _, before = env.reset(seed=0)
    observation, *_, info = env.step("bash head -c 2000000 /dev/zero > big; rm sums.py")
    assert "was taken back" in observation and info["state_hash"] == before["state_hash"]
    assert "def add" in env.step("view sums.py")[0]


def test_caches_are_no_part_of_the_tree(make: Make) -> None:
    env = make()
    _, before = env.reset(seed=0)
    info = env.step("bash mkdir -p a/__pycache__ .git; touch a/__pycache__/x.pyc b.pyc .git/index")[4]
    assert info["state_hash"] == before["state_hash"] and info["metrics"]["modification"] == 0


def test_only_python_that_parses_is_paid(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    tiers = [
        reply[4]["rewards"]["edit_parses"]
        for reply in play(
            env, "create a.py\ndef", "create b.py\nx = 1", "create c.txt\nx = 1", "bash rm b.py c.txt"
        )
    ]
    assert tiers == [0.0, 1.0, 0.0, 0.0]


def test_the_three_keys_of_a_state(make: Make) -> None:
    keys = {}
    for name in ("tree", "observation", "signature"):
        env = make(state_key=name)
        _, start = env.reset(seed=0)
        replies = play(env, "view sums.py", "view README.md", FIX, "undo", "run_tests")
        keys[name] = [start["state_key"], *(reply[4]["state_key"] for reply in replies)]
        assert [reply[4]["state_hash"] for reply in replies][3] == start["state_hash"]
    assert len(set(keys["tree"])) == 2 and keys["tree"][4] == keys["tree"][0] != keys["tree"][3]
    assert len(set(keys["observation"])) == 6
    assert keys["signature"][1] == keys["signature"][2] and len(set(keys["signature"])) == 5


def test_a_clone_goes_its_own_way(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    env.step("create a.txt\none")
    with env.clone() as twin:
        twin.step(FIX)
        assert twin.step("submit")[4]["won"]
        assert "Undone: a.txt." in env.step("undo")[0]
    assert env.step("submit")[4]["outcome"] == "empty_patch"
    with env.clone() as after:
        assert after.step("submit")[:3] == ("[not done] The episode is over.", 0.0, True)


def test_steps_of_others_go_on_while_a_command_runs(make: Make) -> None:
    slow, quick = make(), make()
    slow.reset(seed=0)
    quick.reset(seed=0)

    async def main() -> list[str]:
        order: list[str] = []

        async def take(env: Checked[SweEnv], action: str, name: str) -> None:
            await env.text_env.step_async(action)
            order.append(name)

        waiting = asyncio.ensure_future(take(slow, "bash sleep 1", "slow"))
        await asyncio.sleep(0.05)
        await take(quick, "bash true", "quick")
        await waiting
        return order

    assert asyncio.run(main()) == ["quick", "slow"]


def test_a_grader_that_fails_is_a_fault_and_no_zero(make: Make) -> None:
    env = make(SumsTask(grader_fails=True))
    env.reset(seed=0)
    with pytest.raises(EnvironmentFault, match="sums-01 could not be graded: the grader has a fault"):
        env.step("submit")


def test_a_box_that_is_gone_is_a_fault_and_no_zero(make: Make, backend: FolderBackend) -> None:
    env = make()
    env.reset(seed=0)
    for box in backend.open:
        box.broken = True
    with pytest.raises(SandboxError, match="is gone"):
        env.step("bash ls")


GOLDS: list[Patch | str] = [
    GOLD,
    {**GOLD, "new/deep.py": b"x = 1\n", "README.md": None, "logo.bin": b"\xff\x00"},
    {"sums.py": START["sums.py"].replace(b"a - b", b"a + b").replace(b"a * 2", b"a + a") + b"# end"},
    "sed -i 's/a - b/a + b/' sums.py",
]


@pytest.mark.parametrize("gold", GOLDS, ids=["edit", "files", "hunks", "commands"])
def test_the_expert_solves_it_also_from_where_others_went(make: Make, gold: Patch | str) -> None:
    for start in ([], ["create note.txt\nhello"], ["undo", "bash rm sums.py"]):
        env = make(SumsTask(gold=gold))
        if gold == GOLDS[3] and "bash rm sums.py" in start:
            continue  # the commands need the file
        env.reset(seed=0)
        info = env.reset(seed=0, options={"expert": True})[1]
        for action in start:
            info = env.step(action)[4]
        for _ in range(12):
            *_, terminated, truncated, info = env.step(info["private"]["expert"])
            if terminated or truncated:
                break
        assert info["won"], start
        env.close()


def test_seeds_that_follow_each_other_play_every_task(make: Make) -> None:
    tasks = [SumsTask(f"sums-{number:02}") for number in range(5)]
    env = make(*tasks)
    assert {env.reset(seed=seed)[1]["task"] for seed in range(10, 15)} == {task.id for task in tasks}
    assert env.reset(seed=1, options={"task": "sums-03"})[1]["task"] == "sums-03"
    with pytest.raises(UsageError, match="unknown task 'sums-3'"):
        env.reset(options={"task": "sums-3"})


def test_suggestions_are_calls_of_this_tree(make: Make) -> None:
    env = make()
    _, info = env.reset(seed=3)
    assert {"run_tests", "submit", "view sums.py"} <= set(info["suggestions"])
    assert env.reset(seed=3)[1]["suggestions"] == info["suggestions"]


class Stepped(SumsTask):
    """Two parts in one box: the second is wanted only if the first is resolved."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = (SumsTask("sums-01/1"), SumsTask("sums-01/2"))

    def goes_on(self, verdict: Any) -> bool:
        return verdict.outcome == "resolved"


def test_a_task_of_several_steps(make: Make) -> None:
    first = Stepped()
    first.steps[0].goes_on = first.goes_on  # type: ignore[method-assign]
    env = make(first)
    env.reset(seed=0)
    part, end = play(env, FIX, "submit", FIX, "submit")[1::2]
    assert "The next part of the task" in part[0] and part[1:4] == (0.0, False, False)
    assert part[4]["rewards"]["outcome"] == 3.0 and not part[4]["won"]
    assert end[1:4] == (1.0, True, False) and end[4]["won"]
    env.reset(seed=0)
    assert env.step("submit")[1:4] == (0.0, True, False)
