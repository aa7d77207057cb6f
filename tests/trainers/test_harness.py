"""Programs that know nothing of turnwise play the episodes of a training."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import turnwise
from turnwise import evaluate
from turnwise.__main__ import app
from turnwise.agents.gateway.config import HarnessConfig
from turnwise.agents.gateway.harness import HarnessRollout
from turnwise.agents.gateway.programs import run_program
from turnwise.agents.policies import TokenPolicy
from turnwise.agents.policies.by_name import make_policy
from turnwise.agents.policy import PolicyStopped
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.agents.types import FinishReason, Generation, GenerationRequest, Message, Trajectory
from turnwise.errors import UsageError
from turnwise.servers.client import connect
from turnwise.trainers.credit import TurnTable, get
from turnwise.trainers.recipe import Recipe, load
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train
from turnwise.trainers.validate import validate

CALLS = """
import json, os, urllib.request

def post(url, body):
    head = {"content-type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), head)))

def ask(talk):
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    return post(url, {"model": "any", "messages": talk})["choices"][0]["message"]
"""

STEPS = (
    CALLS
    + """
url, id = os.environ["TURNWISE_URL"], os.environ["TURNWISE_SESSION"]
talk, done, turn = [{"role": "user", "content": os.environ["TURNWISE_OBSERVATION"]}], False, 0
while not done:
    said = ask(talk)
    reply = post(f"{url}/v1/sessions/{id}/step", {"episode": 0, "turn": turn, "action": said["content"]})
    talk += [said, {"role": "user", "content": reply["observation"]}]
    turn, done = reply["turn"], reply["terminated"]
"""
)

POSTS = (
    CALLS
    + """
said = ask([{"role": "user", "content": "say something"}])["content"]
reward = {"final": True, "reward": sum(map(ord, said)) % 7, "success": True}
post(os.environ["TURNWISE_URL"] + "/reward", reward)
"""
)


def program(folder: Path, text: str) -> str:
    """Return the command of a program of this text."""
    file = folder / "harness.py"
    file.write_text(text)
    return f"{sys.executable} -S {file}"


class Words(TokenPolicy):
    """A policy of one token a letter that says "push red"."""

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        return (*(ord(letter) for message in messages for letter in message.content), 1)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return self.encode_prompt(messages)

    def forget(self, conversation: str) -> None:
        pass

    async def generate(self, request: GenerationRequest) -> Generation:
        ids = (*map(ord, "push red"), 0)
        return Generation("push red", request.prompt_ids or (), ids, (-0.5,) * len(ids))


def play(config: HarnessConfig, tasks: list[TaskItem], **options: Any) -> tuple[Trajectory, ...]:
    async def inside() -> tuple[Trajectory, ...]:
        client = connect("local:")
        try:
            found = await HarnessRollout(config)(client, Words(), tasks, RolloutConfig(**options))
            assert not client.transport.service.sessions
        finally:
            await client.aclose()
        return found.trajectories

    return asyncio.run(inside())


def test_a_training_by_a_program_that_steps_a_session(lights: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = lights(
        harness={"command": program(tmp_path, STEPS), "workers": 2, "timeout_s": 60},
        rollout={"num_groups": 1, "group_size": 4},
        optim={"num_minibatches": 1},
        train={"num_updates": 2},
        eval={"episodes": 1, "every": 0},
        warmstart={"episodes": 4, "max_steps": 2},
        log={"console": False, "trajectories": "all"},
    )
    train(recipe, tmp_path / "run")
    log = read_log(tmp_path / "run")
    updates = [entry for entry in log if entry["kind"] == "update"]
    assert [entry["eval/episodes"] for entry in log if entry["kind"] == "eval"] == [1, 1]
    assert len(updates) == 2 and updates[0]["mismatch_max"] < 1e-5
    paths = [trajectory_path(tmp_path / "run", update) for update in (1, 2)]
    played = [one for path in paths for one in read_trajectories(path)]
    returns = {(one.group, one.episode_return) for one in played}
    assert len(played) == 8 and len(returns) > 2 and {one.end for one in played} == {"terminated"}
    for one in played:
        assert [turn.state_key for turn in one.turns] == [turn.observation for turn in one.turns]
        for before, after in zip(one.turns, one.turns[1:], strict=False):
            known = before.generation.prompt_ids + before.generation.token_ids
            assert after.generation.prompt_ids[: len(known)] == known
            assert before.next_state_key == after.state_key
    credit = get("gigpo")(TurnTable.from_trajectories(played))
    assert abs(credit.advantage).max() > 0 and credit.parts["step_group"].max() >= 0
    assert_equal_to_a_rollout_of_ours(recipe, tmp_path / "run")
    written = str(tmp_path / "run" / "recipe.toml")
    found = evaluate(recipe.env.id, f"ckpt:{tmp_path / 'run'}", recipe=written, episodes=1)
    assert found.settings["harness"] == recipe.harness.command and found.turns == 3


def assert_equal_to_a_rollout_of_ours(recipe: Recipe, run: Path) -> None:
    """A program that asks in the words of our own rollout gets the same tokens, turn by turn."""
    policy = make_policy(f"ckpt:{run}")
    config = replace(recipe.rollout, slots=1, deterministic=False)
    tasks = [TaskItem(recipe.env.id, seed=5, group="g", member=member) for member in range(2)]

    async def both() -> list[tuple[Trajectory, ...]]:
        client = connect("local:")
        ways = (rollout, HarnessRollout(recipe.harness))
        options = {"prompt": recipe.prompt, "seed": 3, "with_prompts": True}
        found = [await way(client, policy, tasks, config, **options) for way in ways]
        await client.aclose()
        return [each.trajectories for each in found]

    ours, theirs = asyncio.run(both())
    assert [trajectory.end for trajectory in ours] == ["terminated"] * 2
    for one, other in zip(ours, theirs, strict=True):
        assert replace(other, seconds=0.0, metrics={}) == replace(one, seconds=0.0, metrics={})


def test_rewards_may_be_posted(tmp_path: Path) -> None:
    config = HarnessConfig(program(tmp_path, POSTS), posted=True)
    tasks = [TaskItem("mine", seed=3, group="g") for _ in range(2)]
    found = play(config, tasks)
    assert [(one.end, one.success, one.group, one.member) for one in found] == [
        ("terminated", True, "g", 0),
        ("terminated", True, "g", 1),
    ]
    assert found[0].episode_return == sum(map(ord, "push red")) % 7 and found[0].env_id == "mine"


@pytest.mark.parametrize(
    ("text", "end", "error"),
    [
        ("import sys; sys.exit('no such luck')", "error", "exit code 1: no such luck"),
        ("pass", "error", "called no model"),
        (CALLS + "ask([{'role': 'user', 'content': 'x'}])", "error", "posted no reward"),
        ("import time; time.sleep(60)", "deadline", "over 0.5 s"),
    ],
)
def test_a_program_that_fails_is_an_episode_that_fails(
    tmp_path: Path, text: str, end: str, error: str
) -> None:
    limit = 0.5 if end == "deadline" else 30.0
    config = HarnessConfig(program(tmp_path, text), posted=True, timeout_s=limit)
    (found,) = play(config, [TaskItem("mine")], retries=0)
    assert found.end == end and error in str(found.error)


def test_a_policy_that_stops_ends_the_rollout_and_every_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop(self: Words, request: GenerationRequest) -> Generation:
        raise PolicyStopped("the weights have diverged")

    monkeypatch.setattr(Words, "generate", stop)
    config = HarnessConfig(program(tmp_path, POSTS), posted=True)
    with pytest.raises(PolicyStopped, match="diverged"):
        play(config, [TaskItem("mine") for _ in range(3)])


def test_what_a_program_began_is_ended_with_it(tmp_path: Path) -> None:
    """A child in a session of its own, orphaned, and one without the environment: both are gone."""
    note = tmp_path / "pids"
    text = f"""
import os, subprocess, sys, time
for env in ({{}}, None):
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], env=env,
                             start_new_session=env is None)
    open({str(note)!r}, "a").write(f"{{child.pid}}\\n")
if os.fork():
    time.sleep(60)
os.setsid()
open({str(note)!r}, "a").write(f"{{os.getpid()}}\\n")
time.sleep(60)
"""
    words = [sys.executable, "-S", str(tmp_path / "harness.py")]
    program(tmp_path, text)
    ended = asyncio.run(run_program(words, {"MARK": "unlike-any-other-0"}, 1.5, "unlike-any-other-0"))
    pids = [int(line) for line in note.read_text().split()]
    assert ended.code is None and len(pids) == 3
    deadline = time.monotonic() + 10
    while (alive := [pid for pid in pids if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive == []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_program_is_told_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNWISE_KEY", "a-secret-of-the-server")
    monkeypatch.setenv("MINE", "passed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    note = tmp_path / "env"
    text = f"import json, os; json.dump(dict(os.environ), open({str(note)!r}, 'w'))"
    play(HarnessConfig(program(tmp_path, text), posted=True, env={"A": "1"}, pass_env=("MINE",)),
         [TaskItem("mine", seed=5)], retries=0)  # fmt: skip
    told = json.loads(note.read_text())
    assert (told["MINE"], told["A"], told["TURNWISE_SEED"]) == ("passed", "1", "5")
    assert told["OPENAI_BASE_URL"] == told["TURNWISE_URL"] + "/v1" == told["ANTHROPIC_BASE_URL"] + "/v1"
    assert "TURNWISE_KEY" not in told and "sk-real" not in told.values()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"harness": {"command": "no-such-program x"}}, "no such program"),
        (
            {"harness": {"command": "python3 nowhere.py x"}},
            r"no file nowhere\.py in .*where the command is typed",
        ),
        ({"harness": {"posted": True}}, "set harness.command"),
        ({"harness": {"command": "true", "posted": True}}, "rollout.constraint"),
        (
            {"harness": {"command": "true", "posted": True}, "rollout": {"constraint": "none"}},
            "eval.episodes",
        ),
        (
            {
                "harness": {"command": "true", "posted": True},
                "rollout": {"constraint": "none"},
                "eval": {"episodes": 0},
            },
            "learns its words",
        ),
        (
            {"harness": {"command": "true"}, "plan": {"name": "tree"}, "rollout": {"group_size": 4}},
            "cannot be forked",
        ),
    ],
)
def test_what_a_harness_cannot_do_is_refused_before_anything_is_played(
    lights: Callable[..., Recipe], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        validate(lights(**changes))


def test_an_evaluation_refuses_posted_rewards_before_it_looks_for_their_environment(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'extends = "tiny"\n[env]\nid = "my-agent"\n[harness]\ncommand = "true"\nposted = true\n'
    )
    words = ["eval", "--env", "my-agent", "--agent", "random", "--recipe", str(recipe)]
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, UsageError) and "counts what an environment says" in str(refused)
    with pytest.raises(UsageError, match="counts what an environment says"):
        evaluate("my-agent", "random", recipe=str(recipe))


def test_a_recipe_whose_rewards_are_posted_starts_no_server(tmp_path: Path) -> None:
    """Its env.id is a name alone, which no server could offer."""
    values = {
        "env.id": "my-agent",
        "policy.checkpoint": "demo",
        "harness.command": program(tmp_path, POSTS),
        "harness.posted": True,
        "rollout.constraint": "none",
        "rollout.num_groups": 1,
        "rollout.group_size": 2,
        "optim.num_minibatches": 1,
        "eval.episodes": 0,
        "train.num_updates": 1,
        "log.console": False,
    }
    assert load("tiny").server.spawn
    (row,) = turnwise.train("tiny", tmp_path / "run", values).rows()
    assert row["rollout/errors"] == 0 and row["reward"] > 0
