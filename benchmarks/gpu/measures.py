"""How much memory work takes beside what `turnwise fit` says, and how fast it is beside a bare loop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from bare import Bare
from card import GIB, free_bytes, wait_for
from record import Finding
from work import (
    ROOM,
    Scale,
    advantages,
    emptied,
    episodes_of,
    expected,
    fits,
    jobs_of,
    learn,
    learner_of,
    model_of,
    play,
    shape,
    together,
)

from turnwise.agents.models import TransformersLM
from turnwise.trainers.fit.measured import peak_of
from turnwise.trainers.fit.passes import Model, Pass
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.sections import PolicySection

_SETTINGS: dict[str, dict[str, Any]] = {
    "copies, chunks, checkpointing": {},
    "without chunks": {"head_chunk": 0},
    "without checkpointing": {"checkpointing": False},
    "without copies": {"master": "none"},
    "offload": {"adam": "offload"},
}
_PASSES = 2  # of an update
_ENOUGH_S = 15.0  # for one figure


def memory(scale: Scale) -> Iterator[Finding]:
    """Measure updates at several settings, and a rollout."""
    for name, changes in list(_SETTINGS.items())[: scale.settings]:
        yield _update_memory(scale, name, scale.policy(), changes)
    yield _update_memory(scale, "adapter", scale.policy(adapter=True), {})
    yield _rollout_memory(scale)
    if scale.device.type == "cuda":
        free, total = torch.cuda.mem_get_info(scale.device)
        driver = (total - free - torch.cuda.memory_reserved(scale.device)) / GIB
        yield Finding("memory", "taken beside torch's own, by all", driver, "GiB", None, "1 is assumed")


def _update_memory(scale: Scale, name: str, policy: PolicySection, changes: dict[str, Any]) -> Finding:
    optim = scale.optim(**changes)
    said = together(expected(scale, policy, optim), optim)

    def update() -> None:
        lm = model_of(policy, scale.device)
        learner, episodes = learner_of(lm, optim), episodes_of(scale, _PASSES, lm.vocab_size)
        for seed in range(2):  # the second has the moments of the first
            learn(learner, episodes, seed)

    return _beside(scale, f"an update, {policy.checkpoint}, {name}", said, update)


def _rollout_memory(scale: Scale) -> Finding:
    policy, length = scale.policy(), scale.prompt + scale.said
    found = Model(shape(policy), policy).sampled(Pass(scale.slots, length, scale.prompt))
    weights = expected(scale, policy, scale.optim()).weights

    def rollout() -> None:
        lm = model_of(policy, scale.device)
        play(lm, jobs_of(lm, scale.slots, scale.prompt, scale.said))

    return _beside(scale, f"a rollout of {scale.slots}", weights + found.cache + found.forward, rollout)


def _beside(scale: Scale, name: str, said: int, call: Callable[[], None]) -> Finding:
    """Measure a call, unless more memory is needed than there is."""
    with emptied(scale.device):
        free = free_bytes(scale.device)
        if said > ROOM * free:
            text = f"not tried: {said / GIB:.1f} GiB of {free / GIB:.1f} free"
            return Finding("memory", name, text)
        measured = peak_of(call, scale.device)
    share = said / measured
    near = abs(share - 1) <= 0.1 or scale.device.type == "cpu"  # what is small is rounded much
    bound = f"fit says {said / GIB:.3g}, {share:.2f} of it; within 10 %"
    return Finding("memory", name, measured / GIB, "GiB", near, bound)


def speed(scale: Scale) -> Iterator[Finding]:
    """Time updates and rollouts of the model that trains whole."""
    policy = scale.policy()
    yield from _updates(scale, policy)
    with emptied(scale.device):
        lm = model_of(policy, scale.device)
        jobs = jobs_of(lm, scale.slots, scale.prompt, scale.said)
        ours = _median(scale, lambda: play(lm, jobs))
        bare = _median(scale, lambda: _generate(scale, lm, [job.prompt_ids for job in jobs]))
    said = scale.slots * scale.said
    yield Finding("speed", f"a rollout of {scale.slots}", said / ours, "tokens said a second")
    yield Finding("speed", "transformers' generate", said / bare, "tokens said a second")
    yield Finding("speed", "rollout by generate", bare / ours, "times")


def adapter(scale: Scale) -> Iterator[Finding]:
    """Time updates of the larger model with an adapter; see that its base stays what the reference is."""
    yield from _updates(scale, scale.policy(adapter=True))


def _updates(scale: Scale, policy: PolicySection) -> Iterator[Finding]:
    kind, rate = ("adapter", 1e-3) if policy.lora_rank else ("speed", 1e-6)
    optim = scale.optim(learning_rate=rate)
    if not fits(scale, policy, optim):
        yield Finding(kind, f"an update, {policy.checkpoint}", "not tried: it would not fit")
        return
    tokens = _PASSES * scale.rows * scale.length
    with emptied(scale.device):
        ours, reference = _learner_seconds(scale, policy, optim)
    yield Finding(kind, f"an update, {policy.checkpoint}", tokens / ours, "tokens read a second")
    if policy.lora_rank:
        yield reference
    with emptied(scale.device):
        bare = _bare_seconds(scale, policy, optim)
    yield Finding(kind, "a bare loop", tokens / bare, "tokens read a second")
    yield Finding(
        kind, "learner by bare loop", ours / bare, "times", _close(scale, ours / bare), "at most 1.1"
    )


def _learner_seconds(scale: Scale, policy: PolicySection, optim: OptimConfig) -> tuple[float, Finding]:
    """Return the seconds of an update, and how the base of an adapter stands afterwards."""
    lm = model_of(policy, scale.device)
    base, learner = _states(scale, lm), learner_of(lm, optim, 0.0)
    seconds = _median(scale, partial(learn, learner, episodes_of(scale, _PASSES, lm.vocab_size)))
    return seconds, _reference(scale, lm, base)


def _bare_seconds(scale: Scale, policy: PolicySection, optim: OptimConfig) -> float:
    """Return the seconds of the same step by a loop that is written for it alone."""
    lm = model_of(policy, scale.device)
    episodes = episodes_of(scale, _PASSES, lm.vocab_size)
    loop = Bare(lm.model, rate=optim.learning_rate, micro_tokens=optim.micro_tokens, chunk=scale.chunk)
    return _median(scale, partial(loop.step, episodes, advantages(len(episodes))))


def _close(scale: Scale, ratio: float) -> bool | None:
    return ratio <= 1.1 if scale.device.type == "cuda" else None


@torch.no_grad()
def _states(scale: Scale, lm: TransformersLM) -> torch.Tensor:
    ids = torch.arange(5, 25, device=scale.device)[None]
    return lm.hidden(ids, torch.tensor([20], device=scale.device)).float()


def _reference(scale: Scale, lm: TransformersLM, base: torch.Tensor) -> Finding:
    """Compare what the model answers without its adapter with what it did before that learned."""
    with lm.unadapted():
        apart = float((_states(scale, lm) - base).abs().max())
    learned = float((_states(scale, lm) - base).abs().max())
    holds = apart < 1e-6 < learned
    return Finding("adapter", f"its base moved (with it {learned:.2g})", apart, "", holds, "at most 1e-06")


def _generate(scale: Scale, lm: TransformersLM, prompts: list[tuple[int, ...]]) -> None:
    ids = torch.tensor(prompts, device=scale.device)
    lm.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        top_k=0,
        top_p=1.0,
        max_new_tokens=scale.said,
        min_new_tokens=scale.said,
        pad_token_id=0,
    )


def _median(scale: Scale, call: Callable[[], Any]) -> float:
    """Return the median seconds of some calls, fewer where they are slow, after one that is not counted."""
    taken: list[float] = []
    while len(taken) < 2 or (len(taken) <= scale.rounds and sum(taken) < _ENOUGH_S):
        wait_for(scale.device)
        started = time.perf_counter()
        call()
        wait_for(scale.device)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])
