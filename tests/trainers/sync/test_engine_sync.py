"""Weights on their way to an engine, the proof that they arrived, and what stops a run."""

from __future__ import annotations

import asyncio
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies import PolicyStopped
from turnwise.agents.policies.places import policy_folder
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.policy import VllmPolicy
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import GenerationRequest
from turnwise.errors import TrainingError, UsageError
from turnwise.trainers import policies
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.sync.carriers import carrier_of
from turnwise.trainers.sync.engines import EngineSync
from turnwise.trainers.train import train
from turnwise.trainers.validate import validate

Lights = Callable[..., Recipe]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def made(chat_model: Path, fake_engine: Any, tmp_path: Path) -> Iterator[Callable[..., SimpleNamespace]]:
    """Return a maker of a learner, an engine and what is between them."""
    syncs: list[EngineSync] = []

    def make(fault: str = "", processes: Any = None, rank: int = 0) -> SimpleNamespace:
        model, engine = TransformersLM.load(str(chat_model)), fake_engine(chat_model, fault)
        if rank:
            model.adapt(str(chat_model), rank, 16.0, ())
        codec = ChatCodec(load_tokenizer(str(chat_model)), str(chat_model), eos_ids(model.model))
        policy = VllmPolicy([engine], codec, name="fake", context_tokens=256, vocab_size=model.vocab_size)
        carrier = carrier_of(model, str(tmp_path / "way"))
        own = {engine: processes} if processes else {}
        syncs.append(EngineSync(model, policy, carrier, Sampling(), EngineConfig(), own))
        return SimpleNamespace(model=model, engine=engine, policy=policy, sync=syncs[-1], carrier=carrier)

    yield make
    for sync in syncs:
        sync.close()


def learn(model: TransformersLM) -> None:
    """Move every weight."""
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(7))


def test_what_was_learned_arrives_in_order_and_is_proved(made: Callable[..., SimpleNamespace]) -> None:
    parts = made()

    async def inside() -> None:
        before = await parts.sync.push(0)
        learn(parts.model)
        parts.engine.calls.clear()
        pushing = asyncio.create_task(parts.sync.push(1))
        await asyncio.sleep(0)
        after = await pushing
        assert max(before.worst_nats, after.worst_nats) < 1e-5
        assert after.figures().keys() == {
            "sync/seconds", "sync/probe_seconds", "sync/worst_nats", "sync/mean_nats",
        }  # fmt: skip
        said = await parts.policy.generate(GenerationRequest(prompt_ids=(5, 6, 7), max_tokens=3))
        assert {span.version for span in said.versions} == {1}

    asyncio.run(inside())
    calls = parts.engine.calls
    assert calls[:7] == ["resume", "generate", "pause", "load", "set_version", "reset_cache", "resume"]
    assert [place.name for place in parts.carrier.folder.iterdir()] == ["v1"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("matrix", "computes with other weights: .*the output layer is the embedding"),
        ("head", "computes with other weights: .*the output layer is the embedding"),
        ("top_p", "the weights are right, but the engine samples otherwise than asked: .*top_p"),
        ("version", "weights of another version: turnwise-[0-9a-f]+:0; expected turnwise-[0-9a-f]+:1"),
        ("prefix", "the weights are right, but the engine goes on from keys and values of older ones"),
        ("template", "another chat template or tokenizer"),
    ],
)
def test_a_fault_stops_the_run_and_is_named(
    made: Callable[..., SimpleNamespace], fault: str, said: str
) -> None:
    parts = made()

    async def inside() -> None:
        await parts.sync.push(0)
        learn(parts.model)
        parts.engine.fault = fault
        with pytest.raises(TrainingError, match=f"sync of version 1: a fake engine .*{said}"):
            await parts.sync.push(1)
        late = asyncio.create_task(parts.policy.generate(GenerationRequest(prompt_ids=(5,), max_tokens=1)))
        await asyncio.sleep(0.05)
        assert not late.done()  # nothing is let in after a probe that failed
        late.cancel()

    asyncio.run(inside())


def test_a_full_disk_loses_nothing(
    made: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = made()

    async def inside() -> None:
        await parts.sync.push(0)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 1000))
        with pytest.raises(TrainingError, match=r"version 1: .*0 MB are free.*set policy\.engine\.folder"):
            await parts.sync.push(1)
        monkeypatch.undo()

        def full(place: Path) -> None:
            (place / "model.safetensors").write_bytes(b"part")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(parts.model, "save", full)
        with pytest.raises(TrainingError, match="No space left on device"):
            await parts.sync.push(1)
        monkeypatch.undo()
        assert [place.name for place in parts.carrier.folder.iterdir()] == ["v0"]
        await parts.sync.push(1)

    asyncio.run(inside())


def test_an_adapter_that_an_engine_refuses_stops_the_run(made: Callable[..., SimpleNamespace]) -> None:
    with pytest.raises(TrainingError, match="sync of version 0: a fake engine has no adapters"):
        asyncio.run(made(rank=8).sync.push(0))


def test_what_killed_runs_have_left_is_removed(made: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    alive, dead = made().carrier.folder, tmp_path / "way" / "turnwise-sync-x"  # nobody has locked it
    dead.mkdir()
    made()
    assert alive.is_dir()
    assert not dead.exists()


class Process:
    """A process of an engine that can be started again."""

    log_file = Path("engine.log")

    def __init__(self) -> None:
        self.starts, self.parts = 0, None

    def runs(self) -> bool:
        return self.starts > 0

    def start(self) -> None:
        self.starts += 1
        if self.parts is not None:  # a new engine has the weights that the run began with
            self.parts.engine.gone = False

    def stop(self) -> None:
        pass

    close = stop

    def log_tail(self) -> str:
        return "killed"


def test_an_engine_that_died_comes_back_with_its_weights(made: Callable[..., SimpleNamespace]) -> None:
    process = Process()
    parts = made(processes=process)
    process.parts = parts
    request = GenerationRequest(prompt_ids=(5, 6, 7), max_tokens=3)

    async def inside() -> None:
        await parts.sync.push(0)
        learn(parts.model)
        await parts.sync.push(1)
        parts.engine.gone, parts.engine.calls = True, []
        said = await asyncio.gather(*(parts.policy.generate(request) for _ in range(3)))
        assert {span.version for each in said for span in each.versions} == {1}
        assert process.starts == 2
        assert parts.engine.calls.count("load") == 1
        process.parts = None  # from now on it stays away
        parts.engine.gone = True
        with pytest.raises(PolicyStopped, match="does not answer"):
            await parts.policy.generate(request)

    asyncio.run(inside())


@pytest.mark.parametrize(
    "deaths",
    [
        ["generate"],  # of the prompt that the cache shall hold
        ["pause"],
        ["reset_cache", "load"],  # again while it comes back
        ["resume", "resume"],
    ],
)
def test_an_engine_that_dies_in_a_sync_comes_back_and_the_sync_goes_on(
    made: Callable[..., SimpleNamespace], deaths: list[str]
) -> None:
    process = Process()
    parts = made(processes=process)
    process.parts = parts

    async def inside() -> None:
        await parts.sync.push(0)
        learn(parts.model)
        parts.engine.deaths = list(deaths)
        assert (await parts.sync.push(1)).worst_nats < 1e-5
        assert process.starts == 1 + len(deaths)
        parts.engine.calls.clear()
        learn(parts.model)
        probes = asyncio.create_task(parts.sync.push(2))
        while parts.engine.calls.count("resume") < 2:
            await asyncio.sleep(0)
        parts.engine.deaths = ["generate"]  # now it is the probe that meets it
        await probes
        assert process.starts == 2 + len(deaths)
        parts.engine.deaths = ["pause"] * 3
        with pytest.raises(TrainingError, match=r"version 3: .*started again 2 times since the last update"):
            await parts.sync.push(3)

    asyncio.run(inside())


def recipe_for(lights: Lights, base: Path, **engine: Any) -> Recipe:
    return lights(
        policy={"kind": "vllm", "checkpoint": str(base), "engine": engine},
        rollout={
            "num_groups": 2, "group_size": 4, "max_turns": 2, "max_tokens": 8, "max_episode_tokens": 400,
            "constraint": "none", "deterministic": False,
        },
        optim={"num_minibatches": 1, "skip_idle": False},
        train={"num_updates": 2, "save_every": 1},
        eval={"every": 0, "episodes": 0},
    )  # fmt: skip


def test_a_run_learns_over_an_engine_and_goes_on_after_a_fault(
    lights: Lights, chat_model: Path, fake_engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_for(lights, chat_model, urls=["http://127.0.0.1:9"], folder=str(tmp_path / "way"))
    faults = iter(["later", ""])

    def engine(url: str, config: EngineConfig) -> Any:
        found = fake_engine(chat_model)
        fault, load = next(faults), found.load

        async def load_with_fault(folder: str) -> None:
            found.fault = "matrix" if fault and folder.endswith("v1") else ""
            await load(folder)

        found.load = load_with_fault
        return found

    monkeypatch.setattr(policies.vllm, "HttpEngine", engine)
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="sync of version 1"):
        train(recipe, out)
    assert policy_folder(out).parent.name == "update-000001"
    state = train(recipe, out, resume=True)
    assert state.update == 2
    entries = [entry for entry in read_log(out) if entry["kind"] == "update"]
    assert [entry["update"] for entry in entries] == [1, 2]
    assert all(entry["sync/worst_nats"] < 1e-5 and entry["mismatch_kl"] < 1e-9 for entry in entries)
    assert list((tmp_path / "way").iterdir()) == []


@pytest.mark.parametrize(
    ("section", "changed", "said"),
    [
        ("rollout", {"constraint": "admissible"}, "rollout.constraint"),
        ("rollout", {"top_p": 0.9}, "whole vocabulary"),
        ("rollout", {"deterministic": True}, "rollout.deterministic"),
        ("policy", {"dtype": "float64"}, "float64"),
        ("policy", {"kind": "vlm"}, "unknown policy kind 'vlm': did you mean 'vllm'"),
        ("policy", {"engine": {"urls": ["localhost:8000"]}}, "expected a URL"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(
    lights: Lights, chat_model: Path, section: str, changed: dict[str, Any], said: str
) -> None:
    tables = {
        "policy": {"kind": "vllm", "checkpoint": str(chat_model)},
        "rollout": {"constraint": "none", "deterministic": False},
    }
    tables[section] |= changed
    with pytest.raises(UsageError, match=said):
        validate(lights(**tables))
