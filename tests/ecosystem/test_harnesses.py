"""Clients of OpenAI and of Anthropic play the episodes of a training, through the gateway."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness_runs import POLICIES, train_twice

import turnwise

pytestmark = pytest.mark.ecosystem

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"

LAMPS = '''
import json

from turnwise import TextEnv

COLOURS = ["blue", "green", "red"]
SCHEMA = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}


class Lamps(TextEnv):
    """Push the button of the lamp's colour, three times; as a text, or by the tool."""

    def __init__(self, tool=False):
        self.tool = tool

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turn, self.right = 0, 0
        self.colours = [COLOURS[int(self.np_random.integers(3))] for _ in range(4)]
        return self._show()

    def step(self, action):
        said = action.removeprefix("push ")
        if self.tool:
            body = action.removeprefix("<tool_call>").removesuffix("</tool_call>")
            said = json.loads(body)["arguments"]["colour"]
        reward = float(said == self.colours[self.turn]) / 3
        self.turn, self.right = self.turn + 1, self.right + (reward > 0)
        text, info = self._show()
        return text, reward, self.turn == 3, False, {**info, "won": self.right == 3}

    def _show(self):
        calls = [json.dumps({"name": "push", "arguments": {"colour": c}}) for c in COLOURS]
        listed = [f"<tool_call>{call}</tool_call>" for call in calls]
        listed = listed if self.tool else [f"push {c}" for c in COLOURS]
        tools = [{"name": "push", "description": "Push a button.", "parameters": SCHEMA}] if self.tool else []
        info = {"admissible": listed, "tools": tools, "instruction": "Push the buttons."}
        return f"Lamp {self.turn} is {self.colours[self.turn]}.", info
'''


@pytest.fixture
def lamps(tmp_path: Path) -> str:
    file = tmp_path / "lamps.py"
    file.write_text(LAMPS)
    return f"{file}:Lamps"


FIRST_IS_QUICK = [POLICIES[0], *(pytest.param(each, marks=pytest.mark.slow) for each in POLICIES[1:])]


@pytest.mark.parametrize("kind", FIRST_IS_QUICK)
def test_openais_client_trains(
    kind: str, lamps: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="not installed: make ecosystem")
    train_twice(kind, tmp_path, lamps, f"{sys.executable} {EXAMPLES / 'chat_harness.py'}", monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("kind", POLICIES)
def test_anthropics_client_trains_by_tools_and_streams(
    kind: str, lamps: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("anthropic", reason="not installed: make ecosystem")
    command = f"{sys.executable} {EXAMPLES / 'messages_harness.py'}"
    train_twice(kind, tmp_path, lamps, command, monkeypatch, **{"env.kwargs": {"tool": True}})


def test_an_agent_with_a_task_of_its_own_trains_by_the_recipe_of_the_page(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="not installed: make ecosystem")
    page = (EXAMPLES.parent / "gateway.md").read_text().partition("### An agent with tasks of its own")[2]
    recipe = page.partition("```toml\n")[2].partition("```")[0]
    command = f"{sys.executable} {EXAMPLES / 'posted_harness.py'}"
    file = tmp_path / "mine.toml"
    file.write_text(recipe.replace("python docs/examples/posted_harness.py", command))
    small = {"train.num_updates": 1, "rollout.num_groups": 2, "rollout.group_size": 2, "log.console": False}
    run = turnwise.train(file, tmp_path / "run", {**small, "optim.num_minibatches": 1})
    (row,) = run.rows()
    assert row["turns/mean"] == 2 and row["rollout/errors"] == 0 and 0 < row["reward"] < 2
