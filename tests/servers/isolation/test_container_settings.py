"""Containers without an engine: settings, what is refused at start, and the line to a process.

1. The image is a setting like all others; a deadline is kept by containers, too.
2. Without the package, without an engine, or with one that cannot keep limits, the server
   refuses to start and says what to do.
3. The engine's frames come apart the same however they arrive.
4. An answer that is late, half, too long or never comes is told apart.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.errors import UsageError
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.channel import Channel
from turnwise.servers.isolation.containers.launcher import ContainerLauncher, _Unwrap
from turnwise.servers.run import build as server_build
from turnwise.servers.run import serve as serving
from turnwise.servers.run.serve import ServerConfig, build_service

CONTAINERS = {"*": "container"}


def test_the_image_is_a_setting(monkeypatch, tmp_path):
    seen: list[ServerConfig] = []
    monkeypatch.setattr(serving, "serve", lambda config: seen.append(config) or 0)

    def settings(*arguments: str, **variables: str) -> ServerConfig:
        done = CliRunner().invoke(command_line, ["serve", *arguments], env=variables)
        assert done.exit_code == 0, done.output
        return seen[-1]

    assert settings().container_image == "turnwise"
    file = tmp_path / "server.toml"
    file.write_text('container_image = "a:1"\nisolation = ["container"]\n')
    config = settings("--config", str(file))
    assert (config.container_image, config.isolation) == ("a:1", CONTAINERS)
    variable = {"TURNWISE_SERVE_CONTAINER_IMAGE": "b:1"}
    assert settings("--config", str(file), **variable).container_image == "b:1"
    assert settings("--container-image", "c:1", **variable).container_image == "c:1"
    done = CliRunner().invoke(command_line, ["serve", "--isolation", "vm"])
    assert isinstance(done.exception, UsageError)
    assert "expected inline, thread, process or container" in str(done.exception)


def test_a_deadline_is_kept_by_containers_too(world, monkeypatch):
    built: list[tuple[str, ...]] = []

    def build(envs, *_) -> Catalogue:
        built.append(envs)
        return Catalogue(envs)

    monkeypatch.setattr(server_build, "build_catalogue", build)
    build_service(ServerConfig(envs=(world("Counter"),), deadline_s=1.0, isolation=CONTAINERS))
    assert len(built) == 1


def test_a_catalogue_needs_the_pool(world):
    with pytest.raises(UsageError, match="needs a pool"):
        Catalogue([world("Counter")], isolation=CONTAINERS)


def test_without_the_package(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(UsageError, match=r"pip install 'turnwise\[docker\]'"):
        build_service(ServerConfig(envs=(world("Counter"),), isolation=CONTAINERS))


def test_without_an_engine(world, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(UsageError, match=r"needs a Docker engine, and none answers.*DOCKER_HOST"):
            build_service(ServerConfig(envs=(world("Counter"),), isolation=CONTAINERS))
        done = CliRunner().invoke(command_line, ["serve", "--isolation", "container", "--port", "0"])
        assert isinstance(done.exception, UsageError)


class _Engine(BaseHTTPRequestHandler):
    """Answer as an engine without images does."""

    info: dict[str, Any]

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        known: dict[str, Any] = {"version": {"ApiVersion": "1.41"}, "info": self.info}
        body = json.dumps(known.get(name, {"message": "no such image"})).encode()
        self.send_response(200 if name in known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def engine(monkeypatch) -> Iterator[type[_Engine]]:
    """Let something answer as an engine; its `info` can be set."""
    _Engine.info = {"MemoryLimit": True, "PidsLimit": True}
    with HTTPServer(("127.0.0.1", 0), _Engine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield _Engine
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("key", "what"), [("MemoryLimit", "memory"), ("PidsLimit", "number of processes")])
def test_an_engine_that_cannot_keep_limits(engine, key, what):
    engine.info = {**engine.info, key: False}
    with pytest.raises(UsageError, match=rf"cannot limit .*{what} of a container \({key} is False\)"):
        ContainerLauncher()


def test_an_image_that_is_missing(engine):
    with pytest.raises(UsageError, match=r"no image 'turnwise': .*docker build -t turnwise \."):
        ContainerLauncher()


frames = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8)


@given(frames, st.lists(st.integers(0, 400), max_size=12))
def test_frames_come_apart_wherever_they_are_cut(frames, cuts):
    stream = b"".join(bytes([kind, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for kind, data in frames)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    errors = bytearray()
    unwrap = _Unwrap(errors)
    output = b"".join(unwrap(stream[a:b]) for a, b in pairwise(places))
    assert output == b"".join(data for kind, data in frames if kind == 1)
    assert errors == b"".join(data for kind, data in frames if kind == 2)


def test_of_errors_the_end_is_kept():
    errors = bytearray()
    unwrap = _Unwrap(errors)
    for number in range(5000):
        unwrap(bytes([2, 0, 0, 0, 0, 0, 0, 5]) + b"%05d" % number)
    assert errors.endswith(b"0499804999")
    assert len(errors) == 2000


@pytest.mark.parametrize(
    ("said", "hangs_up", "expected"),
    [
        (b"", False, TimeoutError),
        (b"\0\0\0\4ab", False, TimeoutError),
        (b"\0\0\0\4ab", True, EOFError),
        (b"\0\0\0\xff", False, OSError),
        (b"\0\0\0\2ab", True, None),
    ],
)
def test_answers(said, hangs_up, expected):
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    assert not channel.at_end
    theirs.sendall(said)
    if hangs_up:
        theirs.shutdown(socket.SHUT_WR)
    if expected is None:
        assert channel.ask(b"question", 100, 0.1) == b"ab"
        assert theirs.recv(100) == b"\0\0\0\x08question"
        assert channel.at_end
    else:
        with pytest.raises(expected) as caught:
            channel.ask(b"question", 100, 0.1)
        assert type(caught.value) is expected
    theirs.close()
    assert channel.at_end
    channel.close()
    assert channel.at_end
