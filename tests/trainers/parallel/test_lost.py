"""A rank that dies, hangs, fails or disagrees ends the run in words that name it, and no process stays.

1. A rank that is killed in the middle of a run, or stands still for longer than launch.timeout_s.
2. A rank that fails by itself; one that stands elsewhere; one that has loaded other weights.
3. From then on the group says the same at once, and leaving it leaves no process behind.
4. Ranks that end with rank 0 when it is killed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from cases import alone, at_length, batches, flat, load, policy_in, recipe_of, together
from torch.distributed import distributed_c10d

from turnwise.errors import TrainingError, UsageError
from turnwise.trainers.launch.config import LaunchSection
from turnwise.trainers.parallel import group as group_module
from turnwise.trainers.parallel.group import Ranks
from turnwise.trainers.parallel.launch import ranks
from turnwise.trainers.parallel.place import Place
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.validate import validate


@pytest.fixture
def pair() -> Iterator[tuple[Ranks, psutil.Process]]:
    """Return a group of two, and the process of rank 1, which has to be gone afterwards."""
    before = {process.pid for process in psutil.Process().children()}
    with ranks(LaunchSection(learners=2, timeout_s=120)) as group:
        (other,) = (each for each in psutil.Process().children() if each.pid not in before)
        yield group, other
    assert not psutil.pid_exists(other.pid)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, r"rank 1 of 2 \(process \d+\) was killed by SIGKILL"),
        pytest.param(signal.SIGSTOP, "does not answer", marks=at_length),
    ],
)
def test_a_rank_that_is_gone_is_named(
    number: signal.Signals,
    words: str,
    pair: tuple[Ranks, psutil.Process],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group, other = pair
    recipe, policy = recipe_of("tiny"), policy_in(tmp_path / "policy", "tiny")
    face = load(recipe, policy)
    learner = together(group, recipe, policy, face)
    ((batch, advantage_N),) = batches(face, 1)
    learner.update(batch, advantage_N)
    before = flat(face)
    distributed_c10d._set_pg_timeout(timedelta(seconds=2))  # it was longer, for a busy machine to begin
    monkeypatch.setattr(group_module, "_GRACE_S", 1.0)
    other.send_signal(number)
    with pytest.raises(TrainingError, match=f"update: .*{words}.*go on with --resume"):
        learner.update(batch, advantage_N)
    began = time.monotonic()
    with pytest.raises(TrainingError, match=words):  # as when what is done is saved
        learner.state_dict()
    assert time.monotonic() - began < 1.0
    assert (flat(face) == before).all()


@at_length
def test_a_rank_that_fails_or_disagrees_is_named(tmp_path: Path) -> None:
    recipe, policy = recipe_of("tiny"), policy_in(tmp_path / "policy", "tiny")
    face = load(recipe, policy)
    ((batch, _),) = batches(face, 1)
    with ranks(LaunchSection(learners=2, timeout_s=60)) as group:
        learner = together(group, recipe, policy, face)
        learner.num_updates = 3
        with pytest.raises(
            TrainingError, match=r"rank 1 of 2 failed: .* at update 0, step 0, and rank 0 at update 3"
        ):
            learner.logprobs(batch)


def test_ranks_with_other_weights_or_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, policy = recipe_of("tiny"), policy_in(tmp_path / "policy", "tiny")
    face = load(recipe, policy)
    with ranks(LaunchSection(learners=2, timeout_s=60)) as group:
        weights = group.gather
        group.gather = lambda value: weights(  # type: ignore[method-assign]
            [({**value[0][0], "weights": "0" * 64}, "")]
        )
        with pytest.raises(TrainingError, match=r"rank 1 of 2 has weights [0-9a-f]{12}, rank 0 000000000000"):
            together(group, recipe, policy, face)
        group.gather = weights  # type: ignore[method-assign]
        monkeypatch.chdir(tmp_path)  # where the other rank is not
        with pytest.raises(
            TrainingError, match=r"rank 1 of 2 could not begin: CheckpointError: policy/config"
        ):
            together(group, recipe, "policy", face)
        learner = together(group, recipe, policy, face)  # and may be asked again
        ((batch, _),) = batches(face, 1)
        assert learner.logprobs(batch) == pytest.approx(alone(recipe, policy, face).logprobs(batch), abs=1e-6)


LEAD = """
import sys, time
from turnwise.trainers.parallel.launch import ranks
from turnwise.trainers.launch.config import LaunchSection
with ranks(LaunchSection(learners=2)) as group:
    print("ready", flush=True)
    time.sleep(600)
"""


@at_length
def test_ranks_end_with_rank_0_however_it_ends() -> None:
    process = subprocess.Popen([sys.executable, "-c", LEAD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    (other,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    process.stdout.close()
    psutil.wait_procs([other], timeout=60)
    assert not other.is_running() or other.status() == psutil.STATUS_ZOMBIE


def test_torchrun_and_launch_learners_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in Place(0, 0, 4).variables("127.0.0.1", 1).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="torchrun has started 4 processes"), ExitStack() as stack:
        stack.enter_context(ranks(LaunchSection(learners=2)))


def test_what_several_learners_cannot_do_is_refused_before_they_start(lights: Callable[..., Recipe]) -> None:
    with pytest.raises(UsageError, match=r'set optim\.adam = "fused"'):
        validate(lights(launch={"learners": 2}, optim={"adam": "offload"}))
