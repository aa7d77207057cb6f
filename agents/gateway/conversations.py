"""The conversations of one episode: where each call stands, and its prompt in tokens.

    prompt = prompt and tokens of the call that it goes on from + encode_reply(what is new)

What the policy said is never tokenised: where a message of its own comes back in another
place, as after a compaction, the tokens stand there that were sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..policy import TokenPolicy
from ..types import FinishReason, Message
from .asked import Answer, Asked, Refusal
from .matching import follow, key_of, start_of
from .rendering import Renderer
from .sealing import Seals


class _Said(NamedTuple):
    """The tokens of a message of the policy, and why they ended."""

    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    answer: Answer | None = None  # of this episode


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a call stands.

    Args:
        prompt_ids: [P] the prompt.
        parent: the place whose tokens it goes on from; None where a sequence begins.
        before: the place whose messages it goes on from, though its answer was changed or left out.
        line: the number of its conversation; branches share it.
        chain: of the messages that it was asked with.
        head: of the first message alone: how its conversation begins.
        renderer: of the conversation's prompts, which depend on its tools.
        new: the messages that are new.
        begun: the start of the answer; None where the client gave none.
        recalled: answers of the policy that stand among the new messages.
    """

    prompt_ids: tuple[int, ...]
    parent: Place | None
    before: Place | None
    line: int
    chain: bytes
    head: bytes
    renderer: Renderer
    new: tuple[Message, ...]
    begun: str | None = None
    recalled: tuple[Answer, ...] = ()


class Conversations:
    """What an episode has seen.

    Args:
        policy: whose tokens they are.
        seals: read what was said in other episodes.
    """

    def __init__(self, policy: TokenPolicy, seals: Seals) -> None:
        self._policy, self._seals = policy, seals
        self._after: dict[bytes, tuple[Place, Answer]] = {}  # by the chain of request and answer
        self._asked: dict[bytes, Place] = {}  # by the chain of the request, the last of equal ones
        self._said: dict[bytes, Answer] = {}  # by the answer's key, the last of equal ones
        self._by_id: dict[str, Answer] = {}  # by the id of its first call
        self._renderers: dict[bytes, Renderer] = {}
        self.num_lines = 0
        self.encoded = 0  # tokens that were made of texts

    def place(self, asked: Asked, after: tuple[Place, Answer] | None = None) -> Place:
        """Return where a call stands.

        Args:
            asked: the call.
            after: the call that its messages follow, where they are not the whole conversation.

        Raises:
            Refusal: if there is nothing to answer.
            PolicyError: if the policy's template refuses the messages.
        """
        messages = asked.messages
        if not any(message.content or message.tool_calls for message in messages):
            raise Refusal(400, "no_messages", "messages is empty; expected at least one of the user")
        chain = follow(after[0].chain, after[1].key) if after else start_of(asked.tools)
        keys, chains = _chained(messages, chain)
        found, first = self._known(messages, chains) or (after, 0)
        return self._at(asked, keys, chains, found, first)

    def going_on(self, asked: Asked, before: Place) -> Place | None:
        """Return where a call stands whose messages follow those of an earlier call.

        Args:
            asked: the call.
            before: where the earlier one stands.

        Returns:
            None unless an answer to it is among the messages: then the conversation has to be read whole.

        Raises:
            Refusal: if there is nothing to answer.
            PolicyError: if the policy's template refuses the messages.
        """
        if before.begun is not None:
            return None
        keys, chains = _chained(asked.messages, before.chain)
        known = self._known(asked.messages, chains)
        return None if known is None else self._at(asked, keys, chains, *known)

    def _at(
        self,
        asked: Asked,
        keys: Sequence[bytes],
        chains: Sequence[bytes],
        found: tuple[Place, Answer] | None,
        first: int,
    ) -> Place:
        """Return the place of a call whose messages from the first on are new behind a known one."""
        rest, begun = asked.messages[first:], None
        if rest and rest[-1].role == "assistant" and not rest[-1].tool_calls:
            rest, begun = rest[:-1], rest[-1].content
        if not rest or rest[-1].role == "assistant":
            raise Refusal(400, "nothing_new", "the last message is an answer; expected one of user or tool")
        own = [
            self._own(message, keys[first + at], asked.seals.get(first + at, ""))
            for at, message in enumerate(rest)
        ]
        renderer = found[0].renderer if found else self._renderer(asked)
        ids = self._encoded(renderer, rest, own, found)
        if begun:
            ids += self._policy.encode(begun)
        if found is None:
            self.num_lines += 1
        line, head = (found[0].line, found[0].head) if found else (self.num_lines - 1, chains[1])
        parent, end = found[0] if found else None, first + len(rest)
        passed = (self._asked[chains[at]] for at in range(end - 1, first, -1) if chains[at] in self._asked)
        before, chain = next(passed, parent), chains[end]
        recalled = tuple(said.answer for said in own if said and said.answer)
        return Place(ids, parent, before, line, chain, head, renderer, rest, begun, recalled)

    def answered(self, place: Place, answer: Answer) -> None:
        """Note what was said at a place; what comes back is recognised by it."""
        self._asked[place.chain] = place
        self._after[follow(place.chain, answer.key)] = place, answer
        self._said[answer.key] = answer
        if answer.message.tool_calls:
            self._by_id[str(answer.message.tool_calls[0]["id"])] = answer
            self._after[_marked(place.chain, answer.message)] = place, answer

    def _known(
        self, messages: Sequence[Message], chains: Sequence[bytes]
    ) -> tuple[tuple[Place, Answer], int] | None:
        """Return the last answer that the messages go on from, and the place of the first one after it.

        Among equal answers at one place the ids of calls tell which it was; else it is the last one.
        """
        for at in range(len(messages) - 1, -1, -1):
            if messages[at].role != "assistant":
                continue
            found = self._after.get(chains[at + 1])
            if found is not None:
                return self._after.get(_marked(chains[at], messages[at]), found), at + 1
        return None

    def _own(self, message: Message, key: bytes, seal: str) -> _Said | None:
        """Return the tokens of a message that the policy has said; None for any other."""
        if message.role != "assistant":
            return None
        answer = self._said.get(key)
        if answer is not None:
            calls = message.tool_calls
            marked = self._by_id.get(str(calls[0].get("id"))) if calls else None
            answer = marked if marked is not None and marked.key == key else answer
            return _Said(answer.generation.token_ids, answer.generation.finish_reason, answer)
        sealed = self._seals.read(seal, key) if seal else None
        return _Said(sealed.token_ids, sealed.finish_reason) if sealed else None

    def _encoded(
        self,
        renderer: Renderer,
        messages: Sequence[Message],
        own: Sequence[_Said | None],
        found: tuple[Place, Answer] | None,
    ) -> tuple[int, ...]:
        """Return the prompt: what is there, and what is new around the policy's own messages."""
        ids: tuple[int, ...] = ()
        said: _Said | None = None
        if found is not None:
            said = _Said((), found[1].generation.finish_reason)
        start = 0
        for at, mine in enumerate([*own, None]):
            is_last = at == len(messages)
            if at == start or (mine is None and not is_last):  # nothing before it: it is told as a text
                continue
            new = renderer.encode(messages[start:at], said.finish_reason if said else None)
            self.encoded += len(new)
            ids += new
            if mine is not None:
                ids, said, start = ids + mine.token_ids, mine, at + 1
        if found is None:
            return ids
        generation = found[1].generation
        return generation.prompt_ids + (generation.token_ids + ids)  # the long one is copied once

    def _renderer(self, asked: Asked) -> Renderer:
        start = start_of(asked.tools)
        if start not in self._renderers:
            self._renderers[start] = Renderer.of(self._policy, asked.tools)
        return self._renderers[start]


def _chained(messages: Sequence[Message], chain: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the keys of messages, and the chains before the first of them and after each."""
    keys, chains = [key_of(message) for message in messages], [chain]
    for key in keys:
        chains.append(follow(chains[-1], key))
    return keys, chains


def _marked(chain: bytes, message: Message) -> bytes:
    """Return the chain of an answer that is told from equal ones by the id of its first call."""
    if not message.tool_calls:
        return b""
    return follow(chain, key_of(message) + str(message.tool_calls[0].get("id")).encode())
