"""What is said of edits: no two read alike, and where they begin alike, the first difference is shown."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from turnwise.envs.swe.choices.apart import told_apart
from turnwise.envs.swe.choices.candidates import Candidate
from turnwise.envs.swe.choices.environment import bugs_of
from turnwise.envs.swe.choices.workshop import edits_of

LONG = "x = " + "first + " * 20


def edit(files: Mapping[str, str], shown: str = "f: `a` -> `b`") -> Candidate:
    return Candidate(files, (("a.py", "f"),), shown)


def test_edits_that_read_differently_are_left_as_they_are() -> None:
    edits = [edit({"a.py": "b\n"}, "one"), edit({"a.py": "c\n"}, "two")]
    assert told_apart(edits, {"a.py": "a\n"}) == ["one", "two"]


def test_the_first_line_that_differs_is_shown_around_its_difference() -> None:
    edits = [edit({"a.py": f"b\n{LONG}{end}\n"}) for end in ("1", "2")]
    told = told_apart(edits, {"a.py": "a\n"})
    assert [text.removeprefix("f: `a` -> `b`; line 2: ") for text in told] == [
        f"`...{(LONG + end)[-29:]}`" for end in ("1", "2")
    ]


def test_a_file_that_one_leaves_alone_a_line_that_one_lacks_and_blanks_differ_too() -> None:
    start = {"a.py": "a\n", "b.py": "c\n"}
    both, one = edit({"a.py": "b\n", "b.py": "d\n"}), edit({"a.py": "b\n"})
    assert told_apart([both, one], start) == [
        "f: `a` -> `b`; b.py, line 1: `d`",
        "f: `a` -> `b`; b.py, line 1: `c`",
    ]
    longer = [edit({"a.py": "b\nreturn\n"}), edit({"a.py": "b\n"})]
    assert [text.rpartition(": ")[2] for text in told_apart(longer, start)] == ["`return`", "``"]
    blank = [edit({"a.py": "b\n  c\n"}), edit({"a.py": "b\n\tc\n"})]
    assert [text.rpartition(": ")[2] for text in told_apart(blank, start)] == ["`  c\\n`", "`\\tc\\n`"]


def test_of_three_all_are_told_apart() -> None:
    edits = [edit({"a.py": f"b\n{LONG}{end}\n"}) for end in ("1", "2")] + [edit({"a.py": "b\ny\n"})]
    told = told_apart(edits, {"a.py": "a\n"})
    assert len(set(told)) == 3 and told[0].endswith("+ 1`") and told[1].endswith("+ 2`")


SOURCE = st.text(alphabet="ab \t\n'\"\\", max_size=12)


@given(st.lists(SOURCE, min_size=2, max_size=5, unique=True), st.integers(0, 200))
def test_no_two_texts_are_alike(sources: list[str], length: int) -> None:
    edits = [edit({"a.py": "c" * length + source}) for source in sources]
    assert len(set(told_apart(edits, {"a.py": ""}))) == len(sources)


def test_no_two_edits_of_a_bug_read_alike() -> None:
    for task in bugs_of("all", None, None)[::4]:
        files, edits = edits_of(task)
        told = told_apart(edits, files)
        assert len(set(told)) == len(edits), task.id
        assert max(map(len, told)) < 300


def test_what_a_player_of_one_bug_reads() -> None:
    (task,) = [task for task in bugs_of("all", "cli", None) if task.id == "cli-07"]
    files, edits = edits_of(task)
    assert [text for text in told_apart(edits, files) if "`pass`" in text] == [
        "duration: `found = _DURATION.match(text)` -> `pass`; line 67: `if not text or found is None:`",
        "duration: `found = _DURATION.match(text)` -> `pass`; line 67: `if not found or not found[0]:`",
    ]
