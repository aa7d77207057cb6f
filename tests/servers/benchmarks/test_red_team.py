"""Ways to cheat a hosted benchmark, each tried. E1 to E13 are holes that were found open by trial.

What is done by one request stands in `red_team_requests`. The functions below are ways that take more than
one; those of time are in `test_red_team_time`, those of the wire in `test_red_team_wire`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from turnwise.servers.benchmarks.draws import public_secret, tasks_of
from turnwise.servers.benchmarks.frozen import freeze
from turnwise.servers.http.keys import Caller, Keys

from .conftest import SECRETS, VAULT, Hosted, deal, play, start, step
from .red_team_requests import BLUE, RED, REQUESTS
from .red_team_table import DOCUMENT, document, functions


def filled(value: Any, names: dict[str, str]) -> Any:
    """Put the ids of session and run where a row names them."""
    text = orjson.dumps(value).decode()
    for name, id in names.items():
        text = text.replace("{" + name + "}", id)
    return orjson.loads(text)


def leaks(hosted: Hosted, text: str) -> list[str]:
    """Return what of a text a client is not to see."""
    words = ["gold-", "hash-", "/srv/secret", "state_key", "expert", "vaults.py", "suggestions"]
    words += [hosted.operator.master.hex()]
    for session in hosted.service.sessions.values():
        record = session.record
        words += [str(record.base_seed), str(record.kwargs["world_seed"]), record.fingerprint]
    return [word for word in words if word in text]


def test_requests_that_cheat_are_refused_and_leave_the_run_as_it_was(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        wrong = []
        async with hosted.client() as http:
            run = await start(http)
            first = (await deal(http, run, 0))["session"]
            names = {"s": first["id"], "r": run}
            for what, key, method, path, body, status in REQUESTS:
                url = path.replace("{S}", first["id"].upper()).replace("{s}", first["id"]).replace("{r}", run)
                async with hosted.client(key or RED) as other:
                    if not key:
                        del other.headers["authorization"]
                    raw = isinstance(body, bytes)
                    given = {"content": body} if raw else {"json": filled(body, names)}
                    answer = await other.request(method, url, **({} if body is None else given))
                told = leaks(hosted, answer.text.replace(VAULT, ""))
                unchanged = (await deal(http, run, 0))["session"] == first
                alone = len(hosted.service.sessions) == len(hosted.hosting.book.runs) == 1
                if (answer.status_code, told, unchanged, alone) != (status, [], True, True):
                    wrong.append((what, answer.status_code, answer.text, told, unchanged, alone))
        assert wrong == []

    host(conversation)


def test_the_list_of_the_documentation_is_of_these_ways() -> None:
    assert DOCUMENT.read_text() == document(), "write it again, as red_team_table.py says"
    ways = [row[0].split()[0] for row in REQUESTS] + [name.split("_")[1].upper() for _, name in functions()]
    assert len(ways) > 140
    assert {f"E{number}" for number in range(1, 14) if number != 8} <= set(ways)  # E8 stands with E7


def test_e7_and_e8_no_reply_is_an_oracle(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            gold = hosted.secret_of(reply["id"]).gold
            url = f"/v1/sessions/{reply['id']}/step"
            for action, query in ((f"open {(gold + 1) % 4}", "?fields=task,score,won,rewards"), ("wait", "")):
                body = {"episode": 0, "turn": reply["turn"], "action": action}
                answer = await http.post(url + query, json=body)
                reply = answer.json()
                assert leaks(hosted, answer.text) == []
                assert not {"reward", "seed", "fingerprint", "env_id"} & set(reply)
                assert set(reply["info"]) <= {"admissible", "instruction"}

    host(conversation)


def test_e7_a_batch_and_its_stream_show_no_more(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            for turn, accept in enumerate(("application/json", "application/x-ndjson")):
                item = {"id": reply["id"], "episode": 0, "turn": turn, "action": "wait"}
                answer = await http.post("/v1/step", json={"items": [item]}, headers={"accept": accept})
                assert answer.status_code == 200 and leaks(hosted, answer.text) == []
                assert "reward" not in answer.text

    host(conversation)


def test_e9_turns_are_counted_and_end_the_task(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            for _ in range(6):
                reply = await step(http, reply, "wait")
            assert reply["end"] == "horizon"
            gold = hosted.hosting.book.runs[run].dealt[0].outcome
            assert gold is not None and gold.success is False and gold.turns == 6
            assert (await step(http, reply, "open 0"))["code"] == "episode_finished"

    host(conversation)


def test_e9_attempts_are_counted_by_week_through_restarts(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        for _ in range(2):
            async with hosted.client() as http:
                run = await start(http)
                hosted.clock.at += 100.0
                assert await deal(http, run, 0) == {"done": True}
            hosted.kill()
            hosted.start()
        async with hosted.client() as http, hosted.client(BLUE) as other:
            refused = await http.post("/v1/benchmarks/vaults/runs", json={"agent": "again"})
            assert (refused.status_code, refused.json()["code"]) == (403, "attempts_used")
            await start(other)  # of another key
            hosted.clock.at += 7 * 86_400.0
            run = await start(http)
            assert (await http.get(f"/v1/runs/{run}")).json()["attempt"] == 3

    host(conversation)


def test_e9_a_new_version_does_not_give_the_week_anew(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            for _ in range(2):
                run = await start(http)
                hosted.clock.at += 100.0
                await deal(http, run, 0)
        hosted.kill()
        hosted.file.write_text(hosted.file.read_text().replace("version = 1", "version = 2"))
        hosted.start()
        async with hosted.client() as http:
            assert (await http.post("/v1/benchmarks/vaults/runs", json={"agent": "a"})).status_code == 403

    host(conversation)


def test_e10_an_abandoned_loss_counts(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True, True])
            reply = (await deal(http, run, 2))["session"]
            await step(http, reply, "wait")
            hosted.clock.at += 100.0
            await hosted.hosting.sweep()
            record = (await http.get(f"/v1/runs/{run}/record")).json()["record"]
            assert record["measured"]["score"] == pytest.approx(2 / 3)
            assert record["measured"]["tasks"][2]["end"] == "abandoned"

    host(conversation)


def test_e12_tasks_follow_from_a_secret_that_nobody_has(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await deal(http, run, 0)
            (session,) = hosted.service.sessions.values()
            assert session.record.base_seed > 1 << 32
            frozen = hosted.hosting.benchmarks["vaults"]
            guess = tasks_of(frozen.benchmark, public_secret("vaults", 1), run)
            assert session.record.base_seed not in [task.seed for task in guess]
            assert session.record.kwargs["world_seed"] > 1 << 32
            assert session.record.kwargs["split"] == "test"
            assert freeze(hosted.file, bytes(32)).arguments != frozen.arguments

    host(conversation)


def test_e12_no_run_meets_the_tasks_of_another(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        frozen = hosted.hosting.benchmarks["vaults"]
        seeds = [{task.seed for task in frozen.tasks(f"run {number}")} for number in range(50)]
        assert len(set.union(*seeds)) == 150

    host(conversation)


def test_e12_fixed_tasks_come_in_an_order_of_the_run(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        frozen = hosted.hosting.benchmarks["vaults"]
        orders = {tuple(task.number for task in frozen.tasks(f"run {number}")) for number in range(50)}
        assert len(orders) == 6 and len({frozenset(order) for order in orders}) == 1
        assert len({task.seed for number in range(9) for task in frozen.tasks(str(number))}) == 3

    host(conversation, top='draw = "fixed"', budget="attempts = 1")


def test_e13_a_key_that_may_see_more_later_sees_no_session_of_its_runs(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
        hosted.kill()
        hosted.keys = Keys({SECRETS[RED]: Caller(RED)})
        hosted.start()
        async with hosted.client() as http:
            for path in (f"/v1/sessions/{id}", f"/v1/sessions/{id}/journal"):
                assert (await http.get(path)).status_code == 404
            assert (await http.get("/v1/sessions")).json() == {"sessions": []}
            assert (await http.post("/v1/fork", json={"items": [{"id": id}]})).status_code == 404
            assert (await http.post("/v1/close", json={"ids": [id]})).json() == {"closed": []}

    host(conversation)


def test_a_turn_is_not_taken_back(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            first = (await deal(http, run, 0))["session"]
            gold = hosted.secret_of(first["id"]).gold
            await step(http, first, f"open {(gold + 1) % 4}")
            assert (await step(http, first, f"open {gold}"))["code"] == "wrong_turn"

    host(conversation)


def test_of_two_actions_at_once_one_is_taken(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            first = (await deal(http, run, 0))["session"]
            answers = await asyncio.gather(*[step(http, first, f"open {door}") for door in range(4)])
            assert sum("code" not in answer for answer in answers) == 1

    host(conversation)


def test_a_task_that_is_asked_for_many_times_at_once_is_dealt_once(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            answers = await asyncio.gather(*[deal(http, run, 0) for _ in range(8)])
            assert len({answer["session"]["id"] for answer in answers}) == 1
            assert len(hosted.service.sessions) == 1

    host(conversation)


def test_of_many_runs_opened_at_once_there_is_one(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            bodies = [{"agent": "a", "request_id": f"r{number}"} for number in range(8)]
            answers = await asyncio.gather(
                *[http.post("/v1/benchmarks/vaults/runs", json=body) for body in bodies]
            )
            assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7

    host(conversation)


def test_breaking_the_environment_loses_the_task_and_tells_nothing(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            answer = await http.post(
                f"/v1/sessions/{reply['id']}/step", json={"episode": 0, "turn": 0, "action": "crash"}
            )
            assert answer.json()["end"] == "error" and leaks(hosted, answer.text) == []
            assert (await deal(http, run, 0))["session"]["id"] == reply["id"]
            await play(hosted, http, run, [])
            outcome = hosted.hosting.book.runs[run].dealt[0].outcome
            assert outcome is not None and (outcome.end, outcome.success) == ("error", None)
            hosted.clock.at += 100.0
            assert await deal(http, run, 1) == {"done": True}
            tasks = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]["tasks"]
            assert [row["finished"] for row in tasks] == [False] * 3

    host(conversation)


def test_a_forfeited_task_is_not_played_on_and_not_dealt_again(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            await http.post(f"/v1/runs/{run}/forfeit", json={"task": 0})
            assert (await step(http, reply, "wait"))["code"] == "unknown_session"
            assert (await deal(http, run, 0))["code"] == "unknown_session"
            assert (await deal(http, run, 1))["session"]["id"] != reply["id"]

    host(conversation)


def test_a_won_task_is_not_forfeited_into_another(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [False])
            before = hosted.hosting.book.runs[run].dealt[0].outcome
            await http.post(f"/v1/runs/{run}/forfeit", json={"task": 0})
            assert hosted.hosting.book.runs[run].dealt[0].outcome == before

    host(conversation)


def test_a_restart_gives_no_time(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            deadline = (await http.get(f"/v1/runs/{run}")).json()["deadline"]
        hosted.kill()
        hosted.clock.at += 50.0
        hosted.start()
        async with hosted.client() as http:
            assert (await http.get(f"/v1/runs/{run}")).json()["deadline"] == deadline
        hosted.kill()
        hosted.clock.at += 50.0
        hosted.start()
        assert hosted.hosting.book.runs[run].closed == "deadline"

    host(conversation)


def test_a_step_that_is_under_way_at_the_deadline_wins_nothing(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            session, env = hosted.service.sessions[reply["id"]], hosted.secret_of(reply["id"])
            gold, played = env.gold, session.host.step  # type: ignore[union-attr]

            def slow(action: str) -> Any:
                hosted.clock.at += 100.0
                return played(action)

            session.host.step = slow  # type: ignore[union-attr]
            assert (await step(http, reply, f"open {gold}"))["end"] == "terminated"
            outcome = hosted.hosting.book.runs[run].dealt[0].outcome
            assert outcome is not None and (outcome.end, outcome.success) == ("late", None)

    host(conversation)


def test_idling_past_a_lease_deals_nothing_anew(host: Callable[..., None]) -> None:
    from turnwise.servers.sessions.leases import reap

    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            first = (await deal(http, run, 0))["session"]
            hosted.service.sessions[first["id"]].touched -= 1e9
            assert reap(hosted.service) == []
            assert (await deal(http, run, 0))["session"] == first

    host(conversation)


def test_outcomes_are_told_with_the_whole_run_alone(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True, False])
            text = (await http.get(f"/v1/runs/{run}")).text
            assert not {"success", "score", "return"} & set(orjson.loads(text)["ended"][0])
            assert "result" not in text

    host(conversation)


def test_a_benchmark_that_reveals_by_task_tells_of_ended_ones_alone(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])
            await deal(http, run, 1)
            (row,) = (await http.get(f"/v1/runs/{run}")).json()["ended"]
            assert row["success"] is True

    host(conversation, top='reveal = "task"')


async def over_socket(hosted: Hosted, path: str, key: str, messages: list[Any]) -> list[Any]:
    """Send messages over a websocket of the application, without a network; return the answers."""
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    sent: asyncio.Queue[Any] = asyncio.Queue()
    headers = [(b"authorization", f"Bearer {SECRETS[key]}".encode()), (b"host", b"test")]
    scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b""}
    waiting.put_nowait({"type": "websocket.connect"})
    task = asyncio.create_task(hosted.app(scope, waiting.get, sent.put))
    answers = []
    assert (await sent.get())["type"] == "websocket.accept"
    for message in messages:
        waiting.put_nowait({"type": "websocket.receive", "text": orjson.dumps(message).decode()})
        answers.append(orjson.loads((await sent.get())["text"]))
    waiting.put_nowait({"type": "websocket.disconnect"})
    await task
    return answers


@pytest.mark.parametrize(
    "call", ["fork", "reset", "describe", "journal", "create", "close", "sessions", "envs"]
)
def test_the_websocket_has_no_way_around(host: Callable[..., None], call: str) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            id = (await deal(http, run, 0))["session"]["id"]
            bodies: dict[str, Any] = {
                "fork": {"items": [{"id": id}]},
                "reset": {"items": [{"id": id, "episode": 1}]},
                "create": {"env_id": VAULT},
                "close": {"ids": [id]},
                "describe": {"id": id},
                "journal": {"id": id},
            }
            calls = [*bodies, "sessions", "envs"]
            messages = [
                {"request": number, "call": call, "body": bodies.get(call, {})}
                for number, call in enumerate(calls)
            ]
            answers = await over_socket(hosted, "/v1/ws", RED, messages)
            assert [answer["status"] for answer in answers] == [403] * len(calls)
            assert len(hosted.service.sessions) == 1

    host(conversation)


def test_openenv_has_no_way_around(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        path = f"/openenv/{VAULT}/ws"
        (answer,) = await over_socket(hosted, path, RED, [{"type": "reset", "data": {"seed": 1}}])
        assert answer["type"] == "error"
        assert hosted.service.sessions == {}

    host(conversation)


def test_no_secret_is_in_a_log_or_a_record(
    host: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def conversation(hosted: Hosted) -> None:
        caplog.set_level(logging.DEBUG)
        async with hosted.client() as http:
            run = await start(http)
            reply = (await deal(http, run, 0))["session"]
            await step(http, reply, "crash")
            hosted.clock.at += 100.0
            text = (await http.get(f"/v1/runs/{run}/record")).text
            frozen = hosted.hosting.benchmarks["vaults"]
            hidden = [frozen.secret.hex(), hosted.operator.master.hex(), SECRETS[RED]]
            hidden += [str(task.seed) for task in frozen.tasks(run)]
            assert [word for word in hidden if word in text] == []
            assert [word for word in hidden[:3] if word in caplog.text] == []

    host(conversation)


def test_a_client_cannot_name_its_run(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        ids = set()
        for key in (RED, BLUE):
            async with hosted.client(key) as http:
                ids.add(await start(http, request_id="the same"))
        assert len(ids) == 2 and all(len(id) == 32 for id in ids)

    host(conversation)
