"""Arguments that an operator fixes or bounds, and what building an environment holds up.

1. A fixed argument is there however a session is made, and no client gives another.
2. A number out of its range is refused before anything is built; the operator's range counts
   before the one that an environment was registered with.
3. An argument that says where to write is the operator's.
4. Rules of nothing on offer, or of another form, are refused at the start.
5. Neither building nor replaying an environment holds the event loop, and one request lets others in.
"""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.envs.registry import load_class
from turnwise.errors import UnknownName, UsageError
from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.arguments import ArgumentRule, parse_rules
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.problems import Refused
from turnwise.servers.protocol.types import CreateItem
from turnwise.servers.run.build import build_service
from turnwise.servers.run.config import ServerConfig
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.service import Service

SHOP, QA = "shopping/generated-v0", "search/qa-v1"


def refused(catalogue: Catalogue, env_id: str, **kwargs: object) -> str:
    with pytest.raises(Refused) as refusal:
        catalogue.admit(env_id, kwargs)
    assert (refusal.value.problem.status, refusal.value.problem.code) == (403, "not_allowed")
    return refusal.value.problem.detail


def test_forms(world):
    given = ["length=3", "a/b-v0:split=train", f"{world('Counter')}:length<=7", "x>=-1.5", "s=a=b:c"]
    assert parse_rules(given) == (
        ArgumentRule("length", fixed=True, value=3),
        ArgumentRule("split", "a/b-v0", fixed=True, value="train"),
        ArgumentRule("length", world("Counter"), most=7),
        ArgumentRule("x", least=-1.5),
        ArgumentRule("s", fixed=True, value="a=b:c"),
    )
    for wrong in ("length", "=3", "length<=much", "length<=true", "a/b-v0:=3", "length<=NaN"):
        with pytest.raises(UsageError, match="--argument"):
            parse_rules([wrong])


def test_fixed(world):
    rules = parse_rules([f"{world('Counter')}:length=3"])
    catalogue = Catalogue([world("Counter"), world("Sleepy")], arguments=rules)
    assert catalogue.admit(world("Counter"), {}) == {"length": 3}
    assert catalogue.admit(world("Counter"), {"length": 3}) == {"length": 3}
    assert catalogue.admit(world("Sleepy"), {"length": 9}) == {"length": 9}, "of that environment alone"
    assert "operator's" in refused(catalogue, world("Counter"), length=4)
    kwargs = {row["id"]: row["kwargs"] for row in catalogue.listing()}
    assert "length" not in kwargs[world("Counter")]
    assert kwargs[world("Sleepy")]["length"] == "int"


@pytest.mark.parametrize("value", [8, 1, 10**30, float("nan"), "3", True, None, [3]])
def test_out_of_range(world, value):
    catalogue = Catalogue([world("Counter")], arguments=parse_rules(["length<=7", "length>=2"]))
    assert catalogue.admit(world("Counter"), {"length": 7}) == {"length": 7}
    assert "a number from 2 to 7" in refused(catalogue, world("Counter"), length=value)
    assert catalogue.listing()[0]["kwargs"]["length"] == "int, from 2 to 7"


def test_out_of_half_a_range(world):
    catalogue = Catalogue([world("Counter")], arguments=parse_rules(["length<=7"]))
    assert "a number at most 7" in refused(catalogue, world("Counter"), length=10**400)
    assert catalogue.admit(world("Counter"), {"length": -(10**400)})


def test_what_our_own_environments_allow(tmp_path):
    catalogue = Catalogue(data_roots=[tmp_path])
    assert "from 1 to 10000" in refused(catalogue, SHOP, num_products=1_000_000)
    assert "from 40 to 20000" in refused(catalogue, "search/generated-v1", num_questions=100_000)
    for env_id in (QA, "shopping/webshop-v0"):
        assert "operator's" in refused(catalogue, env_id, cache=".")
    rules = parse_rules([f"{SHOP}:num_products<=20000", f"{QA}:cache=/somewhere/else"])
    catalogue = Catalogue(arguments=rules)
    assert catalogue.admit(SHOP, {"num_products": 15_000}) == {"num_products": 15_000}
    assert "from 1 to 20000" in refused(catalogue, SHOP, num_products=0)
    assert catalogue.admit(QA, {}) == {"cache": "/somewhere/else"}


def test_a_journal_is_verified_with_the_arguments_of_its_server(world, tmp_path):
    file, counter = tmp_path / "journal.db", world("Counter")

    (tmp_path / "text").write_text("hello")
    rule = f"{counter}:data={tmp_path / 'text'}"

    async def play() -> None:
        catalogue = Catalogue([counter], arguments=parse_rules([rule]))
        service = Service(catalogue, journal=SqliteJournal(file))
        client = SessionClient(LocalTransport(service))
        (row,) = await client.create([CreateItem(counter)], request_id="a")
        assert row.observation.endswith("hello"), "a file of the operator's is in no data root"
        await service.aclose()

    asyncio.run(play())
    command = ["journal", str(file), "verify"]
    assert CliRunner().invoke(command_line, command).exit_code == 1
    done = CliRunner().invoke(command_line, [*command, "--argument", rule])
    assert (done.exit_code, done.output.strip()) == (0, "1 of 1 episodes replay exactly")


def test_rules_of_nothing(world):
    def start(*given: str) -> Service:
        return build_service(ServerConfig(envs=(world("Counter"),), arguments=parse_rules(given)))

    start("length=3")
    with pytest.raises(UnknownName, match=r"argument of .*'lenght': did you mean 'length'"):
        start(f"{world('Counter')}:lenght=3")
    with pytest.raises(UnknownName, match="environment of --argument"):
        start("shopping/generated-v0:num_products<=7")
    with pytest.raises(UsageError, match="no environment on offer has an argument of that name"):
        start("lenght=3")


def test_building_holds_nobody_up(talk, world, monkeypatch):
    begun, gate = threading.Event(), threading.Event()
    made = load_class(world("Counter")).__init__

    def slow(self, length: int = 10, data: None = None) -> None:
        begun.set()
        assert gate.wait(20)
        made(self, length)

    monkeypatch.setattr(load_class(world("Counter")), "__init__", slow)

    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"env_id": world("Counter"), "kwargs": {"length": 11}, "count": 2}
        creating = asyncio.create_task(http.post("/v1/sessions", json=body))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        assert (await http.get("/health")).status_code == 200
        assert not creating.done(), "health is answered while an environment is built"
        gate.set()
        assert (await creating).status_code == 200

    talk(Service(Catalogue([world("Counter")])), conversation)


def test_many_are_made_in_turns(talk, world):
    async def conversation(http: httpx.AsyncClient) -> None:
        many = {"env_id": world("Counter"), "count": 200}
        creating = asyncio.create_task(http.post("/v1/sessions", json=many))
        await asyncio.sleep(0)
        one = await http.post("/v1/sessions", json={"env_id": world("Counter")})
        assert one.status_code == 200
        assert not creating.done(), "who asks for one does not wait for two hundred"
        assert len((await creating).json()["sessions"]) == 200

    talk(Service(Catalogue([world("Counter")])), conversation)
