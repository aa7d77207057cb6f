"""Changes of a library of lessons, and its file.

1. Changes equal those of the authors' own `_batch_update` with its renaming.
2. Whatever an answer holds, no lesson is longer, and no library larger, than it may be; nothing of it acts.
3. A file that is foreign, broken or too large is refused by name; lessons end the system message.
4. What a group's episodes say cannot close the record that the writer is shown.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from turnwise.agents.experience import questions
from turnwise.agents.experience.config import PracticeConfig
from turnwise.agents.experience.lessons import Library, write_document
from turnwise.agents.experience.operations import MOST_READ, Unreadable, read_operations, revised
from turnwise.agents.experience.reflect import differing, reward_of
from turnwise.agents.prompts.config import EXPLAINED
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.errors import UsageError
from turnwise.shown import visible

GOLDEN = Path(__file__).parents[2] / "golden" / "training_free.json"


def test_changes_equal_those_of_the_authors() -> None:
    cases = json.loads(GOLDEN.read_text())["cases"]
    assert len(cases) == 60 and any(len(each["after"]) < len(each["before"]) for each in cases)
    for case in cases:
        found = revised(case["before"], read_operations(case["answer"], 300), 1000)
        assert list(found) == case["after"], case


def test_changes_by_hand() -> None:
    said = json.dumps([
        {"operation": "DELETE", "id": "G0"},  # the authors' code leaves one without words undone
        {"operation": "UPDATE", "id": "G1", "content": "B: better."},
        {"operation": "ADD", "id": None, "content": "c\n  c\x1b[2J"}, {"operation": "ADD", "content": "d"},
        {"operation": "MERGE", "content": "x"}, {"operation": "ADD", "content": 7}, "ADD", None,
    ])  # fmt: skip
    operations = read_operations(said, 20)  # without a fence, too
    assert [each.kind for each in operations] == ["DELETE", "UPDATE", "ADD", "ADD"]
    assert revised(["a", "b"], operations, 9) == ("B: better.", r"c c\x1b[2J", "d")
    assert revised(["a", "b"], operations, 2) == ("B: better.", r"c c\x1b[2J")  # new ones give way
    for wrong in ("", "no", '{"operation": "ADD"}', "[" * 100_000, "```json\n[\n```"):
        with pytest.raises(Unreadable):
            read_operations(wrong, 20)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["operation", "id", "content", "x"]), inner | st.sampled_from(["ADD", "UPDATE", "DELETE", "G0"])),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(ANYTHING, max_size=12), st.integers(1, 40), st.integers(1, 5))
@example([{"operation": "ADD", "content": "\ufbc3"}], 1, 2)  # a sign that this Python has no name for
def test_no_answer_breaks_a_bound(said: list[Any], chars: int, most: int) -> None:
    after = revised(["old"], read_operations(json.dumps(said), chars), most)
    assert len(after) <= most and len(set(after)) == len(after)
    assert all(0 < len(text) <= max(chars, 3) and text == visible(text) for text in after)


def test_only_so_many_operations_are_read() -> None:
    said = json.dumps([{"operation": "ADD", "content": str(at)} for at in range(MOST_READ + 9)])
    assert len(read_operations(said, 9)) == MOST_READ


def test_a_library_is_a_file_of_bounded_size(tmp_path: Path) -> None:
    place = tmp_path / "l.json"
    write_document(place, Library(("Look: first.", "Go: then.")), {"steps": []})
    read = Library.read(place)
    assert read.texts == ("Look: first.", "Go: then.")
    system = read.shown_in(EXPLAINED).system
    assert system.endswith("use those that fit:\n[G0] Look: first.\n[G1] Go: then.")
    assert Library().shown_in(EXPLAINED) == EXPLAINED
    wrong = ("[", "[]", "{}", '{"format": "turnwise-experience", "experiences": "ab"}',
             '{"format": "turnwise-experience", "experiences": [""]}',
             json.dumps({"format": "turnwise-experience", "experiences": ["a" * 5000]}),
             json.dumps({"format": "turnwise-experience", "experiences": ["a"] * 1001}))  # fmt: skip
    for content in wrong:
        place.write_text(content)
        with pytest.raises(UsageError, match=r"l\.json"):
            Library.read(place)
    for values in ({"group_size": 1}, {"tasks": 0}, {"most": 2000}, {"chars": 5}):
        with pytest.raises(UsageError):
            PracticeConfig(**values)


def test_an_episode_cannot_close_its_record() -> None:
    def episode(success: bool | None, reward: float = 0.0) -> Trajectory:
        turn = Turn(0, "before MARK after\x1b", "s", "go", reward, "t", Generation("go"))
        return Trajectory("e/x-v0", "t", 0, "0", (turn,), "terminated", success=success)

    system, told = questions.sum_up(episode(True), 1.0, "aim", "MARK")
    assert told.content.count("MARK") == 2 and "\x1b" not in told.content and "aim" in system.content
    assert reward_of(episode(None, 0.25)) == 0.25 and reward_of(episode(True, 0.25)) == 1.0
    assert differing([episode(True), episode(False)])
    assert not differing([episode(True, 0.1), episode(True)]) and not differing([episode(True)])
