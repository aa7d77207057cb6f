"""Trajectories in files: exact round trip, small prompts, whole files, clear errors."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnwise.agents.trajectories import (
    iter_trajectories,
    read_trajectories,
    trajectory_path,
    write_trajectories,
)
from turnwise.agents.types import Generation, Span, Trajectory, Turn, VersionSpan
from turnwise.errors import UsageError

TEXT = st.text(max_size=12) | st.sampled_from(["\ud800", "\x00", "\u2028", '"\\'])
NUMBER = st.floats(allow_nan=False)
IDS = st.lists(st.integers(0, 200_000), max_size=5).map(tuple)
COUNT = st.integers(0, 2**40)
JSON = st.recursive(
    st.none() | st.booleans() | COUNT | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=3,
)
GENERATION = st.builds(
    Generation,
    text=TEXT,
    prompt_ids=IDS,
    token_ids=IDS,
    logprobs=st.lists(NUMBER, max_size=4).map(tuple),
    support=st.lists(st.none() | IDS, max_size=3).map(tuple),
    versions=st.lists(st.builds(VersionSpan, COUNT, COUNT, COUNT), max_size=2).map(tuple),
    temperature=NUMBER,
    finish_reason=st.sampled_from(["stop", "length", "filtered", "error"]),
    entropy=st.lists(NUMBER, max_size=4).map(tuple),
    char_ends=IDS,
    usage=st.dictionaries(TEXT, NUMBER, max_size=2),
    reasoning=TEXT,
    tool_calls=st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=2).map(tuple),
)
TURN = st.builds(
    Turn,
    index=COUNT,
    observation=TEXT,
    state_key=TEXT,
    action=TEXT,
    reward=NUMBER,
    next_state_key=TEXT,
    generation=GENERATION,
    spans=st.lists(st.builds(Span, TEXT, COUNT, COUNT), max_size=2).map(tuple),
    rewards=st.dictionaries(TEXT, NUMBER, max_size=2),
    malformed=st.booleans(),
    inadmissible=st.booleans(),
    agent=TEXT,
    info=st.dictionaries(TEXT, JSON, max_size=3),
)
TRAJECTORY = st.builds(
    Trajectory,
    env_id=TEXT,
    task=TEXT,
    task_seed=COUNT,
    group=TEXT,
    turns=st.lists(TURN, max_size=3).map(tuple),
    end=st.sampled_from(["terminated", "horizon", "tokens", "deadline", "error"]),
    final_observation=TEXT,
    instruction=TEXT,
    fingerprint=TEXT,
    success=st.none() | st.booleans(),
    score=st.none() | NUMBER,
    error=st.none() | TEXT,
    parent=st.none() | TEXT,
    branch_turn=st.none() | COUNT,
    seconds=NUMBER,
    policy_version=COUNT,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trajectories=st.lists(TRAJECTORY, max_size=2))
def test_what_is_written_is_read(trajectories, tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "deep" / "er.jsonl.gz"
    write_trajectories(path, trajectories)
    assert read_trajectories(path) == trajectories
    assert [p.name for p in path.parent.iterdir()] == ["er.jsonl.gz"]


def turn(index: int, prompt: tuple[int, ...], said: tuple[int, ...], **more) -> Turn:
    generation = Generation(text="t", prompt_ids=prompt, token_ids=said, **more)
    return Turn(index, "o", "k", "a", 0.1 + 0.2, "k2", generation)


def trajectory(*turns: Turn) -> Trajectory:
    return Trajectory("e", "t", 3, "g", turns, "terminated")


def stored(path: Path) -> list[dict]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_prompts_are_stored_as_what_they_add(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    grown = trajectory(turn(0, (1, 2), (3,)), turn(1, (1, 2, 3, 4, 5), (6,)), turn(2, (1, 2, 9), (7,)))
    write_trajectories(path, [grown])
    turns = stored(path)[1]["turns"]
    assert [row["generation"]["prompt_ids"] for row in turns] == [[0, [1, 2]], [3, [4, 5]], [2, [9]]]
    assert read_trajectories(path) == [grown]


def test_floats_come_back_bit_for_bit(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    values = (0.1 + 0.2, -1e-320, 1 / 3, -math.inf, 5e300, -0.0)
    write_trajectories(path, [trajectory(turn(0, (1,), (2,), logprobs=values))])
    back = read_trajectories(path)[0].turns[0].generation.logprobs
    assert [value.hex() for value in back] == [value.hex() for value in values]


def test_equal_trajectories_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        write_trajectories(tmp_path / name, [trajectory(turn(0, (1,), (2,)))])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_place_in_a_run(tmp_path):
    assert trajectory_path(tmp_path, 12) == tmp_path / "trajectories" / "update-000012.jsonl.gz"
    with pytest.raises(UsageError, match="got -1"):
        trajectory_path(tmp_path, -1)


def test_what_json_cannot_hold_is_refused_and_the_former_file_stays(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    good = trajectory(turn(0, (1,), (2,)))
    write_trajectories(path, [good])
    bad = trajectory(replace(good.turns[0], info={"x": {1, 2}}))
    with pytest.raises(UsageError, match=r"trajectory 1 \(t\) cannot be written: .*set"):
        write_trajectories(path, [good, bad])
    assert read_trajectories(path) == [good]
    assert [p.name for p in tmp_path.iterdir()] == ["t.jsonl.gz"]


def lines_of(path: Path, number: int = 3) -> list[bytes]:
    write_trajectories(path, [trajectory(turn(0, (1,), (2,)))] * number)
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "line 1: is missing"),
        (lambda lines: [b'{"format": "parquet"}\n'], "line 1: format 'parquet'"),
        (lambda lines: [lines[0].replace(b'"version": 1', b'"version": 2')], "schema version 2"),
        (lambda lines: [lines[0].replace(b": 3}", b": -1}")], "line 1: trajectories -1"),
        (lambda lines: lines[:-1], "line 4: is missing: the file ends too early"),
        (lambda lines: [*lines, b"{}\n"], "line 5: follows the 3 trajectories"),
        (lambda lines: [*lines[:2], b"{oops\n", lines[3]], "line 3: Expecting property name"),
        (lambda lines: [*lines[:2], b"[]\n", lines[3]], "line 3: holds list"),
        (lambda lines: [*lines[:2], b"{}\n", lines[3]], "line 3: is not a trajectory: KeyError: 'turns'"),
        (lambda lines: [*lines[:3], lines[3][:-1]], "line 4: is cut off"),
        (
            lambda lines: [*lines[:3], lines[3].replace(b'"k2"', b"2")],
            "line 4: .*next_state_key of a turn is int",
        ),
        (
            lambda lines: [*lines[:3], lines[3].replace(b"[0, [1]]", b"[5, [1]]")],
            "line 4: .*shares 5 of the turn before",
        ),
        (lambda lines: [*lines[:3], lines[3].replace(b"terminated", b"lost")], "line 4: .*end 'lost'"),
        (lambda lines: [*lines[:3], lines[3].replace(b'"group"', b'"grp"')], "line 4: .*grp"),
        (lambda lines: [*lines[:3], b"[" * 100_000 + b"\n"], "line 4: "),
    ],
)
def test_broken_files_name_the_line(tmp_path, change, message):
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(change(lines_of(path)))))
    with pytest.raises(UsageError, match=message) as caught:
        read_trajectories(path)
    assert str(path) in str(caught.value)


def test_files_of_another_kind(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    with pytest.raises(UsageError, match="No such file"):
        read_trajectories(path)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(UsageError, match="line 1: Not a gzipped file"):
        read_trajectories(path)
    lines_of(path, 200)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"line \d+: Compressed file ended"):
        read_trajectories(path)


def test_they_can_be_read_one_by_one(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    lines_of(path, 3)
    reader = iter_trajectories(path)
    assert next(reader).task_seed == 3
    assert len(list(reader)) == 2
