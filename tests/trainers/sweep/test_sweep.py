"""Sweeps: what is planned, what is refused before anything starts, and real trainings that are interrupted.

1. Values are parted at commas outside lists, tables and quotes; folder names tell them.
2. Every combination is checked first; typos, repeated values and foreign folders start nothing.
3. Ctrl-C saves and leaves no process; the same command goes on, tells what failed, and repeats nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import SECONDS

import turnwise
from turnwise.errors import UnknownName, UsageError
from turnwise.trainers.recipe import Recipe, dump
from turnwise.trainers.sweep import Plan, plan, sweep
from turnwise.trainers.sweep.values import name_of, parse_axes, parse_seeds, split

GOOD, BAD = {"fail_share": 0.0}, {"fail_share": 1.0}


def test_values_are_parted_where_no_list_holds_them() -> None:
    texts = ["optim.learning_rate=1e-5, 3e-5", "optim.betas=[0.9,0.95],[0.9,0.99]", "credit.name=gigpo"]
    assert parse_axes([*texts, "env.kwargs={a = 'x,y', b = [1,2]},{}"]) == {
        "optim.learning_rate": [1e-5, 3e-5],
        "optim.betas": [[0.9, 0.95], [0.9, 0.99]],
        "credit.name": ["gigpo"],
        "env.kwargs": [{"a": "x,y", "b": [1, 2]}, {}],
    }
    assert parse_seeds("1, 2,30") == [1, 2, 30]
    for wrong in (["optim.learning_rate"], ["optim.learning_rate=1,"], ["a.b=1", "a.b=2"]):
        with pytest.raises(UsageError, match="--set"):
            parse_axes(wrong)
    for text in ("1,", "one", "-1", "1..3"):
        with pytest.raises(UsageError, match="--seeds"):
            parse_seeds(text)


@given(st.lists(st.text("ab[]{},1", min_size=1).filter(lambda text: "," not in split(text)), max_size=5))
def test_what_is_joined_by_commas_is_parted_there(parts: list[str]) -> None:
    balanced = [
        part
        for part in parts
        if part.count("[") == part.count("]") == part.count("{") == part.count("}") == 0
    ]
    plain = [part for part in balanced if "," not in part]
    assert split(",".join(plain)) == (plain or [""])


def test_names_tell_values() -> None:
    assert (
        name_of({"optim.learning_rate": 1e-5, "credit.name": "gigpo"}, 3)
        == "learning_rate=1e-05,credit=gigpo,seed=3"
    )
    assert name_of({"env.seed": 1, "eval.seed": True}, 3) == "env.seed=1,eval.seed=true,seed=3"
    one, two = (name_of({"env.kwargs": {"difficulty": word}}, 0) for word in ("a/b", "a-b"))
    assert one != two and "/" not in one and len(one) < 80


def test_a_plan_is_checked_before_anything_is_written(lights: Callable[..., Recipe], tmp_path: Path) -> None:
    file, out = tmp_path / "lights.toml", tmp_path / "sweep"
    file.write_text(dump(lights()))
    found = plan(file, out, {"optim.learning_rate": [1e-3, 3e-3], "train.num_updates": [2]}, [5, 6])
    assert [run.name for run in found.runs] == [
        f"learning_rate={rate},seed={seed}" for seed in (5, 6) for rate in ("0.001", "0.003")
    ]
    chosen = [
        (run.recipe.train.seed, run.recipe.optim.learning_rate, run.recipe.train.num_updates)
        for run in found.runs
    ]
    assert chosen == [(5, 1e-3, 2), (5, 3e-3, 2), (6, 1e-3, 2), (6, 3e-3, 2)]
    assert next(iter(found.lines())).endswith("4 new, 0 begun, 0 done")
    wrong: list[tuple[dict[str, list[Any]], str]] = [
        ({"optim.learning_rat": [1, 2]}, "learning_rate"),
        ({"credit.name": ["gigpo", "gigop"]}, "gigpo"),
        ({"rollout.group_size": [8, "many"]}, "a whole number"),
        ({"rollout.group_size": [8, 1]}, "a group of one"),
        ({"optim.learning_rate": [1e-3, 0.001]}, "are the same run"),
        ({"train.seed": [1]}, "seeds apart"),
        ({"optim.learning_rate": [rate / 1e6 for rate in range(300)]}, "600 runs; expected at most 500"),
    ]
    for axes, said in wrong:
        with pytest.raises(UsageError, match=said):
            plan(file, out, axes, [1, 2])
    with pytest.raises(UsageError, match="each once"):
        plan(file, out, {}, [1, 1])
    with pytest.raises(UsageError, match="seeds alone"):
        plan(lights(), out, {"optim.learning_rate": [1]})
    assert not out.exists()
    (out / "seed=1").mkdir(parents=True)
    (out / "seed=1" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not a run"):
        plan(lights(), out, {}, [1])


def test_a_folder_of_another_recipe_is_refused(lights: Callable[..., Recipe], tmp_path: Path) -> None:
    run = tmp_path / "seed=1"
    run.mkdir()
    (run / "recipe.toml").write_text(dump(lights(train={"seed": 1})))
    assert [each.standing for each in plan(lights(), tmp_path, {}, [1, 2]).runs] == ["begun", "new"]
    assert plan(lights(train={"num_updates": 99}), tmp_path, {}, [1]).runs[0].standing == "begun"
    with pytest.raises(UsageError, match=r"optim\.learning_rate was 0\.005"):
        plan(lights(optim={"learning_rate": 1.0}), tmp_path, {}, [1])


def test_a_sweep_is_interrupted_goes_on_and_tells_what_failed(lights_file: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "sweep", tmp_path / "small.toml"
    recipe = turnwise.load_recipe(
        "tiny", {**SECONDS, "server.spawn": False, "train.save_every": 500}, env=f"{lights_file}:Lights"
    )
    file.write_text(dump(replace(recipe, train=replace(recipe.train, num_updates=400))))
    options = [
        "--seeds",
        "1,2",
        "--set",
        "env.kwargs={fail_share = 0.0},{fail_share = 1.0}",
        "--out",
        str(out),
    ]
    begun = subprocess.Popen(
        [sys.executable, "-m", "turnwise", "sweep", str(file), *options], stderr=subprocess.PIPE, text=True
    )
    first = plan(file, out, {"env.kwargs": [GOOD, BAD]}, [1, 2]).runs[0]
    wait_for(lambda: (first.folder / "log.jsonl").exists(), begun)
    os.kill(begun.pid, signal.SIGINT)
    _, said = begun.communicate(timeout=120)
    assert begun.returncode == 130 and "what was begun is saved" in said
    assert processes_in(out) == []
    saved = max((first.folder / "checkpoints").iterdir())  # beside that of the beginning, if it had an update
    num_saved = int(saved.name.removeprefix("update-"))
    assert 0 <= num_saved < 400

    file.write_text(dump(replace(recipe, train=replace(recipe.train, num_updates=num_saved + 2))))
    values = {"env.kwargs": [GOOD, BAD]}
    swept = turnwise.sweep(file, out, values, seeds=[1, 2], jobs=2)
    assert [each.end for each in swept.outcomes] == ["done", "failed", "done", "failed"]
    assert all("fuse has blown" in each and "output" in each for each in swept.failed.values())
    updates = [row["update"] for row in turnwise.load_run(first.folder).rows()]
    assert updates == list(range(1, num_saved + 3))  # it went on, and repeated nothing
    assert [line.seeds for line in swept.compare().lines] == [(1, 2)]
    after = plan(file, out, values, [1, 2])
    assert [run.standing for run in after.runs] == ["done", "new", "done", "new"]
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    done = Plan(out, tuple(run for run in after.runs if run.standing == "done"))
    assert [each.end for each in sweep(done, shown=False)] == ["done before"] * 2
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == written
    with pytest.raises(UnknownName, match="fail_share"):
        turnwise.sweep(file, out, {"env.kwargs": [{"fail_shar": 1}]})


def wait_for(there: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not there():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.05)


def processes_in(folder: Path) -> list[str]:
    """Return the commands of processes that name a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        found += [command] if str(folder) in command else []
    return found
