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


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a call stands.

    Args:
        prompt_ids: [P] the prompt.
        parent: the place that it goes on from; None where a conversation begins.
        line: the number of its conversation; branches share it.
        chain: of the messages that it was asked with.
        head: of the first message alone: how its conversation begins.
        renderer: of the conversation's prompts, which depend on its tools.
        new: the messages that are new.
        begun: the start of the answer, where the client gave it.
    """

    prompt_ids: tuple[int, ...]
    parent: Place | None
    line: int
    chain: bytes
    head: bytes
    renderer: Renderer
    new: tuple[Message, ...]
    begun: str = ""


class Conversations:
    """What an episode has seen.

    Args:
        policy: whose tokens they are.
        seals: read what was said in other episodes.
    """

    def __init__(self, policy: TokenPolicy, seals: Seals) -> None:
        self._policy, self._seals = policy, seals
        self._after: dict[bytes, tuple[Place, Answer]] = {}  # by the chain of request and answer
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
        if not messages or (not messages[0].content and len(messages) == 1 and not messages[0].tool_calls):
            raise Refusal(400, "no_messages", "messages is empty; expected at least one of the user")
        start = start_of(asked.tools)
        keys = [key_of(message) for message in messages]
        chains = [follow(after[0].chain, after[1].key) if after else start]
        for key in keys:
            chains.append(follow(chains[-1], key))
        found, first = self._known(messages, chains) or (after, 0)
        rest, begun = messages[first:], ""
        if rest and rest[-1].role == "assistant" and not rest[-1].tool_calls:
            rest, begun = rest[:-1], rest[-1].content
        if not rest or rest[-1].role == "assistant":
            raise Refusal(400, "nothing_new", "the last message is an answer; expected one of user or tool")
        renderer = found[0].renderer if found else self._renderer(start, asked)
        own = [self._own(each, key, asked.seals.get(first + at, ""))
               for at, (each, key) in enumerate(zip(rest, keys[first:], strict=False))]  # fmt: skip
        ids = self._encoded(renderer, rest, own, found)
        if begun:
            ids += self._policy.encode(begun)
        if found is None:
            self.num_lines += 1
        line, head = (found[0].line, found[0].head) if found else (self.num_lines - 1, chains[1])
        parent, chain = found[0] if found else None, chains[first + len(rest)]
        return Place(ids, parent, line, chain, head, renderer, rest, begun)

    def answered(self, place: Place, answer: Answer) -> None:
        """Note what was said at a place; what comes back is recognised by it."""
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
            said = (marked if marked is not None and marked.key == key else answer).generation
            return _Said(said.token_ids, said.finish_reason)
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
            generation = found[1].generation
            ids = generation.prompt_ids + generation.token_ids
            said = _Said((), generation.finish_reason)
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
        return ids

    def _renderer(self, start: bytes, asked: Asked) -> Renderer:
        if start not in self._renderers:
            self._renderers[start] = Renderer.of(self._policy, asked.tools)
        return self._renderers[start]


def _marked(chain: bytes, message: Message) -> bytes:
    """Return the chain of an answer that is told from equal ones by the id of its first call."""
    if not message.tool_calls:
        return b""
    return follow(chain, key_of(message) + str(message.tool_calls[0].get("id")).encode())
