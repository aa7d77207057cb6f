"""Questions of tables: what is read, what an answer is worth, and which rows are tasks."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import turnwise
from turnwise.envs.rows import register_rows
from turnwise.envs.rows.environment import Rows
from turnwise.envs.rows.reading import answer_of, letter_of, number_of
from turnwise.envs.rows.table import table_of
from turnwise.errors import EnvironmentFault, UnknownName, UsageError

SUMS = [
    {"question": f"What is {n} + {n}?", "answer": f"First {n}, then again.\n#### {2 * n}"} for n in range(40)
]


def played(env: Rows, *actions: str, seed: int = 0, **options: Any) -> list[Any]:
    env.reset(seed=seed, options=options)
    return [env.step(action) for action in actions]


def reward(rows: list[dict[str, Any]], grader: str, said: str, **more: Any) -> float:
    return float(played(Rows(rows, grader=grader, **more), said)[0][1])


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("It is 1,234.50 in all.", Fraction("1234.5")), ("3/4", Fraction(3, 4)), ("-7", Fraction(-7)),
        ("1e3", Fraction(1000)), ("4 and 5", Fraction(5)), ("$1,000", Fraction(1000)), ("3-4", Fraction(4)),
        ("so 12 #### 13 ", Fraction(13)), (".5", Fraction(1, 2)), ("1/0", None), ("none", None),
        ("v2.1x", None), ("9" * 300, None), ("-", None),
        ("E0", None), ("7 E0", Fraction(7)), ("/5", Fraction(5)), (".5e1", Fraction(5)), ("e", None),
    ],
)  # fmt: skip
def test_the_last_number_is_read(said: str, number: Fraction | None) -> None:
    assert number_of(said) == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_is_read_as_it_is_written(value: Any) -> None:
    assert number_of(f"The answer is {value}") == number_of(f"{value:,}") == Fraction(value)


@given(st.text())
def test_any_message_has_an_answer(said: str) -> None:
    assert isinstance(answer_of(said), str)
    number_of(said), letter_of(said, "ABC")


def test_where_an_answer_stands() -> None:
    assert answer_of("<think>7</think> <answer>8</answer> no, <answer> 9 </answer>") == "9"
    assert answer_of(r"So \boxed{\frac{1}{2}} it is") == r"\frac{1}{2}"
    assert answer_of("<think><answer>1</answer></think>two") == "two"
    assert answer_of(r"\boxed{1") == r"\boxed{1"


def test_graders() -> None:
    capital = [{"question": "Capital of France?", "answer": ["Paris", "City of Light"]}]
    assert [reward(capital, "exact", said) for said in ("the paris.", "Lyon", "city of light")] == [1, 0, 1]
    assert [reward(SUMS[2:3], "numeric", said) for said in ("4.0", "2 + 2 = 4", "5", "four")] == [1, 1, 0, 0]
    near = [{"question": "Pi?", "answer": 3.14159}]
    assert [reward(near, "numeric", "3.14", tolerance=each) for each in (0.001, 1e-6)] == [1, 0]
    date = [{"question": "When?", "answer": r"\d{4}-0?5-\d\d"}]
    assert [reward(date, "regex", said) for said in ("2024-05-01", "2024-5-01", "on 2024-05-01")] == [1, 1, 0]


@pytest.mark.parametrize("answer", ["B", "b", 1, "1", "a dog"])
def test_choices(answer: Any) -> None:
    row = {"question": "Which barks?", "choices": {"text": ["a cat", "a dog"], "label": ["A", "B"]}}
    env = Rows([{**row, "answer": answer}], grader="choice")
    shown, info = env.reset(seed=0, options={"expert": True})
    assert shown == "Which barks?\nA. a cat\nB. a dog"
    assert info["admissible"] == ["A", "B"] and info["private"]["expert"] == "B"
    said = {"B": 1, "(b)": 1, "It is B.": 1, "A dog": 1, "A": 0, "C": 0, "A bit of both: A": 0}
    assert {each: played(env, each)[0][1] for each in said} == said


def test_a_function_grades(tmp_path: Path) -> None:
    file = tmp_path / "grading.py"
    file.write_text("def grade(answer, row):\n    return len(answer) / row['most']\n")
    rows = [{"question": "Say much.", "most": 4}]
    assert reward(rows, "function", "abc", function=f"{file}:grade") == 0.75
    assert reward(rows, "function", "abcd", function=lambda answer, row: answer == "abcd") == 1
    env = Rows(rows, grader="function", function=lambda answer, row: "good")
    with pytest.raises(EnvironmentFault, match="returned 'good'"):
        played(env, "x")
    names = {Rows(rows, grader="function", function=f"{file}:grade").fingerprint for _ in range(2)}
    assert len(names) == 1


def test_every_file_gives_the_same_tasks(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, SUMS)) + "\n\n")
    (tmp_path / "a.json").write_text(json.dumps(SUMS))
    parquet.write_table(pyarrow.Table.from_pylist(SUMS), tmp_path / "a.parquet")
    lines = ["question,answer", *(f'"{row["question"]}","{row["answer"]}"' for row in SUMS)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    (tmp_path / "a.tsv").write_text("\n".join(lines).replace('","', '"\t"').replace("n,a", "n\ta"))
    tables = [table_of(tmp_path / f"a.{kind}") for kind in ("jsonl", "json", "parquet", "csv", "tsv")]
    assert {table.digest for table in tables} == {table_of(SUMS).digest}
    prints = {Rows(str(tmp_path / f"a.{kind}"), grader="numeric").fingerprint for kind in ("json", "csv")}
    assert len(prints) == 1


def test_splits_share_the_rows_and_seeds_go_round() -> None:
    sides = {split: Rows(SUMS, grader="numeric", split=split) for split in ("train", "unseen", "test")}
    assert sum(env.num_tasks for env in sides.values()) == 40
    seen = {
        split: [env.reset(seed=seed)[1]["task"] for seed in range(2 * env.num_tasks)]
        for split, env in sides.items()
    }
    for split, env in sides.items():
        assert len(set(seen[split])) == env.num_tasks and seen[split][: env.num_tasks] * 2 == seen[split]
    assert set(seen["train"]).isdisjoint(seen["test"])
    assert Rows(SUMS, grader="numeric").num_tasks == 40
    assert sides["test"].reset(seed=0, options={"row": 7})[1]["task"].endswith("#7")


def test_attempts_and_states() -> None:
    env = Rows(SUMS, question="Q: {question} ({answer})", grader="numeric", attempts=2)
    shown, info = env.reset(seed=3)
    assert shown.startswith("Q: What is 3 + 3? (First 3")
    first, second = played(env, "5", "6", seed=3)
    assert (first[1:4], second[1:4]) == ((0.0, False, False), (1.0, True, False))
    keys = [info["state_key"], first[4]["state_key"], second[4]["state_key"]]
    assert len(set(keys)) == 3 and second[4]["won"]
    assert played(env, "6", "6", seed=3)[1][1:3] == (0.0, True)


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        ([], {}, "holds no row"),
        ([{"question": "x"}], {}, "no column 'answer'; there are question"),
        ([{"question": "{a}", "answer": "y"}], {"question": "{b}"}, "no column 'b'"),
        ([{"question": "x", "answer": "y"}], {"grader": "numeric"}, "'y'; expected a number"),
        ([{"question": "x", "answer": "("}], {"grader": "regex"}, r"row 0 has the pattern '\('"),
        ([{"question": "x", "answer": "C", "choices": ["a", "b"]}], {"grader": "choice"}, "a letter"),
        ([{"question": "", "answer": "y"}], {}, "asks in 0 characters"),
        ([{"question": "x", "answer": []}], {}, "row 0 has no answer"),
        (["x"], {}, "row 0 is str"),
        ({"question": ["x"]}, {}, "list of dicts"),
        ("nowhere.jsonl", {}, "No such file"),
        ("x.txt", {}, "expected a file"),
        ([{"question": "x", "answer": "y"}], {"function": "f.py:f"}, "needs one, alone"),
        ([{"question": "x", "answer": "y"}], {"attempts": 0}, "at least 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(
    rows: Any, more: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").touch()
    with pytest.raises(UsageError, match=said):
        Rows(rows, **more)
    with pytest.raises(UnknownName, match="numeric"):
        Rows(SUMS, grader="numerc")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("a.json", '{"a": 1}', "expected a list"),
        ("a.csv", "a,b\n1\n", "row 1 has another number of fields"),
        ("a.parquet", "PAR", "is not parquet"),
    ],
)
def test_a_broken_file_is_told(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        table_of(tmp_path / name)


def test_a_table_becomes_an_environment_with_an_id() -> None:
    register_rows("tests/sums-v0", SUMS, grader="numeric", split="test")
    with turnwise.make("tests/sums-v0") as env:
        assert env.unwrapped.num_tasks == Rows(SUMS, grader="numeric", split="test").num_tasks

    def right(request: Any) -> str:
        return str(2 * int(request.observation.split()[2]))

    result = turnwise.evaluate("tests/sums-v0", right, episodes=3)
    assert (result.success_rate, result.episodes) == (1.0, 3)
    with pytest.raises(UsageError, match="expected a number"):
        register_rows("tests/broken-v0", [{"question": "x", "answer": "y"}], grader="numeric")
    assert "tests/broken-v0" not in turnwise.registered()
