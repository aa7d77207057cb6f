"""Boxes with network: a server on the engine's bridge is reached, one on the loopback of the host is not."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from turnwise.envs.sandbox import Sandbox, SandboxError, Spec
from turnwise.envs.sandbox.docker import DockerBackend

pytestmark = pytest.mark.docker
_ASK = """
import socket, sys
for address in sys.argv[2:]:
    try:
        with socket.create_connection((address, int(sys.argv[1])), 3) as line:
            print(address, line.recv(20).decode())
    except OSError as error:
        print(address, "not")
"""


async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"here")
    writer.close()


def test_a_public_box_reaches_its_bridge_and_not_the_loopback_of_the_host(
    docker: DockerBackend, play: Callable[..., Any]
) -> None:
    if "bridge" not in docker.engine.networks:
        pytest.skip("the Docker engine runs without a bridge")

    async def body(box: Sandbox) -> None:
        (network,) = await docker.engine.call("networks", names=["bridge"])
        gateway = network["IPAM"]["Config"][0]["Gateway"]
        outside = await asyncio.start_server(told, gateway, 0)
        port = outside.sockets[0].getsockname()[1]
        inside = await asyncio.start_server(told, "127.0.0.1", port)
        async with outside, inside:
            asked = f"python3 -c {shlex.quote(_ASK)} {port} {gateway} 127.0.0.1"
            assert (await box.run(asked)).output == f"{gateway} here\n127.0.0.1 not\n"
            (child,) = await box.fork(1)
            assert (await child.run(asked)).output.startswith(f"{gateway} here")
            await child.aclose()
            async with await docker.start(Spec(image=box.spec.image)) as closed:
                assert (await closed.run(asked)).output == f"{gateway} not\n127.0.0.1 not\n"

    play(body, Spec(image="image:turnwise-test-base", network="public"))


def test_without_a_bridge_a_public_box_is_refused(
    docker: DockerBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker.engine, "networks", {"none", "host"})
    with pytest.raises(SandboxError, match="without its bridge: start it without --bridge=none"):
        asyncio.run(docker.start(Spec(image="image:turnwise-test-base", network="public")))
