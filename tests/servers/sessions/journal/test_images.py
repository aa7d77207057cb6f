"""Pictures on their way: equal at both ends, in the journal's hash, refused if they are not ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import numpy as np
import pytest

from turnwise import TextEnv, make
from turnwise.envs.images import as_text, png
from turnwise.errors import EnvironmentFault
from turnwise.servers.client import RemoteEnv, SessionClient, connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.http.control_plane import Application
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.encoding import encode_core
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, StepItem
from turnwise.servers.sessions.service import Service

FILM = f"{__file__}:Film"


def shade(level: int) -> bytes:
    return png(np.zeros((28, 28), np.uint8), [(level, level, level)])


class Film(TextEnv):
    """The same words in every turn; what is shown lies in a file, or is given."""

    no_expert = "nothing is asked"

    def __init__(self, reel: Path | None = None, image: str = "", late: bool = False) -> None:
        self.reel, self.image, self.late = reel, image, late

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return "dark", {} if self.late else {"images": []}

    def step(self, action):
        return "light", 0.0, False, False, {"images": [self.image or as_text(Path(self.reel).read_bytes())]}


@pytest.fixture
def service(tmp_path: Path):
    (tmp_path / "reel.png").write_bytes(shade(10))

    def build(isolation="inline", **more) -> Service:
        return Service(Catalogue([FILM], isolation={FILM: isolation}, data_roots=(tmp_path,)), **more)

    return build


def test_what_is_shown_arrives_as_it_is_over_http(service) -> None:
    network = httpx.ASGITransport(app=Application(service()))
    with RemoteEnv(None, FILM, client=connect("http://test", network=network), reel="reel.png") as env:
        assert env.reset(seed=1)[1]["images"] == []
        *_, info = env.step("go")
    assert info["images"] == [as_text(shade(10))]
    assert info["state_key"].startswith("light\n[images: ")


def played(served: Service, **kwargs: str) -> Reply:
    """Return the reply to one step, in this process."""

    async def run() -> Reply:
        client = SessionClient(LocalTransport(served))
        (row,) = await client.create([CreateItem(FILM, kwargs)], request_id="a")
        (reply,) = await client.step([StepItem(row.id, 0, 0, "go")])
        await served.aclose()
        return reply

    return asyncio.run(run())


@pytest.mark.parametrize("isolation", ["inline", "process"])
def test_pictures_pass_isolation_and_what_is_no_picture_ends_the_episode(service, isolation) -> None:
    assert played(service(isolation), reel="reel.png").info["images"] == [as_text(shade(10))]
    reply = played(service(isolation), image=as_text(b"not one"))
    assert (reply.end, "images" in reply.info) == ("error", False)
    assert "info['images'][0] is no PNG file" in reply.info["error"]


def test_another_picture_is_another_reply_to_the_journal(tmp_path, recorded, continued, service) -> None:
    file = tmp_path / "journal.db"
    id = recorded(service, FILM, file, reel="reel.png")
    assert [row.turn for row in continued(service, id, file)] == [5, 5]
    (tmp_path / "reel.png").write_bytes(shade(11))
    row = continued(service, id, file)[0]
    assert isinstance(row, Problem) and (row.code, row.expected["turn"]) == ("replay_diverged", 1)


def test_the_server_looks_at_what_comes_out_of_other_processes() -> None:
    core = {"env_id": "e", "observation": "", "end": None, "info": {"images": ["AAAA"]}}
    with pytest.raises(EnvironmentFault, match="e: info"):
        encode_core(core)


def test_pictures_are_told_from_the_first_reply_on() -> None:
    with make(FILM, image=as_text(shade(0)), late=True) as env:
        env.reset()
        with pytest.raises(EnvironmentFault, match="reset did not; expected info"):
            env.step("go")
    with make(FILM, image=as_text(shade(0))) as env:
        env.reset()
        with env.clone() as twin:
            assert twin.step("go")[4]["images"] == [as_text(shade(0))]


def test_a_reply_of_four_large_ones_fits() -> None:
    """It is as long as pictures can be: just under 1 MB each."""
    numbers = np.zeros((998, 2000), np.uint8)
    image = as_text(png(numbers, [(0, 0, 0)]))
    info = {"state_key": "", "images": [image] * 4}
    core = {"env_id": "e", "observation": "", "end": None, "info": info}
    assert 5_300_000 < len(encode_core(core)) < 8 << 20
