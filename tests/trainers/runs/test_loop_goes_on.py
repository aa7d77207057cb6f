"""While a run saves, reads or looks at its weights, its event loop goes on: heartbeats of sessions are sent.

Each of these works waits for a task of the loop to tick before it is done: on the loop itself it would wait
for ever. They are met where a run is asked to pause and to stop, at its own checkpoints, at evaluations,
where it goes on, and where it is cut short.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch

from turnwise.agents.control.asking import answer, request
from turnwise.agents.types import Trajectory
from turnwise.errors import Stopped
from turnwise.trainers import loop
from turnwise.trainers.learner.thread import LearnerThread
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.offline.collect import StoredCollector
from turnwise.trainers.offline.store import Store, StoreWriter
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs import checkpoint, journals
from turnwise.trainers.runs.folder import turns_of
from turnwise.trainers.runs.held_out_kept import Keeping
from turnwise.trainers.runs.log import RunLog, read_log
from turnwise.trainers.train import train

Lights = Callable[..., Recipe]
Meanwhile = Callable[[], Awaitable[None]]
ResultT = TypeVar("ResultT")
WAIT_S = 20.0  # of a work on the loop, after which it is plain that nothing ticks
MANY: dict[str, Any] = {
    "rollout": {"num_groups": 2, "group_size": 2},
    "train": {"num_updates": 100_000, "save_every": 100_000},
    "eval": {"every": 0, "episodes": 0},
    "log": {"trajectories": "none"},
}


class Ticks:
    """A task of the loop that ticks, and works that wait for it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._ticked = threading.Event()
        self.met: dict[str, bool] = {}  # work -> whether the loop ticked each time

    def during(self, place: Any, name: str) -> None:
        """Let a function or a method wait for a tick, then do its work."""
        work = getattr(place, name)

        def waits(*given: Any, **more: Any) -> Any:
            self._ticked.clear()
            self.met[name] = self._ticked.wait(WAIT_S) and self.met.get(name, True)
            return work(*given, **more)

        self._patch.setattr(place, name, waits)

    def run(self, going: Coroutine[Any, Any, ResultT], meanwhile: Meanwhile | None = None) -> ResultT:
        """Run a training to its end, or what else, with a task that ticks beside it."""
        return asyncio.run(self._beside(going, meanwhile))

    async def _beside(self, going: Coroutine[Any, Any, ResultT], meanwhile: Meanwhile | None) -> ResultT:
        ticking = asyncio.create_task(self._tick())
        work = asyncio.create_task(going, name="going")
        try:
            if meanwhile is not None:
                await meanwhile()
            return await work
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.001)
            self._ticked.set()


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    """Return works that write checkpoints, which wait for ticks."""
    found = Ticks(monkeypatch)
    found.during(checkpoint, "save")
    found.during(Learner, "state_dict")
    return found


async def logged(run: Path) -> None:
    """Wait for the first update of a run."""
    while not (run / "log.jsonl").exists():
        await asyncio.sleep(0.01)


def test_a_run_that_is_paused_and_stopped_saves_beside_its_loop(
    lights: Lights, tmp_path: Path, ticks: Ticks
) -> None:
    run = tmp_path / "run"

    async def told(word: str) -> str:
        found = await asyncio.to_thread(lambda: answer(run, request(run, word, {}), 60.0))
        assert found is not None
        return found.said

    async def asks() -> None:
        await logged(run)
        ticks.met.clear()  # of what the run has begun with
        assert (await told("pause")).endswith("and saved")
        assert ticks.met == {"save": True, "state_dict": True}
        ticks.met.clear()
        await told("pause")
        assert ticks.met == {}, "it is saved already"
        assert "goes on" in await told("resume")
        assert (await told("stop")).startswith("stopped after update")

    with pytest.raises(Stopped):
        train(lights(**MANY), run, run=partial(ticks.run, meanwhile=asks))
    assert ticks.met == {"save": True, "state_dict": True}
    assert checkpoint.load(checkpoint.latest(run / "checkpoints")).update == len(read_log(run))


def test_a_run_that_is_cut_short_saves_beside_its_loop(lights: Lights, tmp_path: Path, ticks: Ticks) -> None:
    run = tmp_path / "run"

    async def cancels() -> None:
        await logged(run)
        (training,) = (task for task in asyncio.all_tasks() if task.get_name() == "going")
        training.cancel()
        await asyncio.sleep(0)
        training.cancel()  # by somebody who does not wait

    with pytest.raises(asyncio.CancelledError):
        train(lights(**MANY), run, run=partial(ticks.run, meanwhile=cancels))
    assert ticks.met == {"save": True, "state_dict": True}
    assert checkpoint.load(checkpoint.latest(run / "checkpoints")).update == len(read_log(run)) > 0


def test_all_that_a_run_writes_and_reads_between_updates_leaves_the_loop_free(
    lights: Lights, tmp_path: Path, ticks: Ticks
) -> None:
    run = tmp_path / "run"
    ticks.during(journals, "weights_word")
    ticks.during(RunLog, "trajectories")
    ticks.during(Keeping, "prune")
    ticks.during(loop, "keep_best")
    asked = {"train": {"num_updates": 1}, "eval": {"every": 0, "episodes": 2}, "log": {"trajectories": "all"}}
    train(lights(**{**MANY, **asked}), run, run=ticks.run)
    works = ["save", "state_dict", "weights_word", "trajectories", "prune", "keep_best"]
    assert ticks.met == dict.fromkeys(works, True)


def test_turns_that_were_kept_are_read_beside_the_loop(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, said = Ticks(monkeypatch), list[str]()
    path = turns_of(tmp_path) / "update-000000-train.turns"
    path.parent.mkdir()
    path.write_bytes(b"x" * (1 << 20))
    ticks.during(journals, "read")
    thread = LearnerThread(said.append)
    kept = journals.Journals(tmp_path, lights(**MANY), torch.nn.Linear(2, 2), said.append, thread)

    async def played() -> int:
        async with kept.of(0, "train") as journal:
            return journal.num_turns

    assert ticks.run(played()) == 0 and ticks.met == {"read": True}
    thread.close()


def test_stored_episodes_are_read_beside_the_loop(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(monkeypatch)
    with StoreWriter(tmp_path) as writer:
        for number in range(4):
            writer.add(Trajectory("room", "t", 0, str(number), (), "terminated"))
        writer.keep({})
    ticks.during(Store, "read")
    recipe = lights(**MANY, offline={"batch_size": 4, "keep": "all"})
    found = ticks.run(StoredCollector(Store(tmp_path), recipe).collect(0))
    assert ticks.met == {"read": True}
    assert sorted(each.group for each in found.chosen) == ["0", "1", "2", "3"]
