"""Sessions that move between servers.

1. A session that moved goes on where it stood, byte for byte, under its id; its lease goes on too.
2. Whatever of a move is repeated, late, or cut off by the death of anybody: at no moment do two servers take
   a step of it, and when the move is carried to its end one does.
3. A session that is busy, of a server without a journal, or in an operator's hand stays; one whose
   environment is another one there, or for which there is no room, comes back.
4. Only its owner learns where it is.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import orjson
import pytest

from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.problems import Refused
from turnwise.servers.protocol.types import CreateItem, Problem, ResetItem, StepItem
from turnwise.servers.sessions.creation import Creation
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.leases import reap
from turnwise.servers.sessions.pending import settled
from turnwise.servers.sessions.service import Service
from turnwise.servers.sessions.taken import Operated

WORLDS = Path(__file__).parents[1] / "worlds.py"
COUNTER, DRIFTING, WAITING = f"{WORLDS}:Counter", f"{WORLDS}:Drifting", f"{WORLDS}:Waiting"


class Servers:
    """Services by name, each with its journal, killed and started again."""

    def __init__(self, folder: Path, *names: str) -> None:
        self._folder, self.now = folder, 0.0
        self.of: dict[str, Service] = {}
        for name in names:
            self.start(name)

    def start(self, name: str, **limits: int) -> None:
        if name in self.of:
            self.of[name].journal.close()
        journal = SqliteJournal(self._folder / f"{name}.db")
        catalogue = Catalogue([COUNTER, WAITING], trusted=False)
        self.of[name] = Service(
            catalogue,
            journal=journal,
            id_prefix=f"{name}.",
            clock=lambda: self.now,
            limits=Limits(ttl_s=100.0, **limits),
        )

    async def create(self, name: str, env_id: str = COUNTER) -> dict:
        answer = await Creation(self.of[name]).create("ann", [CreateItem(env_id, {"length": 10_000}, seed=3)])
        return orjson.loads(answer)["sessions"][0]

    async def step(
        self, name: str, id: str, turn: int, action: str = "go", owner: str = "ann"
    ) -> bytes | Problem:
        return await settled(self.of[name].step(owner, StepItem(id, 0, turn, action)))

    async def move(self, id: str, source: str, target: str) -> bool:
        moves = self.of[source].moves
        going = await moves.depart(id, target)
        answer = await self.of[target].moves.arrive(going["record"], going["hop"], going["idle_s"])
        await moves.departed(id, going["hop"], answer["arrived"])
        return bool(answer["arrived"])


def test_a_session_goes_on_where_it_stood(tmp_path):
    async def run():
        servers = Servers(tmp_path, "a", "b")
        id = (await servers.create("a"))["id"]
        replies = [await servers.step("a", id, turn) for turn in range(3)]
        servers.now = 60.0
        assert await servers.move(id, "a", "b")
        gone = await servers.step("a", id, 2)
        assert (gone.status, gone.code, gone.expected) == (421, "moved", {"server": "b"})
        for other in (
            await servers.step("a", id, 2, owner="bob"),
            await servers.step("b", id, 2, owner="bob"),
        ):
            assert other.code == "unknown_session"
        assert servers.of["a"].ledger.held("ann") == 0 and servers.of["b"].ledger.held("ann") == 1
        assert servers.of["a"].moves.elsewhere("ann", [id, "x"]) == {"elsewhere": {id: "b"}}
        servers.now = 99.0
        assert reap(servers.of["b"]) == []
        assert await servers.step("b", id, 2) == replies[2]  # from store, which renews the lease
        assert (await servers.step("b", id, 2, "other")).code == "wrong_turn"
        replies.append(await servers.step("b", id, 3))
        servers.now = 130.0
        assert await servers.move(id, "b", "a")  # where rows of it are still
        servers.start("a")
        assert await servers.step("a", id, 3) == replies[3]
        await settled(servers.of["a"].reset("ann", ResetItem(id, 1, 9)))
        assert await servers.move(id, "a", "b")
        servers.start("b")
        reply = orjson.loads(await settled(servers.of["b"].step("ann", StepItem(id, 1, 0, "go"))))
        assert (reply["id"], reply["turn"], reply["seed"]) == (id, 1, 9)
        servers.now = 300.0
        assert reap(servers.of["b"]) == [id]

    asyncio.run(run())


def test_a_lease_goes_on(tmp_path):
    async def run():
        servers = Servers(tmp_path, "a", "b")
        id = (await servers.create("a"))["id"]
        servers.now = 60.0
        assert await servers.move(id, "a", "b")
        servers.now = 101.0
        assert reap(servers.of["b"]) == [id]

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(24))
def test_two_servers_never_answer_for_one_session(tmp_path, seed):
    """Do at random what routers, movers and deaths can do, with every request again and again, and late."""

    async def run():
        draw, names = random.Random(seed), ("a", "b", "c")
        servers = Servers(tmp_path, *names)
        id = (await servers.create("a"))["id"]
        turn, goings, answers = 0, [], []

        async def step() -> int:
            taken = [await servers.step(name, id, turn) for name in names]
            replies = [orjson.loads(row) for row in taken if isinstance(row, bytes)]
            codes = {row.code for row in taken if isinstance(row, Problem)}
            assert len(replies) <= 1 and codes <= {"unknown_session", "moved", "moving"}, taken
            assert all(reply["observation"].startswith(f"turn {turn + 1} ") for reply in replies)
            return len(replies)

        async def depart(source: str, target: str) -> None:
            try:
                going = await servers.of[source].moves.depart(id, target)
            except Refused as refusal:
                assert refusal.problem.code in ("moved", "unknown_session")
            else:
                goings.append((source, going))

        async def arrive(source: str, going: dict) -> None:
            moves = servers.of[going["server"]].moves
            again = [moves.arrive(going["record"], going["hop"], 0.0) for _ in range(draw.choice([1, 1, 2]))]
            for answer in await asyncio.gather(*again):
                answers.append((source, going["hop"], answer["arrived"]))

        for _ in range(40):
            match draw.choice(
                ["step", "depart", "arrive", "arrive", "departed", "departed", "kill", "empty"]
            ):
                case "step":
                    turn += await step()
                case "depart":
                    await depart(*draw.sample(names, 2))
                case "arrive" if goings:
                    await arrive(*draw.choice([goings[-1], draw.choice(goings)]))
                case "departed" if answers:
                    source, hop, arrived = draw.choice([answers[-1], draw.choice(answers)])
                    await servers.of[source].moves.departed(id, hop, arrived)
                case "kill":
                    servers.start(draw.choice(names))
                case "empty":
                    servers.of[draw.choice(names)].moves.emptying = draw.random() < 0.5
        if not await step():
            while carrying := [
                name for name in names if servers.of[name].moves.missing("ann", id).status == 503
            ]:
                await depart(carrying[0], "anywhere")  # it goes on to where it was on its way to
                await arrive(*goings[-1])
                await servers.of[carrying[0]].moves.departed(id, *answers[-1][1:])
            assert await step() == 1

    asyncio.run(run())


def test_what_stays(tmp_path):
    async def run():
        servers = Servers(tmp_path, "a", "b")
        moves = servers.of["a"].moves
        id, waiting = (await servers.create("a"))["id"], (await servers.create("a", WAITING))["id"]
        stepping = servers.of["a"].step("ann", StepItem(waiting, 0, 0, "go"))
        with pytest.raises(Refused) as busy:
            await moves.depart(waiting, "b")
        assert busy.value.problem.code == "busy"
        assert isinstance(await stepping, bytes)
        servers.of["a"].sessions[id].operated = Operated("to look", 0)
        assert moves.held() == {"sessions": [waiting], "stay": [id]}
        with pytest.raises(Refused) as held:
            await moves.depart(id, "b")
        assert held.value.problem.code == "not_movable"
        memory = Service(Catalogue([COUNTER]))
        made = orjson.loads(await Creation(memory).create("ann", [CreateItem(COUNTER)]))["sessions"][0]["id"]
        with pytest.raises(Refused) as kept:
            await memory.moves.depart(made, "b")
        assert "no journal" in kept.value.problem.detail
        going = await moves.depart(waiting, "b")
        assert "no journal" in (await memory.moves.arrive(going["record"], 1, 0.0))["reason"]

    asyncio.run(run())


def test_what_is_refused_comes_back(tmp_path):
    async def run():
        servers = Servers(tmp_path, "a", "b")
        id = (await servers.create("a"))["id"]
        servers.start("b", max_sessions=1)
        await servers.create("b")
        assert not await servers.move(id, "a", "b")
        servers.of["a"].sessions[id].record.fingerprint = "another"
        servers.start("b")
        assert not await servers.move(id, "a", "b")
        servers.start("a")  # where the record has the true one
        going = await servers.of["a"].moves.depart(id, "b")
        servers.start("a")
        assert (await servers.step("a", id, 0)).code == "moving"
        assert await servers.of["a"].moves.depart(id, "c") == {**going, "server": "b"}  # it goes on to b
        for arrived in (False, True):  # late words of the move before
            await servers.of["a"].moves.departed(id, going["hop"] - 1, arrived)
            assert (await servers.step("a", id, 0)).code == "moving"
        answer = await servers.of["b"].moves.arrive(going["record"], going["hop"], 0.0)
        assert answer == {"arrived": True, "reason": ""}
        await servers.of["a"].moves.departed(id, going["hop"], True)
        assert orjson.loads(await servers.step("b", id, 0))["turn"] == 1

    asyncio.run(run())
