"""Whether an engine answers as the learner does: the proof after every sync.

Engine and learner compute logprobs of the same tokens: on short prompts under the recipe's sampling, and
on a long one whose keys and values the engine held from before. Where they lie further apart than rounding
explains, a third comparison, of given tokens without sampling and without cached prefixes, tells whether
it is the weights, the sampling or the cache.

Shapes: [P] prompt tokens, [L] tokens of all prompts and messages, [N] sampled tokens of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...agents.decoding import replay
from ...agents.models import TransformersLM
from ...agents.policies.vllm.engine import Asked, Engine, Facts, Said
from ...agents.prompts.chat_template import ChatCodec
from ...agents.sampling import Sampling
from ...agents.types import Message
from ..learner.probe import Tolerance

_NUM_SHORT, _SHORT, _SAID = 8, 3, 1  # each request costs an engine some 10 ms, each token said a step
_BLOCK = 128  # tokens that a cache keeps together, where the engine does not say: at most so many
_TALK = (Message("user", "turnwise asks"), Message("assistant", "an answer"), Message("user", "and again"))
_HEAD_HINT = (
    "; the output layer is the embedding: an engine that keeps a packed copy of it (vLLM's reload_weights on "
    "a CPU) shows just this"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """How far logprobs of engine and learner may lie apart, in nats."""

    worst: float
    mean: float

    @classmethod
    def of(cls, dtype: torch.dtype, tolerance: Tolerance | None) -> Limit:
        """Return 1e-4 (mean 1e-5) in float32, 0.05 (mean 0.005) in 16 bits, or what the model rounds."""
        worst, mean = (0.05, 5e-3) if dtype.itemsize < 4 else (1e-4, 1e-5)
        measured = tolerance.measured if tolerance else 0.0
        return cls(max(worst, 10 * measured), max(mean, 2 * measured))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one comparison found."""

    name: str  # version, shape, template, sampled, prefix, weights
    works: bool
    detail: str
    worst: float = 0.0
    mean: float = 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What an engine is held to.

    Args:
        model: the learner's.
        codec: of its tokenizer.
        sampling: of the recipe; of it the temperature alone may differ from what changes nothing.
        limit: in nats.
        version: the name of the weights; "" takes any.
    """

    model: TransformersLM
    codec: ChatCodec
    sampling: Sampling
    limit: Limit
    version: str = ""


def short_prompts(vocab_size: int) -> list[tuple[int, ...]]:
    """Return prompts of random tokens, the same each time."""
    rng = np.random.default_rng(0)
    return [tuple(rng.integers(vocab_size, size=_SHORT).tolist()) for _ in range(_NUM_SHORT)]


def long_prompt(vocab_size: int, context_tokens: int, block: int) -> tuple[int, ...]:
    """Return a prompt that fills a block of the cache, where the context has room for one."""
    length = min(block + _SHORT, context_tokens - _SAID)
    return tuple(np.random.default_rng(1).integers(vocab_size, size=length).tolist())


async def prime(engine: Engine, expected: Expected, context_tokens: int) -> None:
    """Let the engine hold the long prompt's keys and values, so that stale ones would be found."""
    prompt = long_prompt(expected.model.vocab_size, context_tokens, _block(await engine.facts()))
    await engine.generate(Asked(prompt, expected.sampling, 1))


async def probe(
    engine: Engine, expected: Expected, context_tokens: int, *, thorough: bool = False
) -> list[Finding]:
    """Compare an engine with the learner.

    Args:
        engine: it must take requests.
        expected: what it is held to.
        context_tokens: the engine's.
        thorough: compare given tokens also where the sampled ones agree.

    Raises:
        PolicyError: if the engine does not answer.
    """
    vocab, facts = expected.model.vocab_size, await engine.facts()
    prompts = [*short_prompts(vocab), long_prompt(vocab, context_tokens, _block(facts))]
    asked = [Asked(prompt, expected.sampling, _SAID) for prompt in prompts]
    said, template = await asyncio.gather(
        asyncio.gather(*map(engine.generate, asked)), _template(engine, expected.codec)
    )
    temperature = expected.sampling.temperature
    ours = await asyncio.to_thread(learner_logprobs, expected.model, prompts, said, temperature)
    short = _compared("sampled", prompts[:-1], said[:-1], ours[:-1], expected.limit)
    few = replace(expected.limit, mean=expected.limit.worst)  # the mean of one token says nothing
    prefix = _compared("prefix", prompts[-1:], said[-1:], ours[-1:], few)
    findings = [
        _version(facts, said, expected.version),
        _shape(facts, expected.model),
        template,
        short,
        prefix,
    ]
    if thorough or not (short.works and prefix.works):
        findings.append(await _weights(engine, expected, prompts, said))
    return findings


def verdict(findings: Sequence[Finding], model: TransformersLM) -> str:
    """Say what is wrong, the cause first; "" if nothing is."""
    failed = {finding.name: finding for finding in findings if not finding.works}
    if not failed:
        return ""
    for name, cause in (
        ("version", "the engine has weights of another version"),
        ("shape", "the engine runs a model of another architecture"),
        ("template", "the engine has another chat template or tokenizer"),
        ("weights", "the engine computes with other weights"),
    ):
        if name in failed:
            hint = _HEAD_HINT if name == "weights" and tied(model) else ""
            return f"{cause}: {failed[name].detail}{hint}"
    if "sampled" in failed:
        return (
            f"the weights are right, but the engine samples otherwise than asked: {failed['sampled'].detail}"
        )
    return (
        "the weights are right, but the engine goes on from keys and values of older ones, which a frozen "
        f"request may hold: {failed['prefix'].detail}"
    )


@torch.inference_mode()
def learner_logprobs(
    model: TransformersLM, prompts: Sequence[tuple[int, ...]], said: Sequence[Said], temperature: float
) -> list[list[float]]:
    """Return the learner's logprobs of what an engine said after each prompt."""
    device = next(model.parameters()).device
    rows = [(*p, *s.token_ids) for p, s in zip(prompts, said, strict=True)]
    lengths = [len(row) for row in rows]
    positions_1L = torch.cat([torch.arange(length) for length in lengths]).to(device)[None]
    row_L = torch.repeat_interleave(torch.tensor(lengths)).to(device)
    mask_LL = (row_L[:, None] == row_L).tril()  # one after the other, each sees itself alone
    ids_1L = torch.tensor([[token for row in rows for token in row]], device=device)
    length_1 = torch.tensor([len(row_L)], device=device)
    hidden_LD = model.hidden(ids_1L, length_1, positions_1L, mask_LL[None])[0]
    saying_N = [
        place
        for end, one in zip(np.cumsum(lengths).tolist(), said, strict=True)
        for place in range(end - len(one.token_ids) - 1, end - 1)
    ]
    tokens_N = [token for one in said for token in one.token_ids]
    logits_NV = model.head(hidden_LD[saying_N])
    logprobs_N, _ = replay(logits_NV, tokens_N, [None] * len(tokens_N), temperature, "off")
    return [part.tolist() for part in torch.split(logprobs_N, [len(one.token_ids) for one in said])]


def _block(facts: Facts) -> int:
    """Return how many tokens the engine's cache keeps together."""
    return int(facts.shape.get("block_size") or _BLOCK)


def tied(model: TransformersLM) -> bool:
    """Tell whether the output layer is the embedding."""
    return bool(getattr(model.model.config.get_text_config(), "tie_word_embeddings", False))


def _compared(
    name: str,
    prompts: Sequence[tuple[int, ...]],
    said: Sequence[Said],
    ours: Sequence[Sequence[float]],
    limit: Limit,
) -> Finding:
    apart = [
        (theirs - mine, number, place)
        for number, (one, row) in enumerate(zip(said, ours, strict=True))
        for place, (theirs, mine) in enumerate(zip(one.logprobs, row, strict=True))
    ]
    sizes = [abs(nats) if math.isfinite(nats) else math.inf for nats, _, _ in apart]
    worst, mean = max(sizes), sum(sizes) / len(sizes)
    _, number, place = apart[sizes.index(worst)]
    works = worst <= limit.worst and mean <= limit.mean
    detail = f"logprobs differ by up to {worst:.2g} nats, {mean:.2g} on average, over {len(apart)} tokens"
    if not works:
        detail += (
            f"; allowed {limit.worst:.2g} and {limit.mean:.2g}; the most at token {place} after prompt "
            f"{number} of {len(prompts[number])} tokens{_kept_share([each for each, _, _ in apart], limit)}"
        )
    return Finding(name, works, detail, worst, mean)


def _kept_share(apart: Sequence[float], limit: Limit) -> str:
    """Say what share of the probabilities was kept, where all differences look like a cut vocabulary."""
    largest = max(apart)
    if min(apart) < -limit.worst or largest <= limit.worst or not math.isfinite(largest):
        return ""
    return (
        f"; all upwards, as if the rest of the vocabulary had been cut to {math.exp(-largest):.2f} (top_p?)"
    )


def _version(facts: Facts, said: Sequence[Said], expected: str) -> Finding:
    names = {facts.version, *(name for one in said for name, _, _ in one.versions)}
    works = not expected or names == {expected}
    found = ", ".join(sorted(names))
    return Finding("version", works, found if works else f"{found}; expected {expected}")


def _shape(facts: Facts, model: TransformersLM) -> Finding:
    config = model.model.config.get_text_config()
    ours: Mapping[str, object] = config.to_dict()
    names = ("hidden_size", "num_hidden_layers", "vocab_size", "tie_word_embeddings")
    wrong = [
        f"{name} is {facts.shape[name]}, the learner's {ours.get(name)}"
        for name in names
        if name in facts.shape and facts.shape[name] != ours.get(name)
    ]
    told = "" if facts.shape else " (the engine does not say: it lacks our extension)"
    head = "the embedding" if tied(model) else "a matrix of its own"
    return Finding("shape", not wrong, "; ".join(wrong) or f"output layer is {head}{told}")


async def _template(engine: Engine, codec: ChatCodec) -> Finding:
    theirs, ours = await engine.render(_TALK), codec.encode_prompt(_TALK)
    if theirs == ours:
        return Finding("template", True, f"a conversation of {len(ours)} tokens is rendered alike")
    place = next((i for i, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), 0)
    return Finding("template", False, f"{len(theirs)} tokens, ours are {len(ours)}; they part at {place}")


async def _weights(
    engine: Engine, expected: Expected, prompts: Sequence[tuple[int, ...]], said: Sequence[Said]
) -> Finding:
    """Compare logprobs of given tokens."""
    pairs = list(zip(prompts, said, strict=True))
    scores = await asyncio.gather(*(engine.score((*p, *s.token_ids), len(p)) for p, s in pairs))
    given = [Said(s.token_ids, score, s.finish) for (_, s), score in zip(pairs, scores, strict=True)]
    ours = await asyncio.to_thread(learner_logprobs, expected.model, prompts, given, 1.0)
    return _compared("weights", prompts, given, ours, expected.limit)
