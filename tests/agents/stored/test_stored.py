"""Stored trajectories: kept as they end, indexed, found, read alone; what is broken is named.

1. An evaluation with --out keeps prompts, messages, observations, rewards, keys, end and session.
2. One killed with SIGKILL at any moment goes on without a loss and without doubling.
3. Rows are filtered, sorted, paged and searched as one does by hand.
4. What has no index gets one; a broken file, line or index costs nothing else.
5. Training runs write the same index.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.rollout import RolloutConfig
from turnwise.agents.stored import Filter, KeptTrajectories, StoredTrajectories, store_update
from turnwise.agents.trajectories import read_trajectories, trajectory_path, write_trajectories
from turnwise.agents.types import Generation, Message, Trajectory, Turn
from turnwise.errors import UnknownName, UsageError
from turnwise.servers.client import connect
from turnwise.trainers.runs.log import RunLog


def played(policy, env_id, **more):
    async def inside():
        client = connect("local:")
        try:
            return await evaluate(client, policy, env_id, **more)
        finally:
            await client.aclose()

    return asyncio.run(inside())


def episode(seed: int = 0, turns: int = 2, **more) -> Trajectory:
    steps = tuple(
        Turn(
            at, f"room {at}", f"k{at}", f"go {at}", 0.5, f"k{at + 1}",
            Generation("say", usage={"prompt_tokens": 10, "completion_tokens": 3, "cost": 0.25}),
        )
        for at in range(turns)
    )  # fmt: skip
    values = {"success": seed % 2 == 0, "instruction": "find the lamp", "session": f"s{seed}", **more}
    return replace(Trajectory("rooms", f"task {seed % 3}", seed, str(seed), steps, "terminated"), **values)


def test_an_evaluation_keeps_what_happened(room, tmp_path):
    script = ScriptedPolicy(["right", "right", "jump"])
    result = played(script, room("Corridor"), episodes=3, out=tmp_path, config=RolloutConfig(max_turns=3))
    with StoredTrajectories(tmp_path) as stored:
        page = stored.rows()
        found = [stored.read(row) for row in page.rows]
        assert page.total == 3 and stored.problems == ()
    for row, kept, counted in zip(page.rows, found, result.per_task, strict=True):
        assert (row.task, row.seed, row.turns, row.end) == (
            kept.task,
            counted.seed,
            counted.turns,
            counted.end,
        )
        assert (row.success, row.episode_return, row.tokens) == (
            counted.success,
            counted.episode_return,
            counted.tokens,
        )
        assert row.session == kept.session != ""
    first, second = found[2].turns[:2]
    assert first.prompt[-1].role == "user" and first.observation in first.prompt[-1].content
    assert second.prompt[: len(first.prompt)] == first.prompt  # it grows
    said = second.prompt[len(first.prompt)]
    assert (said.role, said.content) == ("assistant", first.generation.text)
    assert first.state_key and second.state_key == first.next_state_key
    assert read_trajectories(tmp_path / "trajectories" / "episodes.jsonl.gz") == found


def test_prompts_with_calls_and_pictures_take_space_once_and_come_back(tmp_path):
    opening = (Message("system", "s"), Message("user", "u", images=("x" * 5000,)))
    call = ({"id": "c0", "function": {"name": "f", "arguments": "{}"}},)
    later = (*opening, Message("assistant", "", call), Message("tool", "done", tool_call_id="c0"))
    one, two = episode().turns
    whole = replace(episode(), turns=(replace(one, prompt=opening), replace(two, prompt=later)))
    write_trajectories(tmp_path / "t.jsonl.gz", [whole])
    assert read_trajectories(tmp_path / "t.jsonl.gz") == [whole]
    lines = gzip.decompress((tmp_path / "t.jsonl.gz").read_bytes()).splitlines()
    stored = json.loads(lines[1])["turns"]
    assert [turn["prompt"][0] for turn in stored] == [0, 2]
    assert [len(turn["prompt"][1]) for turn in stored] == [2, 2]


def test_keeping_can_be_switched_off_and_has_a_limit_that_is_said(room, tmp_path, caplog):
    played(RandomPolicy(), room("Corridor"), episodes=2, out=tmp_path / "off", keep_mb=0)
    assert not (tmp_path / "off" / "trajectories").exists()
    result = played(RandomPolicy(), room("Corridor"), episodes=4, out=tmp_path / "small", keep_mb=0.002)
    with StoredTrajectories(tmp_path / "small") as stored:
        kept = stored.rows().total
    assert 0 < kept < 4 and result.episodes == 4
    assert caplog.text.count("has reached its limit of 0.002 MB") == 1
    assert (tmp_path / "small" / "trajectories" / "episodes.jsonl.gz").stat().st_size <= 2000
    with pytest.raises(UsageError, match="keep_mb -1"):
        played(RandomPolicy(), room("Corridor"), episodes=1, keep_mb=-1)


PROGRAM = """
import asyncio, sys, time
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies.random import RandomPolicy
from turnwise.servers.client import connect
async def main():
    def told(row):
        print(row.seed, flush=True)
        time.sleep(0.01)
    env, out = sys.argv[1:]
    await evaluate(connect("local:"), RandomPolicy(), env, episodes=40, out=out, on_progress=told)
asyncio.run(main())
"""


def test_a_killed_evaluation_goes_on_without_loss_or_doubling(room, tmp_path):
    file = tmp_path / "trajectories" / "episodes.jsonl.gz"
    command = [sys.executable, "-c", PROGRAM, room("Corridor"), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(9):
        assert process.stdout is not None and process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(read_rows(tmp_path)) >= 9
    last = max(row.offset for row in read_rows(tmp_path))
    with file.open("ab") as half:  # killed in the middle of a member
        half.write(file.read_bytes()[last:-50])
    rows = (tmp_path / "rows.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_text("".join(rows[:-1]))  # and before the row of the one before
    (tmp_path / "trajectories" / "index.db").unlink()
    result = played(RandomPolicy(), room("Corridor"), episodes=40, out=tmp_path)
    assert result.episodes == 40
    seeds = [each.task_seed for each in read_trajectories(file)]
    assert sorted(seeds) == list(range(40)) == sorted(row.seed for row in read_rows(tmp_path))
    written = [json.loads(line)["seed"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert sorted(written) == list(range(40))
    assert written[: len(rows)] == [json.loads(row)["seed"] for row in rows]  # none was played again


def read_rows(place: Path):
    with StoredTrajectories(place) as stored:
        page = stored.rows(limit=1000)
        assert page.total == len(page.rows)
        assert [stored.read(row).task_seed for row in page.rows] == [row.seed for row in page.rows]
        return page.rows


def test_an_episode_that_is_played_again_stands_in_the_place_of_its_former_attempt(tmp_path):
    kept = KeptTrajectories(tmp_path, 10)
    kept.add(episode(1, end="error", error="gone"))
    kept.add(episode(2))
    kept.add(episode(1))
    kept.close()
    assert [(row.seed, row.end) for row in read_rows(tmp_path)] == [(2, "terminated"), (1, "terminated")]
    (tmp_path / "trajectories" / "index.db").unlink()
    assert [(row.seed, row.end) for row in read_rows(tmp_path)] == [(2, "terminated"), (1, "terminated")]


def test_rows_are_chosen_sorted_paged_and_searched(tmp_path):
    write_trajectories(
        trajectory_path(tmp_path, 3), [episode(seed, turns=5 - seed) for seed in range(5)]
    )  # fmt: skip
    unknown = episode(7, success=None, final_observation="A Gölden key; ünder 'the' mat\0\ud800")
    write_trajectories(trajectory_path(tmp_path, 12), [unknown])
    with StoredTrajectories(tmp_path) as stored:

        def seeds(filter=Filter(), order="place", **more):  # noqa: B008 - it is frozen
            return [row.seed for row in stored.rows(filter, order, **more).rows]

        assert seeds() == [0, 1, 2, 3, 4, 7]
        assert seeds(order="turns") == [4, 3, 7, 2, 1, 0]
        assert seeds(order="turns", descending=True, first=1, limit=2) == [1, 2]
        assert seeds(Filter(outcome="won")) == [0, 2, 4]
        assert seeds(Filter(outcome="unknown")) == [7]
        assert seeds(Filter(task="task 1", most_turns=3)) == [4, 7]
        assert seeds(Filter(update=12)) == [7] and seeds(Filter(least_turns=4)) == [0, 1]
        assert seeds(Filter(text="go lam")) == [0, 1, 2, 3, 4, 7]
        assert seeds(Filter(text="gölden KEY")) == [7] and seeds(Filter(text='"key" OR')) == []
        assert seeds(Filter(text="room 4")) == [0]
        assert stored.rows(limit=2).total == 6
        assert stored.counts("task") == {"task 0": 2, "task 1": 3, "task 2": 1}
        assert stored.counts("success", Filter(update=3)) == {True: 3, False: 2}
        (row,) = stored.rows(Filter(seed=0)).rows
        assert (row.tokens, row.prompt_tokens, row.cost, row.update) == (15, 50, 1.25, 3)
        with pytest.raises(UnknownName, match="trun"):
            stored.rows(order="trun")
        with pytest.raises(UsageError, match="at most 1000"):
            stored.rows(limit=1001)
        with pytest.raises(UsageError, match="expected the name of a file"):
            stored.read(replace(row, file="../rows.jsonl"))


def test_without_fts5_words_are_found_by_reading(tmp_path, monkeypatch):
    monkeypatch.setitem(
        __import__("turnwise.agents.stored.database", fromlist=["_SCHEMA"])._SCHEMA,
        "texts",
        "CREATE VIRTUAL TABLE texts USING nothing(content)",
    )
    write_trajectories(trajectory_path(tmp_path, 1), [episode(1), episode(2, final_observation="a key")])
    with StoredTrajectories(tmp_path) as stored:
        assert [row.seed for row in stored.rows(Filter(text="KEY lamp")).rows] == [2]


def test_what_is_broken_is_named_and_the_rest_is_shown(tmp_path):
    for update in range(4):
        write_trajectories(trajectory_path(tmp_path, update), [episode(10 * update + at) for at in range(3)])
    cut, line, foreign = (trajectory_path(tmp_path, update) for update in range(3))
    cut.write_bytes(cut.read_bytes()[:-30])
    lines = gzip.decompress(line.read_bytes()).splitlines(keepends=True)
    huge = lines[3].replace(b'"task_seed": 12', b'"task_seed": 1' + b"0" * 30)
    line.write_bytes(gzip.compress(b"".join([*lines[:2], b'{"turns": 3}\n', huge])))  # one member, as of old
    foreign.write_bytes(gzip.compress(b'{"format": "parquet"}\n'))
    (tmp_path / "trajectories" / "update-000009.jsonl.gz").write_bytes(b"no gzip at all")
    told = []
    with StoredTrajectories(tmp_path, lambda done, total: told.append((done, total))) as stored:
        assert [row.seed for row in stored.rows().rows] == [0, 1, 10, 30, 31, 32]
        assert [stored.read(row).task_seed for row in stored.rows().rows] == [0, 1, 10, 30, 31, 32]
        problems = {problem.file[7:13]: problem.cause for problem in stored.problems}
    assert sorted(problems) == ["000000", "000001", "000002", "000009"]
    assert problems["000000"].endswith("ends in the middle of an episode")
    assert "line 2: is not a trajectory" in problems["000001"] and "64 bits" in problems["000001"]
    assert "format 'parquet'" in problems["000002"] and "incorrect header" in problems["000009"]
    assert told[-1][0] == told[-1][1] > 0 and told == sorted(told)
    told.clear()
    with StoredTrajectories(tmp_path, lambda done, total: told.append(done)) as stored:
        assert told == [] and len(stored.problems) == 4  # nothing is read again
    write_trajectories(cut, [episode(5)])
    with StoredTrajectories(tmp_path) as stored:
        assert [row.seed for row in stored.rows(Filter(update=0)).rows] == [5] and len(stored.problems) == 3


@pytest.mark.parametrize("content", [b"not a database" * 100, None])
def test_a_broken_or_foreign_index_is_made_again(tmp_path, content):
    write_trajectories(trajectory_path(tmp_path, 0), [episode(1)])
    place = tmp_path / "trajectories" / "index.db"
    if content is None:
        with sqlite3.connect(place) as other:
            other.execute("CREATE TABLE rows (file TEXT)")
        other.close()
    else:
        place.write_bytes(content)
    assert [row.seed for row in read_rows(tmp_path)] == [1]
    assert [row.seed for row in read_rows(trajectory_path(tmp_path, 0))] == [1]  # a file alone


def test_no_trajectories_and_a_broken_file_of_an_evaluation_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no trajectories are kept there"):
        StoredTrajectories(tmp_path)
    kept = KeptTrajectories(tmp_path, 10)
    kept.add(episode(1))
    kept.close()
    file = tmp_path / "trajectories" / "episodes.jsonl.gz"
    content = file.read_bytes()
    file.write_bytes(content + b"\0" * 50)
    with pytest.raises(UsageError, match=f"at byte {len(content)}: .*move it away"):
        (tmp_path / "trajectories" / "index.db").unlink()
        KeptTrajectories(tmp_path, 10)
    assert file.read_bytes() == content + b"\0" * 50


def test_a_training_run_writes_the_index_as_it_goes(tmp_path):
    log = RunLog(tmp_path)
    log.trajectories(1, [episode(1), episode(1, member=1)])
    log.trajectories(2, [episode(2)])
    log.trajectories(2, [episode(3)])  # again, after a resume
    told = []
    with StoredTrajectories(tmp_path, lambda done, total: told.append(done)) as stored:
        assert [(row.update, row.seed, row.member) for row in stored.rows().rows] == [
            (1, 1, 0),
            (1, 1, 1),
            (2, 3, 0),
        ]
        assert stored.read(stored.rows().rows[1]).member == 1
    assert told == []
    store_update(trajectory_path(tmp_path, 5), [episode(9)])
    with StoredTrajectories(tmp_path) as stored:
        log.trajectories(6, [episode(8)])
        stored.refresh()
        assert [row.seed for row in stored.rows(Filter(least_turns=1)).rows] == [1, 1, 3, 9, 8]
