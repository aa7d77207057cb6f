"""The package datasets gives tasks, and takes what was played."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

import turnwise
from turnwise.agents.policies import Policy
from turnwise.agents.rollout.config import RolloutConfig
from turnwise.agents.types import Generation, GenerationRequest
from turnwise.envs.rows.environment import Rows
from turnwise.envs.rows.table import table_of
from turnwise.errors import UsageError

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("ignore")]
ROWS = [{"problem": f"{n} + 1?", "solution": f"#### {n + 1}"} for n in range(5)]


def test_a_dataset_is_an_environment() -> None:
    from datasets import Dataset, DatasetDict

    made = Dataset.from_list(ROWS)
    assert table_of(made).digest == table_of(ROWS).digest
    env = Rows(made, question="problem", answer="solution", grader="numeric")
    env.reset(seed=3)
    assert env.step("4")[1] == 1.0
    with pytest.raises(UsageError, match="of one split"):
        table_of(DatasetDict(train=made))


def test_a_folder_of_the_hub_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for split, rows in (("train", ROWS), ("test", ROWS[:2])):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    kwargs = {"question": "problem", "answer": "solution", "grader": "numeric"}
    with turnwise.make("rows/table-v0", data=f"hub:{tmp_path}?split=test", **kwargs) as env:
        assert env.unwrapped.num_tasks == 2
    with pytest.raises(UsageError, match="datasets cannot load it"):
        turnwise.make("rows/table-v0", data=f"hub:{tmp_path}/nowhere", **kwargs)
    with pytest.raises(UsageError, match="'part'"):
        table_of(f"hub:{tmp_path}?part=test")


def test_chats_are_loaded_as_they_were_written(tmp_path: Path) -> None:
    from datasets import load_dataset

    from turnwise.agents.chats import write_chats
    from turnwise.agents.prompts.config import PromptConfig

    prompt = PromptConfig(tools="native")
    calls = [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "find_contacts", "arguments": '{"query": "Ada"}'},
        },
        {
            "id": "b",
            "type": "function",
            "function": {"name": "list_events", "arguments": '{"date": "today"}'},
        },
    ]

    class Calls(Policy):
        async def generate(self, request: GenerationRequest) -> Generation:
            return Generation("", tool_calls=(calls[request.turn],), reasoning="hm")

    played = turnwise.rollout(
        "calling/office-v1", Calls(), seeds=range(3), prompt=prompt, config=RolloutConfig(max_turns=2)
    )
    assert write_chats(tmp_path / "chats.jsonl", played.trajectories, prompt) == 3
    cache = str(tmp_path / "cache")
    loaded = load_dataset("json", data_files=str(tmp_path / "chats.jsonl"), split="train", cache_dir=cache)
    written = [json.loads(line) for line in (tmp_path / "chats.jsonl").read_text().splitlines()]
    assert [row["messages"] for row in loaded] == [line["messages"] for line in written]
    assert loaded[0]["tools"] == written[0]["tools"]
    made = [message["tool_calls"][0] for message in loaded[0]["messages"] if message.get("tool_calls")]
    assert [call["function"]["arguments"] for call in made] == [{"query": "Ada"}, {"date": "today"}]


def test_versions_are_told(record_testsuite_property: Any) -> None:
    for package in ("datasets", "pyarrow"):
        record_testsuite_property(package, importlib.metadata.version(package))
