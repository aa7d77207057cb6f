"""Chats with rewards as episodes: what others write, and what `turnwise export --chat` has written."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from turnwise.agents.chats import write_chats
from turnwise.agents.prompts.config import Mode, PromptConfig
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import UsageError
from turnwise.trainers.offline.chats import episode_of
from turnwise.trainers.offline.sources import Found, episodes_of


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


TALK = [
    said("system", "Be brief."),
    said("user", "hall"),
    said("assistant", "go"),
    said("user", "door"),
    said("assistant", "open"),
]


def read(place: Path) -> list[Found]:
    return list(episodes_of(place, lambda text: None))


def lines(path: Path, *documents: Any) -> Path:
    path.write_text("\n".join(json.dumps(document) for document in documents))
    return path


def test_messages_of_the_assistant_are_turns() -> None:
    found = episode_of({"messages": TALK, "rewards": [0.25, 1], "valid": [False, True]}, None, 7)
    assert [(t.observation, t.action, t.reward, t.valid) for t in found.turns] == [
        ("hall", "go", 0.25, False),
        ("door", "open", 1.0, True),
    ]
    assert [message.content for message in found.turns[1].prompt] == ["Be brief.", "hall", "go", "door"]
    assert (found.success, found.group, found.counts) == (None, "line 7", True)


def test_the_line_of_the_page_is_read() -> None:
    page = (Path(__file__).parents[3] / "docs" / "offline.md").read_text()
    (line,) = re.findall(r"```json\n(.*?)```", page, re.S)
    found = episode_of(json.loads(line), None, 1)
    assert [turn.reward for turn in found.turns] == [0.5, 0.0]
    assert (found.success, found.group) == (False, "light 7")


@pytest.mark.parametrize(
    ("told", "rewards", "success"),
    [
        ({"reward": 0.5}, [0.0, 0.5], None),
        ({"return": 2}, [0.0, 2.0], None),
        ({"success": True}, [0.0, 1.0], True),
        ({"success": False}, [0.0, 0.0], False),
    ],
)
def test_one_number_is_the_last_turns(
    told: dict[str, Any], rewards: list[float], success: bool | None
) -> None:
    found = episode_of({"messages": TALK, **told}, None, 1)
    assert [turn.reward for turn in found.turns] == rewards
    assert found.success is success


def test_a_message_of_weight_0_is_shown_and_not_learned() -> None:
    shown = [TALK[0], TALK[1], {**TALK[2], "weight": 0}, *TALK[3:]]
    (turn,) = episode_of({"messages": shown, "reward": 1}, None, 1).turns
    assert (turn.action, len(turn.prompt)) == ("open", 4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"messages": None}, "messages is no list"),
        ({"messages": TALK[:2]}, "has no message of the assistant"),
        ({"messages": TALK[2:]}, "message 1 is the assistant's"),
        ({"messages": [said("robot", "x")]}, "message 1: expected an object with a role among system"),
        ({"messages": [said("user", [{"type": "image"}])]}, "message 1: expected text in words alone"),
        ({"messages": [said("user", "\ud800")]}, "message 1: expected text"),
        ({"rewards": [1.0]}, "rewards is .*expected 2 numbers, one a turn"),
        ({"rewards": [1.0, float("nan")]}, "rewards holds nan; expected finite numbers"),
        ({"rewards": [True, 1.0]}, "rewards holds True"),
        ({"rewards": None}, "has no rewards"),
        ({"valid": [True]}, "valid is"),
        ({"turns": [0, 3]}, r"turns \[0, 3\], and 2 messages"),
        ({"turns": [2, 1]}, "expected the first before the last"),
        ({"turns": [3, 5]}, "goes on at turn 3 of an episode"),
        ({"end": "boredom"}, "end is 'boredom'"),
        ({"success": "yes"}, "success is 'yes'"),
        ({"group": ["a"]}, "group is"),
        ({"task_seed": -1}, "task_seed is -1"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    good = {"messages": TALK, "rewards": [0.0, 1.0]}
    path = lines(tmp_path / "chats.jsonl", good, {**good, **changed})
    with pytest.raises(UsageError, match=f"chats.jsonl, line 2: .*{message}"):
        read(path)


@pytest.mark.parametrize("content", [b'{"messages": ', b"[1]\n", b"\xff\xfe"])
def test_broken_lines_are_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=r"chats\.jsonl, line 1: "):
        read(tmp_path / "chats.jsonl")


def episodes() -> list[Trajectory]:
    """Return an episode in conversation and one that failed, as a run without tokens stores them."""
    texts = ("go", "open")
    both = []
    for member, reward in enumerate((1.0, 0.0)):
        turns = tuple(
            Turn(i, f"room {i}", f"s{i}", text, reward * i, f"s{i + 1}", generation=Generation(text))
            for i, text in enumerate(texts)
        )
        both.append(
            Trajectory("maze", "exit", 5, "exit 5", turns, "terminated", success=bool(reward), member=member)
        )
    return both


@pytest.mark.parametrize("mode", ["conversation", "window"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_was_exported_comes_back(mode: Mode, packed: bool, tmp_path: Path) -> None:
    """With windows an episode is a line a turn."""
    path = tmp_path / ("chats.jsonl.gz" if packed else "chats.jsonl")
    number = write_chats(path, episodes(), PromptConfig(mode=mode, style="plain", show_admissible=False))
    assert number == (2 if mode == "conversation" else 4)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = [each.trajectory for each in read(path)]
    for one, other in zip(episodes(), found, strict=True):
        assert [turn.reward for turn in one.turns] == [turn.reward for turn in other.turns]
        assert [turn.action for turn in one.turns] == [turn.action for turn in other.turns]
        assert (one.group, one.member, one.success, one.task_seed) == (
            other.group,
            other.member,
            other.success,
            other.task_seed,
        )
        assert all("room" in turn.prompt[-1].content for turn in other.turns)


def test_parquet_with_messages_is_read_and_rows_of_turns_are_refused(tmp_path: Path) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    rows = [{"messages": TALK, "reward": float(number)} for number in range(70)]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert [each.trajectory.episode_return for each in found] == [float(number) for number in range(70)]
    parquet.write_table(
        arrow.Table.from_pylist([{"messages": json.dumps(TALK), "success": True}]), tmp_path / "b.parquet"
    )
    assert read(tmp_path / "b.parquet")[0].trajectory.success is True
    parquet.write_table(arrow.Table.from_pylist([{"observation": "x"}]), tmp_path / "c.parquet")
    with pytest.raises(UsageError, match=r"c\.parquet, row 0: has the columns observation"):
        read(tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match=r"d\.parquet, row 0"):
        read(tmp_path / "d.parquet")
