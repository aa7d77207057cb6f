"""Episodes over HTTP: opened once, joined, rewarded once, ended when nobody plays them."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

from turnwise.agents.gateway.app import GatewayApp
from turnwise.agents.gateway.config import GatewayLimits
from turnwise.agents.gateway.house import Gateway
from turnwise.agents.stored import KeptTrajectories
from turnwise.agents.types import Trajectory

HI = [{"role": "user", "content": "hi"}]


def test_an_equal_request_while_one_runs_joins_it_and_a_retry_gets_the_same_bytes(
    with_gateway: Any, letters: Any
) -> None:
    async def play(client: Any) -> Any:
        await client.open()
        both = await asyncio.gather(client.chat(HI), client.chat(HI))
        again = await client.chat(HI, headers={"x-stainless-retry-count": "1"})
        fresh = await client.chat(HI)
        return both, again, fresh, await client.end()

    policy = letters(words=tuple("abcdefghijklmnop"))
    (first, second), again, fresh, found = with_gateway(policy, play)
    assert first == second == again and fresh != first
    assert len(policy.requests) == 2 and len(found.turns) == 2


def test_an_answer_that_nobody_has_taken_is_given_to_who_asks_again(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        url = (await client.open())["url"]
        app = GatewayApp(client.gateway)
        body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
        sent: list[Any] = []
        came = iter([{"type": "http.request", "body": body}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(came)

        async def send(message: Any) -> None:
            sent.append(message)

        path = url.removeprefix("http://127.0.0.1") + "/v1/chat/completions"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [(b"content-type", b"application/json")],
        }
        await app(scope, receive, send)
        reply = await client.http.post(path, content=body, headers={"content-type": "application/json"})
        return sent, reply.json()

    policy = letters()
    sent, reply = with_gateway(policy, play)
    assert sent == [] and reply["id"] == "chatcmpl-0" and len(policy.requests) == 1


def test_rewards_are_taken_once(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        await client.open(state_key="start")
        talk = HI
        for _ in range(2):
            talk = [*talk, {"role": "assistant", **await client.chat(talk)}, {"role": "user", "content": "x"}]
        one = {"turn": 0, "reward": 0.25, "rewards": {"tidy": 1}, "next_state_key": "middle"}
        await client.post("reward", one)
        await client.post("reward", one)
        await client.post("reward", {**one, "reward": 0.5}, 409)
        await client.post("reward", {"turn": 7, "reward": 0}, 404)
        await client.post("reward", {"final": True, "reward": "much"}, 422)
        await client.post("reward", {"final": True, "reward": 1, "next_state_key": "goal"})
        await client.post("reward", {"final": True, "reward": 1, "next_state_key": "goal"})
        await client.post("reward", {"final": True, "reward": 2}, 409)
        after = await client.chat(talk)
        return after, client.ended

    after, (found,) = with_gateway(letters(), play)
    assert after["content"] in ("left", "right")  # whoever asks after the end is answered, aside
    assert [(turn.reward, turn.rewards) for turn in found.turns] == [(0.25, {"tidy": 1.0}), (1.0, {})]
    keys = [(turn.state_key, turn.next_state_key) for turn in found.turns]
    assert keys == [("start", "middle"), ("middle", "goal")]


def test_an_episode_is_opened_once_and_found_by_its_whole_id_alone(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        one, two = await asyncio.gather(
            client.open(request_id="r", seed=1), client.open(request_id="r", seed=1)
        )
        clash = await client.http.post("/episodes", json={"request_id": "r", "seed": 2})
        full = await client.http.post("/episodes", json={"request_id": "s"})
        near = await client.http.get(one["url"][:-1] + "~")
        foreign = await client.http.get(one["url"], headers={"host": "evil.example"})
        return one, two, [each.status_code for each in (clash, full, near, foreign)]

    one, two, codes = with_gateway(letters(), play, limits=GatewayLimits(max_episodes=1))
    assert one == two and codes == [409, 429, 404, 403]


def test_an_episode_that_nobody_plays_ends_as_deadline(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        await client.open()
        await client.chat(HI)
        gateway: Gateway = client.gateway
        (episode,) = gateway.open_ones
        episode.touched -= 601
        watch = asyncio.ensure_future(gateway.watch())
        while not client.ended:
            await asyncio.sleep(0.01)
        watch.cancel()
        await client.chat(HI, status=410)
        return client.ended

    (found,) = with_gateway(letters(), play, limits=GatewayLimits(idle_s=600))
    assert (found.end, len(found.turns)) == ("deadline", 1) and "600" in str(found.error)


def test_calls_and_prompts_are_bounded(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        await client.open()
        await client.chat(HI)
        long = await client.chat([{"role": "user", "content": "x" * 100}], status=400)
        more = await client.chat(HI, status=400)
        return long["error"]["code"], more["error"]["code"]

    limits = {"max_prompt_tokens": 50, "max_calls": 2}
    assert with_gateway(letters(), play, **limits) == ("context_length_exceeded", "too_many_calls")


def test_what_an_episode_came_to_is_told_also_when_it_is_closed(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        url = (await client.open())["url"]
        talk = [*HI, {"role": "assistant", **await client.chat(HI)}, {"role": "user", "content": "x"}]
        await client.chat(talk)
        title = [{"role": "user", "content": "a title"}]
        await client.post("v1/chat/completions", {"messages": title, "model": "turnwise-side"})
        before = (await client.http.get(url)).json()
        await client.post("reward", {"final": True, "reward": 0.5, "success": True})
        ended = (await client.http.get(url)).json()
        gone = (await client.http.delete(url)).json()
        after = (await client.http.get(url)).json()
        names = (await client.http.get(f"{url}/v1/models")).json()
        return before, ended, gone, after, [each["id"] for each in names["data"]]

    before, ended, gone, after, names = with_gateway(letters(), play)
    told = ("calls", "side_calls", "end", "return", "success")
    assert [before[name] for name in told] == [3, None, None, None, None]
    assert [ended[name] for name in told] == [3, 1, "terminated", 0.5, True]
    assert ended == gone == after
    assert names == ["turnwise", "turnwise-side"]


def test_episodes_are_told_apart_also_where_nobody_numbers_them(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> Any:
        for request, body in (
            ("a", {"seed": 5}),
            ("b", {"seed": 5}),
            ("c", {"seed": 5, "member": 9}),
            ("d", {}),
        ):
            opened = await client.open(request_id=request, **body)
            again = await client.open(request_id=request, **body)
            assert again["id"] == opened["id"]
            await client.post("reward", {"final": True, "reward": 1})
        return client.ended

    ended = with_gateway(letters(), play)
    assert [(each.task_seed, each.member) for each in ended] == [(5, 0), (5, 1), (5, 9), (0, 2)]


def test_a_gateway_goes_on_numbering_behind_what_its_folder_keeps(tmp_path: Path) -> None:
    with closing(KeptTrajectories(tmp_path, 1.0)) as kept:
        assert kept.next_member == 0
        for member in (0, 4):
            kept.add(Trajectory("harness", "t", 0, "g", (), "terminated", member=member))
    with closing(KeptTrajectories(tmp_path, 1.0)) as kept:
        assert kept.next_member == 5


def test_a_call_under_way_is_told_that_what_answers_is_stopped(
    with_gateway: Any, letters: Any, monkeypatch: Any
) -> None:
    async def generate(request: Any) -> Any:
        raise asyncio.CancelledError  # as a policy that is closed says to all that wait for it

    async def play(client: Any) -> Any:
        await client.open()
        return await client.chat(HI, status=503)

    policy = letters()
    monkeypatch.setattr(policy, "generate", generate)
    assert with_gateway(policy, play)["error"]["code"] == "closing"
