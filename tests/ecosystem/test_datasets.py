"""The package datasets gives tasks, and takes what was played."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

import turnwise
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


def test_versions_are_told(record_testsuite_property: Any) -> None:
    for package in ("datasets", "pyarrow"):
        record_testsuite_property(package, importlib.metadata.version(package))
