"""A hosted benchmark of small worlds, in this process, and clients that play it as any client would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.servers.benchmarks.frozen import freeze
from turnwise.servers.benchmarks.hosting import Hosting
from turnwise.servers.benchmarks.signing import Operator
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.dispatch import Calls
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.journal.sqlite import SqliteJournal
from turnwise.servers.sessions.service import Service

HERE = Path(__file__).parent
VAULT = f"{HERE / 'vaults.py'}:Vault"
SECRETS = {
    "red": "red-secret-0123456789",
    "blue": "blue-secret-0123456789",
    "full": "full-secret-0123456789",
    "judge": "judge-secret-0123456789",
}
FILE = """
name = "vaults"
version = 1
{top}
[budget]
turns = 6
seconds = 100.0
attempts_per_week = 2
{budget}
[[environments]]
id = "{env}"
tasks = 3
arguments = {{doors = 4}}
hidden = {{split = "test"}}
public = {{split = "seen"}}
secret = ["world_seed"]
"""


class Clock:
    """A clock that is moved by hand, in Unix seconds."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


class Hosted:
    """One server of the benchmark, which may be killed and started again on the same journal."""

    def __init__(self, folder: Path, top: str = "", budget: str = "", env: str = VAULT) -> None:
        self.folder, self.clock = folder, Clock()
        self.file = folder / "vaults.toml"
        self.file.write_text(FILE.format(top=top, budget=budget, env=env))
        if not (folder / "operator").exists():
            Operator.new(folder / "operator")
        self.keys = Keys(
            {
                SECRETS["red"]: Caller("red", True, ("vaults",)),
                SECRETS["blue"]: Caller("blue", True, ("vaults",)),
                SECRETS["full"]: Caller("full"),
                SECRETS["judge"]: Caller("judge", True),
            }
        )
        self.start()

    def start(self) -> None:
        """Start on the journal."""
        self.operator = Operator(self.folder / "operator")
        self.journal = SqliteJournal(self.folder / "journal.db")
        self.service = Service(Catalogue([VAULT]), journal=self.journal)
        self.hosting = Hosting(
            self.service, [freeze(self.file, self.operator.master)], self.operator, clock=self.clock
        )
        self.app = Application(self.service, self.keys, calls=Calls(self.service, hosting=self.hosting))

    def kill(self) -> None:
        """End as by SIGKILL: what was not committed is gone."""
        self.journal._pending.clear()
        self.journal.close()

    def client(self, key: str = "red") -> httpx.AsyncClient:
        """Return a client with a key."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {SECRETS[key]}"}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)

    def secret_of(self, session: str) -> Any:
        """Look into the server, as no client can: the environment of a session."""
        host = self.service.sessions[session].host
        return host.env.text_env  # type: ignore[union-attr]


Talk = Callable[[Hosted], Awaitable[None]]


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., None]:
    """Return a function that runs a conversation with a hosted benchmark."""

    def run(conversation: Talk, **said: Any) -> None:
        hosted = Hosted(tmp_path, **said)

        async def inside() -> None:
            await conversation(hosted)
            with suppress(Exception):
                await hosted.service.aclose(1.0)

        asyncio.run(inside())

    return run


async def start(http: httpx.AsyncClient, **body: Any) -> str:
    """Open a run; return its id."""
    answer = await http.post("/v1/benchmarks/vaults/runs", json={"agent": "tester", **body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["run"])


async def deal(http: httpx.AsyncClient, run: str, task: int) -> dict[str, Any]:
    """Ask for a task; return what is answered."""
    document: dict[str, Any] = (await http.post(f"/v1/runs/{run}/next", json={"task": task})).json()
    return document


async def step(http: httpx.AsyncClient, at: dict[str, Any], action: str) -> dict[str, Any]:
    """Take the step that follows a reply."""
    body = {"episode": at["episode"], "turn": at["turn"], "action": action}
    document: dict[str, Any] = (await http.post(f"/v1/sessions/{at['id']}/step", json=body)).json()
    return document


async def play(hosted: Hosted, http: httpx.AsyncClient, run: str, wins: list[bool]) -> None:
    """Play tasks from the first, won or lost as is said, by looking into the server."""
    for task, won in enumerate(wins):
        reply = (await deal(http, run, task))["session"]
        gold = hosted.secret_of(reply["id"]).gold
        while reply["end"] is None:
            door = gold if won else (gold + 1) % 4
            reply = await step(http, reply, f"open {door}")
