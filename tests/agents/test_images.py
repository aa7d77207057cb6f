"""Pictures on their way to a policy: which prompt holds which, who is sent them, who refuses them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from turnwise import make
from turnwise.agents.policies import Policy, PolicyStopped
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policy import PromptTooLong
from turnwise.agents.prompts.config import PromptConfig, View
from turnwise.agents.prompts.conversation import Context
from turnwise.agents.prompts.tool_calls import calls_of
from turnwise.agents.rollout import TaskItem
from turnwise.agents.rollout.asking import images_shown
from turnwise.agents.trajectories import write_trajectories
from turnwise.agents.types import Generation, GenerationRequest, Message
from turnwise.envs.images import as_text
from turnwise.errors import EnvironmentFault, UsageError
from turnwise.trainers.recipe import load
from turnwise.trainers.warmstart.stored import read_stored
from turnwise.trainers.warmstart.warmstart import warm_start

BOARD = "pictures/board-v0"


class Watching(Policy):
    """A policy that plays as the expert does and notes what it was asked."""

    name = "watching"
    takes_images = sees_private = names_actions = True
    reset_options = ExpertPolicy.reset_options

    def __init__(self) -> None:
        self.requests: list[GenerationRequest] = []

    async def generate(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        return Generation(text=request.private["expert"])


def seen_by_expert(seed: int) -> list[str]:
    with make(BOARD) as env:
        _, info = env.reset(seed=seed, options={"expert": True})
        images, ended = [], False
        while not ended:
            images += info["images"]
            *_, ended, _, info = env.step(info["private"]["expert"])
        return images


@pytest.mark.parametrize("mode", ["conversation", "window"])
def test_a_conversation_keeps_what_it_has_shown_and_a_window_shows_what_is_now(play, mode) -> None:
    policy, expected = Watching(), seen_by_expert(1)
    result, _ = play(policy, [TaskItem(BOARD, seed=1)], prompt=PromptConfig(mode=mode))
    assert result.trajectories[0].success and len(policy.requests) == len(expected) >= 2
    for turn, request in enumerate(policy.requests):
        shown = expected[: turn + 1] if mode == "conversation" else expected[turn : turn + 1]
        assert list(request.images) == shown
        users = [message.images for message in request.messages if message.role == "user"]
        assert users == [(image,) for image in shown]
    assert [turn.info["images"] for turn in result.trajectories[0].turns] == [[image] for image in expected]


def test_who_sees_nothing_refuses_before_it_speaks(play, letters) -> None:
    policy = letters()
    with pytest.raises(UsageError, match=r"pictures/board-v0 shows pictures .* 'letters' sees none"):
        play(policy, [TaskItem(BOARD, seed=seed) for seed in range(3)])
    assert policy.requests == []


def test_nothing_learns_from_pictures(play, tmp_path: Path) -> None:
    recipe = load("tiny", [f"env.id={BOARD}", "warmstart.episodes=2", "warmstart.copy_steps=0"])
    with pytest.raises(UsageError, match=r"sees none.*Training and warm starts take none"):
        warm_start(recipe, tmp_path / "warm")
    result, _ = play(Watching(), [TaskItem(BOARD)])
    write_trajectories(tmp_path / "stored.jsonl.gz", result.trajectories)
    with pytest.raises(UsageError, match="hold pictures"):
        read_stored([tmp_path / "stored.jsonl.gz"], PromptConfig())


def test_a_prompt_holds_no_more_than_64() -> None:
    context = Context(PromptConfig(), None)
    view = View("o", images=("a", "b", "c", "d"))
    for turn in range(17):
        context.observe(view)
        if turn < 16:
            assert len(images_shown(context)) == 4 * (turn + 1)
            context.record("o", "go", Generation(text="go"))
    with pytest.raises(PromptTooLong, match="68 pictures; at most 64"):
        images_shown(context)


def test_a_foreign_server_is_not_believed() -> None:
    with pytest.raises(EnvironmentFault, match="no PNG"):
        View.of("o", {"images": ["AAAA"]})


def test_the_answer_of_a_tool_is_words_and_pictures_follow_it() -> None:
    context = Context(PromptConfig(tools="native"), None)
    context.observe(View("o"))
    call = {"id": "1", "type": "function", "function": {"name": "go", "arguments": "{}"}}
    said = Generation(text="", tool_calls=(call,))
    context.record("o", "go", said, calls=calls_of(said))
    context.observe(View("there", images=("a",)))
    *_, answer, after = context.messages
    assert (answer.role, answer.images, after.role, after.images) == ("tool", (), "user", ("a",))


def asked(*messages: Message) -> GenerationRequest:
    return GenerationRequest(messages=messages, key=(1,))


def sent(reply, *messages: Message) -> list[dict]:
    """Ask an endpoint once; return the messages of all requests."""
    bodies: list[dict] = []

    def serve(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return reply(len(bodies))

    async def run() -> None:
        policy = OpenAIPolicy("http://host/v1", "m", transport=httpx.MockTransport(serve))
        try:
            await policy.generate(asked(*messages))
        finally:
            await policy.aclose()

    asyncio.run(run())
    return [body["messages"] for body in bodies]


SHOWN = Message("user", "what?", images=(as_text(b"one"), as_text(b"two")))
PARTS = [
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,b25l"}},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,dHdv"}},
    {"type": "text", "text": "what?"},
]
DONE = httpx.Response(200, json={"choices": [{"message": {"content": "go"}, "finish_reason": "stop"}]})


def refusal(text: str) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": text}})


def test_an_endpoint_gets_parts() -> None:
    bodies = sent(lambda _: DONE, Message("system", "s"), replace(SHOWN, images=()), SHOWN)
    assert bodies == [
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "what?"},
            {"role": "user", "content": PARTS},
        ]
    ]


def test_a_system_message_folds_into_parts() -> None:
    replies = {1: refusal("System role not supported")}
    bodies = sent(lambda number: replies.get(number, DONE), Message("system", "s"), SHOWN)
    assert bodies[1] == [{"role": "user", "content": [{"type": "text", "text": "s"}, *PARTS]}]


@pytest.mark.parametrize(
    "said",
    [
        "At most 0 image(s) may be provided in one prompt.",
        "m is not a multimodal model",
        "messages[0].content: expected a string, got a list",
    ],
)
def test_an_endpoint_that_refuses_them_is_one_stop(said: str) -> None:
    with pytest.raises(PolicyStopped, match=r"refuses the pictures of the prompt: .*choose a model"):
        sent(lambda _: refusal(said), SHOWN)


def test_without_pictures_such_words_are_another_matter() -> None:
    with pytest.raises(Exception, match="image") as caught:
        sent(lambda _: refusal("no image"), Message("user", "what?"))
    assert not isinstance(caught.value, PolicyStopped)
