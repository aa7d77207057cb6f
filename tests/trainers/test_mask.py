"""A run with a second, slowly following policy (NLPO): when it is set, what is kept of it, what the log says.

1. The recipe trains, and its second update again from a checkpoint, bit for bit, the copy too.
2. The copy becomes the policy that has just sampled, every so many updates.
3. Without a mask, or with one that leaves everything, it is PPO bit for bit.
4. The learner replays each token under the mask that it was drawn under, an older one too.
5. Held-out tasks are played without it; ahead of the learner it works as in turn, the sync's probe too.
6. What it cannot go with is refused, with the key; `fit` counts it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_recipes import TINY, small

from turnwise.agents.decoding.caching import CachingPolicy
from turnwise.agents.decoding.masking import MaskRow, hide
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policies.vllm.policy import VllmPolicy
from turnwise.agents.sampling import NO_MASK, Mask
from turnwise.agents.tiny import TinyPolicy
from turnwise.agents.tiny.checkpoint import load_checkpoint
from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.agents.types import (
    Generation,
    GenerationRequest,
    Masked,
    Message,
    Trajectory,
    Turn,
    VersionSpan,
)
from turnwise.errors import CheckpointError, UsageError
from turnwise.servers.client import connect
from turnwise.trainers.fit.measured import peak_of
from turnwise.trainers.fit.needs import estimate
from turnwise.trainers.fit.passes import Learned, Model, Pass, Sampled
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.policies.mask import HeldMask, held
from turnwise.trainers.recipe import Recipe, load
from turnwise.trainers.rollouts.collect import Collector
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.statistics import batch_statistics
from turnwise.trainers.sections import PolicySection, RolloutSection
from turnwise.trainers.train import train, validate

Lights = Callable[..., Recipe]
SMALL: dict[str, Any] = {"num_groups": 2, "group_size": 4}
BRIEF: dict[str, Any] = {"num_updates": 3, "save_every": 1, "keep": 3}
CLOCKS = ("seconds", "step_time", "_per_s", "time/")


def figures(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in entry.items() if not any(clock in key for clock in CLOCKS)}
        for entry in read_log(run)
    ]


def saved(run: Path, update: int) -> tuple[bytes, dict[str, Any]]:
    """Return the weights of a checkpoint as they lie there, and the copy."""
    found = checkpoint.load(run / "checkpoints" / f"update-{update:06d}")
    return (found.policy / "model.safetensors").read_bytes(), found.learner.get("mask", {})


def same(first: dict[str, Any], other: dict[str, Any]) -> bool:
    pairs = zip(first["weights"].items(), other["weights"].items(), strict=True)
    equal = all(name == named and torch.equal(one, two) for (name, one), (named, two) in pairs)
    return equal and first["version"] == other["version"]


def test_the_recipe_trains_and_goes_on_across_a_setting_of_the_copy(
    lights_file: Path, tmp_path: Path
) -> None:
    chosen = small("nlpo", f"{lights_file}:Lights", TINY, 3, plain=True)
    chosen = replace(
        chosen,
        train=replace(chosen.train, save_every=1, keep=4),
        rollout=replace(chosen.rollout, mask=Mask(0.5, 1, 2)),
        optim=replace(chosen.optim, num_epochs=1),
    )
    run = tmp_path / "run"
    assert train(chosen, run).update == 3
    straight, kept = figures(run), [saved(run, number) for number in (0, 1, 2, 3)]
    assert [mask["version"] for _, mask in kept] == [0, 0, 1, 1]
    assert same(kept[0][1], kept[1][1]) and same(kept[2][1], kept[3][1])
    model, _ = load_checkpoint(run / "checkpoints" / "update-000001" / "policy")
    assert all(torch.equal(weight, kept[2][1]["weights"][name]) for name, weight in model.named_parameters())
    for back_to in (1, 2):  # before and after the copy was set
        for number in range(back_to + 1, 4):
            shutil.rmtree(run / "checkpoints" / f"update-{number:06d}")
        assert train(chosen, run, resume=True).update == 3
        assert figures(run) == straight
        again = [saved(run, number) for number in (2, 3)]
        assert [weights for weights, _ in again] == [weights for weights, _ in kept[2:]]
        assert all(same(one, two) for (_, one), (_, two) in zip(again, kept[2:], strict=True))
    entries = [entry for entry in straight if entry["kind"] == "update"]
    assert [entry["mask/age"] for entry in entries] == [0.0, 1.0, 1.0]
    assert all(0 < entry["mask/hidden"] < 1 and 0 < entry["mask/mass"] < 1 for entry in entries)
    assert entries[0]["mask/forbids"] == 0.0, "no policy masks its own likeliest token"
    assert entries[0]["mismatch_max"] <= 1e-5


def test_of_a_shared_model_the_copy_is_what_has_sampled_and_not_what_was_learned(
    lights: Lights, chat_model: Path, tmp_path: Path
) -> None:
    """Learner and policy of transformers hold one set of tensors; the copy is set before these move."""
    recipe = lights(
        policy={"kind": "transformers", "checkpoint": str(chat_model)},
        rollout={**SMALL, "max_episode_tokens": 1024, "mask": {"top_p": 0.5, "every": 1}},
        train={"num_updates": 2, "save_every": 1, "keep": 3},
        eval={"episodes": 0},
    )
    run = tmp_path / "run"
    train(recipe, run)
    for update in (1, 2):
        before = TransformersLM.load(str(run / "checkpoints" / f"update-{update - 1:06d}" / "policy"))
        copied = saved(run, update)[1]
        assert copied["version"] == update - 1
        weights = dict(before.named_parameters())
        assert all(torch.equal(weights[name], weight) for name, weight in copied["weights"].items())
    assert saved(run, 0)[0] != saved(run, 1)[0] != saved(run, 2)[0]
    straight, kept = figures(run), saved(run, 2)
    shutil.rmtree(run / "checkpoints" / "update-000002")
    train(recipe, run, resume=True)
    again = saved(run, 2)
    assert figures(run) == straight and again[0] == kept[0] and same(again[1], kept[1])


class Noting:
    """A policy that is told when its copy is set."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def hold_mask(self) -> None:
        self.calls.append("hold")

    def set_mask(self) -> None:
        self.calls.append("set")


@pytest.mark.parametrize(("every", "due"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3]), (5, [4]), (6, []), (0, [])])
def test_the_copy_is_set_every_so_many_updates(every: int, due: list[int]) -> None:
    policy: Any = Noting()
    mask = HeldMask(policy, Mask(0.9, 1, every))
    found = []
    for update in range(5):
        before = len(policy.calls)
        mask.sampled(update)
        found += [update] if len(policy.calls) > before else []
    assert (found, policy.calls[0]) == (due, "hold")
    assert held(policy, NO_MASK) is None


def test_without_a_mask_or_with_one_that_leaves_everything_it_is_ppo_bit_for_bit(
    lights: Lights, tmp_path: Path
) -> None:
    runs = []
    for name, mask in (("ppo", {}), ("one", {"top_p": 1.0}), ("all", {"top_p": 0.5, "least": 300})):
        asked = {**SMALL, "mask": mask, "constraint": "none", "max_tokens": 6}
        recipe = lights(credit={"name": "turn_ppo"}, rollout=asked, train=BRIEF, eval={"episodes": 0})
        train(recipe, tmp_path / name)
        plain = [
            {key: value for key, value in entry.items() if not key.startswith("mask/")}
            for entry in figures(tmp_path / name)
        ]
        runs.append((plain, saved(tmp_path / name, 3)[0]))
    assert runs[0] == runs[1] == runs[2]
    shown = next(entry for entry in figures(tmp_path / "all") if entry["kind"] == "update")
    assert (shown["mask/hidden"], shown["mask/mass"], shown["mask/forbids"]) == (0.0, 0.0, 0.0)
    assert "mask" not in checkpoint.load(tmp_path / "one" / "checkpoints" / "update-000003").learner


@pytest.fixture
def trained(lights: Lights, tmp_path: Path) -> tuple[TinyPolicy, Any]:
    """Return a small policy that holds a copy, and its model."""
    train(lights(train={"num_updates": 1}, rollout=SMALL, eval={"episodes": 0}), tmp_path / "made")
    model, tokenizer = load_checkpoint(tmp_path / "made" / "checkpoints" / "update-000001" / "policy")
    policy = TinyPolicy(model, tokenizer)
    policy.hold_mask()
    return policy, model


def say(policy: TinyPolicy, number: int) -> list[Generation]:
    async def inside() -> list[Generation]:
        messages = (Message("user", "The light is red."),)
        requests = [
            GenerationRequest(messages, key=(n,), max_tokens=8, mask=Mask(0.5)) for n in range(number)
        ]
        return list(await asyncio.gather(*map(policy.generate, requests)))

    return asyncio.run(inside())


def turn_of(generation: Generation) -> Turn:
    return Turn(0, "", "", "", 0.0, "", generation=generation)


def test_the_learner_replays_the_mask_that_a_token_was_drawn_under_and_not_its_own(
    trained: tuple[TinyPolicy, Any],
) -> None:
    """Messages of one policy under two masks in one batch: both are replayed, and neither is the other's."""
    policy, model = trained
    first = say(policy, 12)
    other = {name: weight + 0.3 * torch.randn_like(weight) for name, weight in model.named_parameters()}
    policy.load_mask({"version": 7, "weights": other})
    second = say(policy, 12)
    said = [*first, *second]
    assert {each.masked.version for each in said if each.masked} == {0, 7}
    assert [each.support for each in first] != [each.support for each in second]
    played = [Trajectory("e", "t", 0, str(n), (turn_of(each),), "terminated") for n, each in enumerate(said)]
    batch = pack(played)
    learner = Learner(model, OptimConfig(), ObjectiveConfig())
    assert abs(learner.logprobs(batch) - batch.behaviour_N).max() <= 1e-6
    free = pack(
        [replace(each, turns=(turn_of(replace(each.turns[0].generation, support=())),)) for each in played]
    )
    assert (learner.logprobs(free) - free.behaviour_N).min() < -0.1, (
        "without the mask it is another distribution"
    )


def test_what_the_log_says_of_a_mask_by_hand() -> None:
    """Messages of 3 and 1 tokens, by policies 5 and 6, under copies of 2 and 6; another asked for none."""
    one = Generation("a", versions=(VersionSpan(5, 0, 3),), masked=Masked(2, 3, 1.5, 0.75, 2))
    two = Generation("b", versions=(VersionSpan(6, 0, 1),), masked=Masked(6, 1, 0.5, 0.25, 0))
    turns = [turn_of(each) for each in (one, two, Generation("c"))]
    found = batch_statistics([Trajectory("e", "t", 0, "g", tuple(turns), "terminated")])
    told = {name: value for name, value in found.items() if name.startswith("mask/")}
    assert told == {"mask/hidden": 0.5, "mask/mass": 0.25, "mask/forbids": 0.5, "mask/age": 1.5}
    assert not [
        name
        for name in batch_statistics([Trajectory("e", "t", 0, "g", turns[2:], "terminated")])
        if "mask" in name
    ]


def test_held_out_tasks_are_played_without_it(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mask] = []
    generate = CachingPolicy.generate

    async def noting(self: Any, request: GenerationRequest) -> Generation:
        asked.append(request.mask)
        return await generate(self, request)

    monkeypatch.setattr(CachingPolicy, "generate", noting)
    mask = {"top_p": 0.5, "every": 1}
    recipe = lights(
        rollout={**SMALL, "mask": mask}, train={"num_updates": 1}, eval={"every": 1, "episodes": 4}
    )
    train(recipe, tmp_path / "run")
    assert asked.count(Mask(0.5, 1, 1)) == 8 * 3 and asked.count(NO_MASK) == 2 * 4 * 3


def test_ahead_of_the_learner_each_message_has_the_mask_of_its_time(lights: Lights, tmp_path: Path) -> None:
    """The sync proves between two messages that the new weights are there, and the copy has its own."""
    ahead = {"mode": "async", "max_staleness": 1, "num_updates": 4, "save_every": 4}
    asked = {**SMALL, "mask": {"top_p": 0.7, "every": 1}}
    train(lights(train=ahead, rollout=asked, eval={"episodes": 0}), tmp_path / "run")
    versions = set()
    for update in (1, 2, 3, 4):
        for one in read_trajectories(trajectory_path(tmp_path / "run", update)):
            for turn in one.turns:
                told = turn.generation.masked
                assert told is not None and told.version <= turn.generation.versions[0].version
                versions.add(told.version)
    assert len(versions) > 1
    entries = [entry for entry in read_log(tmp_path / "run") if entry["kind"] == "update"]
    assert all(entry["mismatch_max"] <= 1e-4 for entry in entries if not entry["staleness"])
    assert all(entry["sync/worst_nats"] < 1e-3 for entry in entries)


def test_the_expert_that_a_sampler_asks_is_asked_without_it() -> None:
    rollout = RolloutSection(mask=Mask(0.5))
    asking: Any = SimpleNamespace(
        picker=SimpleNamespace(choices=[]), rollout=rollout, client=connect("local:")
    )
    assert list(asyncio.run(Collector.shown(asking, []))) == []


def test_a_checkpoint_without_a_copy_is_refused_where_one_is_asked_for(trained: Any) -> None:
    with pytest.raises(CheckpointError, match=r"no mask policy, .* --set rollout.mask.top_p=1.0"):
        HeldMask(trained[0], Mask(0.9)).load(None)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["policy.kind=vllm"], "rollout.mask.top_p is 0.9 with policy.kind 'vllm'.*'tiny' or 'transformers'"),
        (["offline.trajectories=['somewhere']"], "rollout.mask with offline.trajectories"),
        (["rollout.mask.top_p=1.1"], "mask.top_p 1.1: expected"),
        (["rollout.mask.top=0.9"], "top"),
    ],
)
def test_what_it_cannot_go_with_is_refused(overrides: list[str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        validate(load("nlpo", [*overrides, "server.url=http://127.0.0.1:1"]))


def test_engines_and_endpoints_refuse_a_request_with_a_mask() -> None:
    """Before anything is sent: the parts that send are not there."""
    request = GenerationRequest((Message("user", "go"),), mask=Mask(0.9))
    for kind in (VllmPolicy, OpenAIPolicy):
        policy: Any = kind.__new__(kind)
        policy.name = "elsewhere"
        with pytest.raises(UsageError, match=r"rollout.mask.top_p is 0.9: .*'elsewhere' holds one"):
            asyncio.run(policy.generate(request))


class Shape:
    """A model of known numbers: weights 100, gradients 7, a cache of 30, passes of 5, of 9 under a mask."""

    context = 4096

    def learned(self, *size: Any) -> Learned:
        return Learned(100, 200, 7, 14, 1, 2)

    def sampled(self, size: Any, masked: bool) -> Sampled:
        return Sampled(30, 1, 9 if masked else 5)

    def gathered(self) -> int:
        return 0


def test_fit_counts_the_copy_and_what_it_has_cached() -> None:
    def sizes(*changes: str) -> dict[str, tuple[int, int]]:
        shape: Any = Shape()
        found = estimate(load("nlpo", ["prompt.mode=conversation", *changes]), shape)
        return {need.name: (need.update, need.rollout) for need in found.needs}

    masked, plain = sizes(), sizes("rollout.mask.top_p=1.0")
    assert masked.pop("mask policy") == (100, 100)
    changed = {name: (plain[name], masked[name]) for name in plain if plain[name] != masked[name]}
    assert changed == {
        "keys and values": ((0, 30), (0, 60)),
        "those between turns": ((327_680, 327_680), (655_360, 655_360)),  # a byte a token
        "passes of a rollout": ((0, 5), (0, 9)),
    }
    assert sizes("policy.lora_rank=4")["mask policy"] == (7, 7)  # the model below the adapter is shared


def test_what_reading_a_mask_takes_is_within_a_tenth_of_what_is_said() -> None:
    """The logits themselves, 4 bytes each of two policies, are there before."""
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = transformers.Qwen2Config(**sizes, num_hidden_layers=3, vocab_size=20_000)
    model = Model(config, PolicySection(dtype="float32"))
    assert model.sampled(Pass(4, 16, 8), True).forward == 4 * model._masking()
    said = model._masking() / 20_000 - 2 * 4
    logits, rows = torch.randn(16, 20_000), [MaskRow(Mask(0.9), None, (1,), 1.0)] * 16
    measured = peak_of(lambda: hide(logits, logits, rows), torch.device("cpu")) / logits.numel()
    assert said == pytest.approx(measured, rel=0.1)
