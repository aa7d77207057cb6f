"""Episodes in the policy's tokens: those that were stored, where its tokenizer reads them so, or new ones.

What a run of ours has stored is learned with the very tokens that were sampled. Anything else is written
in the policy's own template: chats with their prompts as they stand, episodes of ours with the
prompts that the recipe makes. Of such tokens nobody knows how likely they were where they were said;
their log-probability is stored as NaN, and the reference scores them (trainers.loop).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Literal

from ...agents.decoding.tagging import CLOSE, OPEN
from ...agents.policies import TokenPolicy
from ...agents.prompts.call_messages import with_ids
from ...agents.prompts.call_values import ToolCall, call_of
from ...agents.prompts.chat_template import ChatCodec
from ...agents.prompts.tool_calls import calls_of
from ...agents.tiny.policy import TinyPolicy
from ...agents.tiny.tokenizer import TinyTokenizer
from ...agents.types import Encoder, Generation, Message, Trajectory, Turn
from ...errors import PolicyError, UsageError
from ..policies import agent_settings
from ..recipe import Recipe
from ..warmstart.chat import to_chat_tokens
from ..warmstart.encoding import to_tokens
from ..warmstart.stored import as_demonstration, check_shown
from .sources import Found

How = Literal["stored", "made", "too long"]
_UNKNOWN = float("nan")


class Writer:
    """What gives episodes the policy's tokens.

    Args:
        policy: whose tokens; it is not asked for anything else.
        recipe: how prompts are made, what may be said, and how long episodes may be.
    """

    def __init__(self, policy: TokenPolicy, recipe: Recipe) -> None:
        self._policy, self._prompt = policy, recipe.prompt
        self._settings = agent_settings(recipe.prompt, recipe.rollout)
        self._takes_stored = recipe.offline.tokens == "stored"
        self._room = min(policy.context_tokens, recipe.rollout.max_episode_tokens)

    def written(self, found: Found) -> tuple[Trajectory, How]:
        """Return an episode with tokens on each turn, and how it came by them; not one that is too long.

        Raises:
            UsageError: naming its place, if its words cannot be made into tokens exactly.
        """
        trajectory = found.trajectory
        if self._takes_stored and self._reads(trajectory):
            return trajectory, self._fitting(trajectory, "stored")
        try:
            told = found.chat or self._only_told(trajectory)
            made = self._of_chat(found) if told else self._of_ours(trajectory)
        except (UsageError, PolicyError) as error:
            raise UsageError(f"{found.where}: {error}") from error
        short = len(made.turns) < sum(len(turn.apart()) for turn in trajectory.turns)
        return _unscored(made), "too long" if short else self._fitting(made, "made")

    def _fitting(self, trajectory: Trajectory, how: How) -> How:
        longest = max(
            len(turn.generation.prompt_ids) + len(turn.generation.token_ids) for turn in trajectory.turns
        )
        return how if longest <= self._room else "too long"

    def _reads(self, trajectory: Trajectory) -> bool:
        """Tell whether stored tokens are, in the policy's tokenizer, what was said and shown.

        Whoever sampled them: they are a writing of these very words, and its own where it is its own.
        """
        speaker, size = self._speaker(self._policy), self._policy.vocab_size
        before: tuple[int, ...] = ()
        for turn in trajectory.turns:
            said = turn.generation
            goes_on = bool(before) and said.prompt_ids[: len(before)] == before
            shown = said.prompt_ids[len(before) :] if goes_on else said.prompt_ids
            if not (_is_whole(said, size) and _is_said(said, speaker)):
                return False
            if turn.observation.strip() not in speaker.decode(shown):
                return False
            before = said.prompt_ids + said.token_ids
        return bool(trajectory.turns)

    def _only_told(self, trajectory: Trajectory) -> bool:
        """Tell whether its prompts were kept in words, and what the recipe's prompts show was not."""
        shown = self._prompt.show_admissible or self._prompt.explain != "none"
        kept = any(turn.info.keys() & {"admissible", "tools"} for turn in trajectory.turns)
        return shown and not kept and all(turn.prompt for turn in trajectory.turns)

    def _of_ours(self, trajectory: Trajectory) -> Trajectory:
        """Write an episode of ours as a policy of the recipe would have played it."""
        check_shown([trajectory], "an episode of ours", self._prompt)
        settings, shown = self._settings, as_demonstration(trajectory)
        if isinstance(self._policy, TinyPolicy):
            tokenizer = self._policy.tokenizer
            (made,) = to_tokens(
                [shown], tokenizer, self._prompt, settings.constraint, self._room, settings.max_tokens
            )
            return made
        (made,) = to_chat_tokens(
            [shown], self._policy, self._prompt, settings.constraint, self._room, settings.max_tokens
        )
        return made

    def _of_chat(self, found: Found) -> Trajectory:
        """Write a chat, its prompts as they stand."""
        encoder = self._policy.encoder(found.tools, self._prompt.template)
        turns, before = list[Turn](), None
        for turn in found.trajectory.turns:
            said = self._said(turn, self._speaker(encoder))
            prompt_ids = self._prompt_ids(encoder, turn, before)
            generation = Generation(
                said.text, prompt_ids, said.token_ids, (_UNKNOWN,) * len(said.token_ids), _support(turn, said)
            )
            before = replace(turn, generation=generation)
            turns.append(before)
        return replace(found.trajectory, turns=tuple(turns))

    def _prompt_ids(self, encoder: Encoder, turn: Turn, before: Turn | None) -> tuple[int, ...]:
        """Return the tokens of a prompt: behind what was said before, where it goes on from there."""
        if before is not None:
            shared, now = before.prompt, turn.prompt
            behind = now[len(shared) + 1 :]
            goes_on = (
                now[: len(shared)] == shared and behind and all(each.role != "assistant" for each in behind)
            )
            if goes_on:
                said = before.generation
                return said.prompt_ids + said.token_ids + encoder.encode_reply(behind, "stop")
        self._check_roles(turn.prompt)
        return encoder.encode_prompt(turn.prompt)

    def _check_roles(self, prompt: Sequence[Message]) -> None:
        if isinstance(self._policy, TinyPolicy) and any(
            each.role == "tool" or each.tool_calls for each in prompt
        ):
            raise UsageError(
                f"the policy {self._policy.name!r} has no chat template for calls of tools; "
                "expected messages of system, user and assistant in words"
            )

    def _said(self, turn: Turn, speaker: ChatCodec | TinyTokenizer) -> Generation:
        """Return a message and its tokens, its end among them.

        Raises:
            UsageError: if the tokens do not read as the message.
        """
        said = turn.generation
        calls = [_call(each) for each in said.tool_calls]
        if calls and isinstance(speaker, ChatCodec):
            tokens = speaker.encode_calls(_thinking(said, speaker), with_ids(calls, 0)[0])
            whole = Generation(speaker.decode(tokens), token_ids=(*tokens, speaker.end_id))
            if [(c.name, c.arguments) for c in calls_of(whole, speaker.opens_thought, ())] == [
                (c.name, c.arguments) for c in calls
            ]:
                return whole
        elif not calls:
            text = _thinking(said, speaker)
            tokens = _encoded(text, speaker)
            if speaker.decode(tokens).strip() == text.strip() and tokens:
                return Generation(text, token_ids=(*tokens, speaker.end_id))
        raise UsageError(
            f"turn {turn.index}: the message {said.text!r:.80}{' with calls' if calls else ''} cannot be "
            f"written in the tokens of {self._policy.name!r} so that it reads as it stands there; leave the "
            'episode out, or give the message "weight": 0'
        )

    def _speaker(self, encoder: Encoder) -> ChatCodec | TinyTokenizer:
        if isinstance(encoder, ChatCodec):
            return encoder
        if isinstance(self._policy, TinyPolicy):
            return self._policy.tokenizer
        plain = self._policy.encoder((), {})
        if isinstance(plain, ChatCodec):
            return plain
        raise UsageError(f"{self._policy.name}: has no chat template to write episodes with")


def _is_whole(said: Generation, vocab_size: int) -> bool:
    """Tell whether a generation holds all that is learned from, within the vocabulary."""
    tokens = (*said.prompt_ids, *said.token_ids)
    if not (said.prompt_ids and said.token_ids and len(said.logprobs) == len(said.token_ids)):
        return False
    if not all(map(isfinite, said.logprobs)) or not 0 <= min(tokens) <= max(tokens) < vocab_size:
        return False
    if len(said.support) not in (0, len(said.token_ids)):
        return False
    pairs = zip(said.support, said.token_ids, strict=False)
    return all(
        kept is None or (token in kept and max(kept) < vocab_size and min(kept) >= 0) for kept, token in pairs
    )


def _is_said(said: Generation, speaker: ChatCodec | TinyTokenizer) -> bool:
    """Tell whether the tokens of a message read as its text, and end as the tokenizer's messages do."""
    ended = said.token_ids[-1] in {speaker.end_id, *speaker.stop_ids}
    reads = bool(said.tool_calls) or speaker.decode(said.token_ids) == said.text
    return reads and (ended or said.finish_reason != "stop")


def _encoded(text: str, speaker: ChatCodec | TinyTokenizer) -> tuple[int, ...]:
    """Return the tokens of a message in words; a thought in it has the tags that the model knows."""
    if isinstance(speaker, ChatCodec):
        thinks = speaker.opens_thought or OPEN in text
        return speaker.encode(text) if thinks else speaker.encode_message(text)
    return speaker.encode(text)


def _thinking(said: Generation, speaker: ChatCodec | TinyTokenizer) -> str:
    """Return a message with the thought that was told apart from it."""
    if not said.reasoning:
        return said.text
    opened = "" if speaker.opens_thought else OPEN
    return f"{opened}{said.reasoning}{CLOSE}\n{said.text}"


def _call(given: dict[str, Any]) -> ToolCall:
    call = call_of(given.get("function", given), str(given.get("id") or ""))
    if call.problem:
        raise UsageError(f"a call of a tool cannot be read: {call.problem}")
    return call


def _support(turn: Turn, said: Generation) -> tuple[tuple[int, ...] | None, ...]:
    """Return that anything could have been said; of what was no valid action nothing is learned."""
    if turn.malformed:
        return tuple((token,) for token in said.token_ids)
    return (None,) * len(said.token_ids)


def _unscored(trajectory: Trajectory) -> Trajectory:
    """Return an episode whose tokens nobody is known to have sampled."""
    turns = tuple(
        replace(
            turn,
            generation=replace(turn.generation, logprobs=(_UNKNOWN,) * len(turn.generation.token_ids)),
        )
        for turn in trajectory.turns
    )
    return replace(trajectory, turns=turns)
