"""Our environments as tasks of inspect_ai, run by its own evaluation with its own mock of a model."""

from __future__ import annotations

import json
import math
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import turnwise
from turnwise.envs.tools import command
from turnwise.errors import EnvironmentFault

pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]
ROOT = Path(__file__).parents[2]


class Doors(turnwise.TextEnv):
    """An environment in which seed % 2 says which of two doors is right; without `won` it does not say so."""

    def __init__(self, says: bool = True, tools: bool = True, breaks: bool = False) -> None:
        self.says, self.tools, self.breaks = says, tools, breaks

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.right = ("left", "right")[seed % 2]
        tools = {"tools": [command("open", "open {door}", "Open a door.")]} if self.tools else {}
        return f"The {self.right} door.", {"instruction": "Find the door.", **tools, **self._won(False)}

    def step(self, action):
        if self.breaks:
            raise RuntimeError("the hinge is broken")
        won = action == f"open {self.right}"
        return "in" if won else "shut", float(won), won, False, self._won(won)

    def _won(self, won: bool) -> dict[str, Any]:
        return {"won": won, "score": 2.0 * won} if self.says else {}


def called(name: str, **arguments: Any) -> Any:
    """Return a message with a call; its tokens are given, since counting them asks the internet."""
    from inspect_ai.model import ModelOutput, ModelUsage

    output = ModelOutput.for_tool_call("mockllm", name, arguments)
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


def evaluated(tmp_path: Path, answer: Any, **more: Any) -> Any:
    """Run inspect's evaluation with a function for a model."""
    from inspect_ai import eval
    from inspect_ai.model import get_model

    from turnwise.integrations.inspect_ai import task

    made = task(f"{__name__}:Doors", seeds=range(2), max_messages=3, **more)
    model = get_model("mockllm/model", custom_outputs=answer, memoize=False)
    (log,) = eval(made, model=model, log_dir=str(tmp_path), display="none", fail_on_error=False)
    return log


def means(log: Any) -> dict[str, float]:
    """Return the first metric of each scorer."""
    assert not [sample.error.traceback for sample in log.samples if sample.error]
    return {score.name: next(iter(score.metrics.values())).value for score in log.results.scores}


def test_a_model_plays_by_calls(tmp_path: Path) -> None:
    def left(messages: Any, tools: Any, choice: Any, config: Any) -> Any:
        assert [(tool.name, list(tool.parameters.properties)) for tool in tools] == [("open", ["door"])]
        return called("open", door="left")

    log = evaluated(tmp_path, left)
    assert log.status == "success" and means(log) == {"success": 0.5, "episode_return": 0.5}
    won, lost = sorted(log.samples, key=lambda sample: sample.id)
    episode = won.store["turnwise"]
    assert (episode["won"], episode["end"], episode["score"]) == (True, "terminated", 2.0)
    assert episode["turns"] == [{"action": "open left", "reward": 1.0, "state_key": "The left door."}]
    assert [message.role for message in won.messages] == ["user", "assistant", "tool"]
    assert "Find the door." in won.messages[0].text and "The left door." in won.messages[0].text
    assert won.messages[2].text == "in\n\nThe episode is over."
    assert len(lost.store["turnwise"]["turns"]) == 3 and lost.store["turnwise"]["end"] == "horizon"


def test_a_model_plays_in_words_and_unknown_success_stays_unknown(tmp_path: Path) -> None:
    def says(messages: Any, tools: Any, choice: Any, config: Any) -> Any:
        output = called("none")
        side = re.findall(r"The (\w+) door", messages[0].text)[0]
        output.choices[0].message.tool_calls = None
        output.choices[0].message.content = f"open {side}"
        return output

    log = evaluated(tmp_path, says, kwargs={"says": False, "tools": False})
    assert means(log)["episode_return"] == 1.0
    for sample in log.samples:
        assert math.isnan(sample.scores["success"].value) and sample.store["turnwise"]["won"] is None
        assert [message.role for message in sample.messages] == ["user", "assistant", "user"]


def test_what_breaks_is_an_error_and_not_a_failure(tmp_path: Path) -> None:
    log = evaluated(tmp_path, lambda *given: called("open", door="left"), kwargs={"breaks": True})
    assert all("the hinge is broken" in sample.error.message for sample in log.samples)
    assert EnvironmentFault.__name__ in log.samples[0].error.traceback


def test_the_example_is_what_inspect_finds(tmp_path: Path) -> None:
    from inspect_ai import eval
    from inspect_ai.model import get_model

    def answers(messages: Any, tools: Any, choice: Any, config: Any) -> Any:
        assert {"find_contacts", "answer"} <= {tool.name for tool in tools}
        return called("answer", text="done")

    model = get_model("mockllm/model", custom_outputs=answers, memoize=False)
    file = ROOT / "docs" / "examples" / "inspect_task.py"
    (log,) = eval(
        f"{file}@office", model=model, task_args={"seeds": 2}, log_dir=str(tmp_path), display="none"
    )
    assert log.status == "success" and {sample.id for sample in log.samples} == {0, 1}
    assert all(sample.store["turnwise"]["won"] is False for sample in log.samples)
    assert json.dumps(log.samples[0].store["turnwise"])


def test_versions_are_told(record_testsuite_property: Any) -> None:
    record_testsuite_property("inspect-ai", version("inspect-ai"))
