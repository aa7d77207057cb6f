"""Whatever a harness does to its conversation, what was sampled stands in prompts as it was sampled."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from turnwise.agents.policies import TokenPolicy
from turnwise.agents.types import FinishReason, Generation, GenerationRequest, Message

SAMPLED = 1 << 20  # a token that was sampled is no token of any text


class Apart(TokenPolicy):
    """A policy of one token a letter, whose own letters are other tokens."""

    def __init__(self) -> None:
        self.requests: list[GenerationRequest] = []

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        return (*map(ord, "".join(f"[{message.role}]{message.content}" for message in messages)), 1)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return self.encode_prompt(messages)

    def forget(self, conversation: str) -> None:
        pass

    async def generate(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        text = f"said {len(self.requests)}"
        ids = said(text)
        return Generation(text, request.prompt_ids or (), ids, (-1.0,) * len(ids))


def said(text: str) -> tuple[int, ...]:
    return (*(SAMPLED + ord(letter) for letter in text), SAMPLED)


def expected(talk: list[dict[str, str]]) -> tuple[int, ...]:
    """Return the prompt of a conversation: its texts, and the tokens of what the policy has said.

    What opens a conversation, or follows an answer at once, is told as a text, whoever said it.
    """
    ids: tuple[int, ...] = ()
    texts: list[str] = []
    for message in talk:
        own = message["role"] == "assistant" and message["content"].startswith("said ")
        if own and texts:
            ids += (*map(ord, "".join(texts)), 1, *said(message["content"]))
            texts = []
        else:
            texts.append(f"[{message['role']}]{message['content']}")
    return (*ids, *map(ord, "".join(texts)), 1)


ACTS = st.lists(
    st.sampled_from(["go on", "edit", "drop", "compact", "back", "aside", "again", "retry"]),
    min_size=1,
    max_size=9,
)


@given(acts=ACTS, system=st.booleans())
@example(acts=["go on", "compact", "go on"], system=False)  # the task alone was a prompt, too
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tokens_are_kept_and_calls_are_accounted_for(
    with_gateway: Any, acts: list[str], system: bool
) -> None:
    policy = Apart()

    async def play(client: Any) -> Any:
        await client.open()
        start = [{"role": "system", "content": "s"}] if system else []
        talk = [*start, {"role": "user", "content": "task"}]
        asked = 0
        for number, act in enumerate(acts):
            if act == "aside":
                await client.chat([{"role": "system", "content": "a title"}, talk[-1]])
                asked += 1
            answer = (await client.chat(talk))["content"]
            asked += 1
            assert policy.requests[-1].prompt_ids == expected(talk)
            if act == "again":
                answer = (await client.chat(talk))["content"]
                asked += 1
            if act == "retry":
                again = await client.chat(talk, headers={"x-stainless-retry-count": "2"})
                assert again["content"] == answer
            more = {"role": "user", "content": f"seen {number}"}
            if act == "drop":
                talk = [*talk, more]
            elif act == "compact":
                short = {"role": "user", "content": f"sum {number}"}
                talk = [*talk[: len(start) + 1], short, {"role": "assistant", "content": answer}, more]
            elif act == "back":
                talk = [*talk[: len(start) + 1], more]
            else:
                text = f"edited {number}" if act == "edit" else f" {answer}\n"
                talk = [*talk, {"role": "assistant", "content": text.strip()}, more]
        found = await client.end()
        return asked, found

    asked, found = with_gateway(policy, play)
    assert len(policy.requests) == asked == len(found.turns) + found.metrics["side_calls"]
    if set(acts) <= {"go on", "edit", "compact", "retry"}:
        assert len(found.turns) == len(acts), "nothing was set aside that the harness went on from"
    prompts = {turn.generation.prompt_ids for turn in found.turns}
    assert prompts <= {request.prompt_ids for request in policy.requests}
