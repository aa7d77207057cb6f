"""A real vLLM samples with the learner's weights, and a fault of each kind stops the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from vllm_rooms import BLOCK, CONTEXT, learn, parts_of, qwen2, run

from turnwise.agents.policies.vllm.engine import Asked, Said
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import GenerationRequest
from turnwise.errors import TrainingError
from turnwise.trainers.learner.probe import rehearse
from turnwise.trainers.sync.probe import learner_logprobs, long_prompt

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]
Parts = Callable[..., SimpleNamespace]
SMOLLM2 = Path(__file__).resolve().parents[2] / ".smollm2" / "model"


def test_weights_arrive_and_logprobs_are_those_of_the_learner(parts: Parts) -> None:
    found = parts(sampling=Sampling(temperature=0.7))

    async def inside() -> None:
        first = await found.sync.push(0)
        learn(found.model)
        second = await found.sync.push(1)
        assert max(first.worst_nats, second.worst_nats) < 1e-4
        assert max(first.mean_nats, second.mean_nats) < 1e-5
        requests = [
            GenerationRequest(prompt_ids=(5, 6, number), max_tokens=32, sampling=Sampling(temperature=0.7))
            for number in range(16)
        ]
        said = await asyncio.gather(*map(found.policy.generate, requests))
        assert {span.version for each in said for span in each.versions} == {1}
        theirs = [Said(each.token_ids, each.logprobs, "length") for each in said]
        ours = learner_logprobs(found.model, [each.prompt_ids for each in said], theirs, 0.7)
        apart = [
            abs(a - b)
            for one, row in zip(said, ours, strict=True)
            for a, b in zip(one.logprobs, row, strict=True)
        ]
        mean = sum(apart) / len(apart)
        print(f"transformers and vLLM over {len(apart)} tokens: {max(apart):.2g} nats, mean {mean:.2g}")
        assert max(apart) < 1e-4
        assert mean < 1e-5
        scored = await found.policy.score(said[0].prompt_ids, said[0].token_ids)
        raw = learner_logprobs(found.model, [said[0].prompt_ids], theirs[:1], 1.0)[0]
        assert scored == pytest.approx(raw, abs=1e-4)
        await found.policy.aclose()

    run(inside())


class CutsOff(HttpEngine):
    async def generate(self, asked: Asked) -> Said:
        return await super().generate(replace(asked, sampling=replace(asked.sampling, top_p=0.8)))


class LoadsNothing(HttpEngine):
    async def load(self, folder: str) -> None:
        pass

    set_version = load


class KeepsFrozen(HttpEngine):
    """Loads while a request goes on, and believes that the cache was emptied, which it holds.

    (vLLM 0.32 empties it by itself when it is paused.)
    """

    async def pause(self) -> None:
        pass

    resume = pause

    async def reset_cache(self) -> None:
        await self._post("/reset_prefix_cache")


def spoil(found: SimpleNamespace, layer: int) -> None:
    """Let a matrix of a layer leave the learner as another one."""
    save = found.model.save

    def spoiled(place: Path) -> None:
        weight = found.model.model.model.layers[layer].mlp.up_proj.weight.data
        kept = weight.clone()
        weight.mul_(1.5)
        save(place)
        weight.copy_(kept)

    found.model.save = spoiled


def test_a_wrong_matrix_is_found(parts: Parts) -> None:
    found = parts()
    spoil(found, 1)
    with pytest.raises(TrainingError, match=r"computes with other weights: .*the most at token"):
        run(found.sync.push(0))


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (CutsOff, "samples otherwise than asked: .*top_p"),
        (LoadsNothing, "weights of another version"),
    ],
)
def test_another_sampling_or_version_is_found(parts: Parts, engine: type[HttpEngine], said: str) -> None:
    found = parts(engine)
    with pytest.raises(TrainingError, match=said):
        run(found.sync.push(0))


@pytest.mark.parametrize("engine", [KeepsFrozen, HttpEngine])
def test_a_prefix_that_a_frozen_request_holds_is_found_or_computed_anew(
    parts: Parts, engine: type[HttpEngine]
) -> None:
    found = parts(engine)

    async def inside() -> None:
        await found.sync.push(0)
        prompt = long_prompt(found.model.vocab_size, found.policy.context_tokens, BLOCK)
        most = CONTEXT - 2 * len(prompt)
        request = GenerationRequest(prompt_ids=prompt, max_tokens=most, sampling=Sampling(min_tokens=most))
        for version in range(1, 7):  # on two busy cores this process may not run before the request has ended
            learn(found.model, version)
            frozen = asyncio.create_task(found.policy.generate(request))
            while not frozen.done() and not await _under_way(found):
                await asyncio.sleep(0.01)
            try:
                await found.sync.push(version)
            finally:
                said = await asyncio.wait_for(frozen, 100)
                print("spans of the frozen request:", said.versions)
            if len(said.versions) == 2:
                break
        assert [span.version for span in said.versions] == [version - 1, version]

    if engine is KeepsFrozen:
        with pytest.raises(TrainingError, match="goes on from keys and values of older ones"):
            run(inside())
    else:
        run(inside())


async def _under_way(found: SimpleNamespace) -> bool:
    text = (await found.engine._client.get("/metrics")).text
    rows = [line for line in text.splitlines() if line.startswith("vllm:num_requests_running")]
    return any(float(row.rpartition(" ")[2]) >= 1 for row in rows)


def test_a_model_of_another_shape_is_refused_and_the_right_one_goes_on(
    parts: Parts, tmp_path: Path, server
) -> None:
    other = qwen2(tmp_path / "untied", tied=False, seed=1)
    with pytest.raises(TrainingError, match="sync of version 0"):
        run(parts_of(other, server, tmp_path / "way").sync.push(0))
    assert run(parts().sync.push(0)).worst_nats < 1e-4


def test_the_known_fault_of_a_tied_head_is_found(
    serve, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM 0.32 on a CPU reloads weights and keeps a packed copy of the output layer, without an error."""
    from turnwise.agents.policies.vllm import process

    monkeypatch.setattr(process, "_INSIDE", tmp_path)  # without our extension, which does not pack
    started = serve(model_folder, "--worker-extension-cls", "")
    found = parts_of(model_folder, started, tmp_path / "way", load="reload_weights")

    async def inside() -> None:
        assert (await found.sync.push(0)).worst_nats < 1e-4
        learn(found.model)
        with pytest.raises(TrainingError, match=r"other weights: .*the output layer is the embedding"):
            await found.sync.push(1)

    run(inside())


def test_an_adapter_in_vllm_equals_the_merged_weights(serve, model_folder: Path, tmp_path: Path) -> None:
    started = serve(model_folder, "--enable-lora", "--max-loras", "2", "--max-lora-rank", "8")
    found = parts_of(model_folder, started, tmp_path / "way", rank=8)

    async def inside() -> Said:
        for version in range(3):
            learn(found.model, version)
            assert (await found.sync.push(version)).worst_nats < 1e-4
        return await found.engine.generate(Asked((5, 6, 7), Sampling(), 32))

    said = run(inside())
    found.model.merge()
    merged = learner_logprobs(found.model, [(5, 6, 7)], [said], 1.0)[0]
    apart = max(abs(a - b) for a, b in zip(said.logprobs, merged, strict=True))
    print(f"adapter in vLLM and merged weights: worst {apart:.2g} nats over {len(merged)} tokens")
    assert apart < 1e-4
    other = qwen2(tmp_path / "other", tied=True, seed=5)
    with pytest.raises(TrainingError, match="computes with other weights"):
        run(parts_of(other, started, tmp_path / "way", rank=8).sync.push(0))


def test_bfloat16_agrees_as_far_as_it_rounds(serve, tmp_path: Path) -> None:
    """Over 256 tokens: a probe compares a few, whose mean says little."""
    folder = qwen2(tmp_path / "half", tied=True, dtype=torch.bfloat16, rough=0.05)
    started = serve(folder, "--dtype", "bfloat16")
    found = parts_of(folder, started, tmp_path / "way", dtype=torch.bfloat16)
    prompts = [(5, 6, 7), (11, 12, 13, 14), (100, 3, 77), (9,) * 6]

    async def inside() -> list[Said]:
        assert (await found.sync.push(0)).worst_nats <= 0.05
        return [await found.engine.generate(Asked(prompt, Sampling(), 64)) for prompt in prompts]

    said = run(inside())
    learned = learner_logprobs(found.model, prompts, said, 1.0)
    apart = [
        abs(a - b)
        for one, own in zip(said, learned, strict=True)
        for a, b in zip(one.logprobs, own, strict=True)
    ]
    print(
        f"bfloat16: worst {max(apart):.2g} nats, mean {sum(apart) / len(apart):.2g} over {len(apart)} tokens"
    )
    assert max(apart) <= 0.05
    assert sum(apart) / len(apart) <= 5e-3


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="SmolLM2 is not there: make smollm2")
def test_a_pretrained_model_in_16_bits_passes_as_it_rounds_and_not_with_a_wrong_matrix(
    serve, tmp_path: Path
) -> None:
    found = parts_of(SMOLLM2, serve(SMOLLM2, "--dtype", "bfloat16"), tmp_path, dtype=torch.bfloat16)
    found.sync.allow(rehearse(found.model))  # as a run does: rounding alone moves its logprobs by 0.1 nats

    async def inside() -> None:
        for version in range(3):
            assert (await found.sync.push(version)).worst_nats > 0.01
        spoil(found, 0)
        await found.sync.push(3)

    with pytest.raises(TrainingError, match=r"computes with other weights: .*the most at token"):
        run(inside())
