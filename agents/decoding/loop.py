"""The generation loop: many rows, each at its own pace, one forward pass a round.

A round appends to every unfinished row the tokens it has pending (its prompt at
first, then the token drawn and whatever the tree of admissible actions forces
after it), draws one token for each, and drops the rows that have finished.
Forced tokens therefore cost no round of their own, and none at all when they
end the message: the cache takes them up with the next prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import PolicyError, UsageError
from ..types import FinishReason, Generation, GenerationRequest, Masked, VersionSpan
from .engine import Codec, Engine
from .masking import Hidden, Masking, MaskRow, hide
from .randomness import uniforms
from .sampling import SamplingRows, sample
from .shaping import Said, shaped
from .trie import Node, forced


@dataclass(frozen=True, slots=True)
class Job:
    """One request, checked and made of tokens."""

    request: GenerationRequest
    prompt_ids: tuple[int, ...]  # [P]
    max_tokens: int
    trie: Node | None  # what may be said; None is anything
    uniforms: NDArray[np.float64]  # [max_tokens]


def prepare(
    request: GenerationRequest,
    prompt_ids: tuple[int, ...],
    *,
    context_tokens: int,
    vocab_size: int,
    trie: Node | None,
) -> Job:
    """Check a request; generation is cut where the model's context ends.

    Raises:
        UsageError: if max_tokens or a token is out of range.
        PolicyError: if the prompt alone fills the context.
    """
    r = request
    if r.max_tokens < max(1, r.sampling.min_tokens):
        least = max(1, r.sampling.min_tokens)
        raise UsageError(f"generation request: max_tokens {r.max_tokens}; expected at least {least}")
    named = [*map(int, r.sampling.logit_bias), *r.sampling.stop_token_ids]
    if named and max(named) >= vocab_size:
        raise UsageError(
            f"generation request: logit_bias or stop_token_ids name token {max(named)}; expected tokens from "
            f"0 to {vocab_size - 1}"
        )
    if not prompt_ids or min(prompt_ids) < 0 or max(prompt_ids) >= vocab_size:
        raise UsageError(
            f"generation request: a prompt of tokens outside 0 to {vocab_size - 1}, or an empty one"
        )
    room = context_tokens - len(prompt_ids)
    if room < 1:
        raise PolicyError(
            f"a prompt of {len(prompt_ids)} tokens fills the model's context of {context_tokens}: end the "
            "episode earlier, or show a window of the last turns"
        )
    max_tokens = min(r.max_tokens, room)
    return Job(r, prompt_ids, max_tokens, trie, uniforms(r.key, max_tokens))


class _Row:
    """The state of one generation while it grows."""

    __slots__ = (
        "entropies",
        "finish",
        "hidden",
        "job",
        "logprobs",
        "node",
        "pending",
        "shapes_logits",
        "stop_ids",
        "supports",
        "text",
        "tokens",
    )

    def __init__(self, job: Job, pending: list[int], stop_ids: frozenset[int]) -> None:
        sampling = job.request.sampling
        self.job, self.pending = job, pending
        self.stop_ids, self.shapes_logits = stop_ids.union(sampling.stop_token_ids), sampling.shapes_logits
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.entropies: list[float] = []
        self.supports: list[tuple[int, ...] | None] = []
        self.hidden: list[Hidden] = []
        self.node = job.trie
        self.finish: FinishReason | None = None
        self.text: str | None = None

    def take(self, token: int, logprob: float, entropy: float, support: tuple[int, ...] | None) -> None:
        """Append one token."""
        self.tokens.append(token)
        self.pending.append(token)
        self.logprobs.append(logprob)
        self.entropies.append(entropy)
        self.supports.append(support)

    def force(self, token: int) -> None:
        """Append a token that had no alternative."""
        self.take(token, 0.0, 0.0, (token,))

    def follow(self, node: Node, end_id: int) -> None:
        """Take the tokens that the tree forces after `node`, as far as there is room."""
        chain, self.node = forced(node)
        for token in chain[: self.job.max_tokens - len(self.tokens)]:
            self.force(token)
        self.settle(end_id)

    @property
    def is_free(self) -> bool:
        """Tell whether anything may be said next."""
        return self.node is None or self.node.tokens is None

    @property
    def allowed(self) -> Sequence[int] | None:
        """Return what the tree lets be said next, ascending; None is anything."""
        return None if self.node is None else self.node.tokens

    def said(self, end_id: int) -> Said:
        """Return what the logits of the next token may depend on."""
        ends = self.stop_ids | {end_id} if self.is_free else ()
        return Said(self.job.request.sampling, self.job.prompt_ids, self.tokens, ends)

    def mask_row(self, end_id: int) -> MaskRow:
        """Return what is to be known to mask the next token."""
        request, ends = self.job.request, sorted(self.stop_ids | {end_id})
        return MaskRow(request.mask, self.allowed, ends, request.sampling.temperature)

    def settle(self, end_id: int) -> None:
        """Note whether the generation has ended."""
        if self.tokens and self.tokens[-1] == end_id:
            self.finish = "stop"
        elif len(self.tokens) >= self.job.max_tokens:
            self.finish = "length"

    def stop_at_text(self, codec: Codec) -> None:
        """End the message before the first stop text that it contains, with a forced end."""
        if len(self.tokens) < self.job.request.sampling.min_tokens:
            return
        text = codec.decode(self.tokens)
        found = [place for place in (text.find(stop) for stop in self.job.request.stop) if place >= 0]
        if found:
            self.text = text[: min(found)]
            self.force(codec.end_id)
            self.finish = "stop"


def run_jobs(
    engine: Engine,
    jobs: Sequence[Job],
    suffixes: Sequence[Sequence[int]],
    *,
    codec: Codec,
    version: int,
    masking: Masking | None = None,
) -> list[Generation]:
    """Generate for all jobs and return their generations in order.

    Args:
        engine: runs the model.
        jobs: the requests.
        suffixes: the part of each prompt that the engine has not cached, at least one token.
        codec: turns tokens into text, and knows the end of a message.
        version: the version of the weights.
        masking: the mask policy, for the jobs that ask for a mask.

    Raises:
        PolicyError: if the model's logits are not finite.
    """
    rows = [_Row(job, list(suffix), codec.stop_ids) for job, suffix in zip(jobs, suffixes, strict=True)]
    for row in rows:
        if row.node is not None:
            row.follow(row.node, codec.end_id)
    active = [index for index, row in enumerate(rows) if row.finish is None]
    while active:
        logits = engine.append(active, [rows[index].pending for index in active])
        _check_finite(logits, version)
        drawing = [rows[index] for index in active]
        shaping = {n: row.said(codec.end_id) for n, row in enumerate(drawing) if row.shapes_logits}
        logits = shaped(logits, shaping)
        allowed = [row.allowed for row in drawing]
        if masking is not None:
            _mask(dict(zip(active, drawing, strict=True)), logits, allowed, masking, codec)
        _draw(drawing, logits, allowed, codec)
        active = [index for index in active if rows[index].finish is None]
    return [_generation(row, codec, version, masking) for row in rows]


def _check_finite(logits: Tensor, version: int) -> None:
    if not bool(torch.isfinite(logits).all()):
        raise PolicyError(
            f"policy version {version}: logits that are not finite; the weights have diverged, "
            "go back to an earlier checkpoint or lower the learning rate"
        )


def _mask(
    rows: Mapping[int, _Row],
    logits: Tensor,
    allowed: list[Sequence[int] | None],
    masking: Masking,
    codec: Codec,
) -> None:
    """Leave of what each row may say next what its mask does, in place, where it asks for one."""
    asking = {place: number for place, (number, row) in enumerate(rows.items()) if row.job.request.mask.is_on}
    if not asking:
        return
    mine = [rows[number] for number in asking.values()]
    texts = [(*row.job.prompt_ids, *row.tokens) for row in mine]
    mask_logits = masking.read(dict(zip(asking.values(), texts, strict=True)))
    _check_finite(mask_logits, masking.version)
    found = hide(mask_logits, logits[list(asking)], [row.mask_row(codec.end_id) for row in mine])
    for place, row, hidden in zip(asking, mine, found, strict=True):
        allowed[place] = hidden.allowed
        row.hidden.append(hidden)


def _draw(
    rows: Sequence[_Row], logits: Tensor, allowed: Sequence[Sequence[int] | None], codec: Codec
) -> None:
    draw = sample(
        logits,
        SamplingRows(
            sampling=[row.job.request.sampling for row in rows],
            uniform_B=np.array([row.job.uniforms[len(row.tokens)] for row in rows]),
            allowed=allowed,
        ),
    )
    for index, row in enumerate(rows):
        token, was_free = draw.tokens[index], row.is_free
        row.pending = []
        row.take(token, draw.logprobs[index], draw.entropies[index], draw.supports[index])
        if row.node is not None:
            row.follow(row.node.child(token), codec.end_id)
        else:
            row.settle(codec.end_id)
        if was_free and token in row.stop_ids and token != codec.end_id:
            row.force(codec.end_id)
            row.finish = "stop"
        elif row.job.request.stop and row.tokens[-1] != codec.end_id:
            row.stop_at_text(codec)


def _generation(row: _Row, codec: Codec, version: int, masking: Masking | None) -> Generation:
    spoken = row.tokens[:-1] if row.tokens[-1] == codec.end_id else row.tokens
    text = codec.decode(spoken) if row.text is None else row.text
    free = all(support is None for support in row.supports)
    return Generation(
        text=text,
        prompt_ids=row.job.prompt_ids,
        token_ids=tuple(row.tokens),
        logprobs=tuple(row.logprobs),
        support=() if free else tuple(row.supports),
        versions=(VersionSpan(version, 0, len(row.tokens)),),
        masked=_sums(row, masking) if masking is not None and row.job.request.mask.is_on else None,
        temperature=row.job.request.sampling.temperature,
        finish_reason=row.finish or "length",
        entropy=tuple(row.entropies),
        char_ends=codec.char_ends(row.tokens, text),
    )


def _sums(row: _Row, masking: Masking) -> Masked:
    return Masked(
        version=masking.version,
        steps=len(row.hidden),
        hidden=sum(each.share for each in row.hidden),
        mass=sum(each.mass for each in row.hidden),
        forbids=sum(each.forbids for each in row.hidden),
    )
