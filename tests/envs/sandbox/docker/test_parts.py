"""The parts of the Docker backend that need no engine: output, labels, digests, the filter, lines, names."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import docker.errors
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from turnwise.envs.sandbox import SandboxError
from turnwise.envs.sandbox.docker import contexts, disk, engine, owners, running, seccomp
from turnwise.envs.sandbox.docker.disk import Used
from turnwise.envs.sandbox.docker.engine import NotStarted
from turnwise.envs.sandbox.docker.images import split_tag
from turnwise.envs.sandbox.docker.lines import line, result
from turnwise.envs.sandbox.docker.output import Output
from turnwise.envs.sandbox.docker.running import Ended
from turnwise.envs.sandbox.docker.wire import Refused, Stream, Wire
from turnwise.errors import UsageError


@given(st.text("aé漢🙂", max_size=60), st.integers(8, 40), st.integers(1, 9))
def test_output_is_the_text_or_its_two_ends_and_no_character_is_cut(text: str, limit: int, size: int) -> None:
    data, output = text.encode(), Output(limit)
    for at in range(0, len(data), size):
        output.add(data[at : at + size])
    shown, left_out = output.text()
    assert "\ufffd" not in shown and len(shown.encode()) + left_out == len(data)
    assert len(shown.encode()) <= limit if left_out else shown == text
    ends = [(shown[:cut], shown[cut:]) for cut in range(len(shown) + 1)]
    assert any(text.startswith(head) and text.endswith(tail) for head, tail in ends)
    assert left_out <= max(0, len(data) - limit + 6)


@given(
    st.binary(max_size=40),
    st.binary(max_size=9),
    st.integers(1, 9),
    st.sampled_from([b"", b"-mark-", b"--m"]),
    st.booleans(),
)
def test_output_ends_at_its_mark_or_with_the_stream_whatever_its_pieces(
    said: bytes, later: bytes, size: int, mark: bytes, is_marked: bool
) -> None:
    said = said.replace(mark, b"") if mark else said
    whole = said + mark * is_marked + later.replace(mark, b"") if mark else said + later
    want = whole[: whole.index(mark)] if mark and mark in whole else whole

    class Pieces:
        async def chunks(self) -> AsyncIterator[tuple[int, bytes]]:
            for at in range(0, len(whole), size):
                yield 1, whole[at : at + size]
                yield 2, b"!"

    ended = Ended(Output(1000), Output(1000))
    asyncio.run(running._pump(cast(Stream, Pieces()), ended, mark))
    assert ended.output.data() == want and ended.is_whole is (mark in whole)
    assert ended.errors.data().strip(b"!") == b""


def test_output_without_an_end_is_kept_as_far_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    class Open:
        async def chunks(self) -> AsyncIterator[tuple[int, bytes]]:
            yield 1, b"all there is-ma"
            await asyncio.Event().wait()

    async def body() -> Ended:
        ended = Ended(Output(1000), Output(1000))
        pump = asyncio.create_task(running._pump(cast(Stream, Open()), ended, b"-mark-"))
        await running._drain(pump, ended)
        return ended

    monkeypatch.setattr(running, "_DRAIN_S", 0.05)
    ended = asyncio.run(body())
    assert ended.output.data() == b"all there is-ma" and not ended.is_whole


def test_an_owner_is_known_by_its_start_and_machine() -> None:
    mine = owners.owned()
    assert not owners.is_left_over(mine, is_local=True)
    pid, born, boot = mine[owners.OWNER].split(":")
    earlier = mine | {owners.OWNER: f"{pid}:{int(born) - 1}:{boot}"}
    assert owners.is_left_over(earlier, is_local=True)
    assert not owners.is_left_over(earlier | {owners.NAMESPACE: "pid:[1]"}, is_local=True)
    elsewhere = mine | {owners.OWNER: f"{pid}:{born}:another-boot"}
    assert owners.is_left_over(elsewhere, is_local=True)
    assert not owners.is_left_over(elsewhere, is_local=False)
    assert not any(owners.is_left_over({owners.OWNER: odd}, is_local=True) for odd in ("", "x", "1", "a:b:c"))


def test_a_digest_follows_names_bytes_modes_and_links(tmp_path: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / "l").symlink_to("a")
    seen = [contexts.digest(folder)]
    assert contexts.digest(folder) == seen[0]
    (folder / "a").write_text("2")
    seen.append(contexts.digest(folder))
    (folder / "a").chmod(0o755)
    seen.append(contexts.digest(folder))
    (folder / "l").unlink()
    (folder / "l").symlink_to("b")
    seen.append(contexts.digest(folder))
    (folder / "a").rename(folder / "b")
    seen.append(contexts.digest(folder))
    assert len(set(seen)) == len(seen)


def test_disk_counts_blocks_once_and_files_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(100_000))
    os.link(tmp_path / "a", tmp_path / "b")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    found = disk.count(tmp_path, Used(1 << 40, 1000))
    assert 100_000 <= found.num_bytes < 200_000 and found.num_files == 3
    assert disk.count(tmp_path, Used(1 << 40, 0)).num_files == 3  # a folder is counted to its end
    mine = tmp_path / "processes"
    mine.write_text(str(os.getpid()))
    before = disk.count_nameless(mine)
    with (tmp_path / "gone").open("wb", buffering=0) as file:
        file.write(b"x" * 50_000)
        (tmp_path / "gone").unlink()
        after = disk.count_nameless(mine)
    assert after.num_files == before.num_files + 1 and after.num_bytes - before.num_bytes >= 50_000


def test_the_filter_refuses_what_the_other_backend_refuses() -> None:
    profile = json.loads(seccomp.profile())
    whole = {name for rule in profile["syscalls"] if not rule["args"] for name in rule["names"]}
    assert {"ptrace", "bpf", "io_uring_setup", "add_key", "mount", "unshare", "clone3"} <= whole
    families = {
        rule["args"][0]["value"] for rule in profile["syscalls"] if rule["names"] == ["socket", "socketpair"]
    }
    assert socket.AF_VSOCK in families and socket.AF_INET not in families


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("python", ("python", "latest")),
        ("python:3.11", ("python", "3.11")),
        ("127.0.0.1:5000/a", ("127.0.0.1:5000/a", "latest")),
        ("127.0.0.1:5000/a:1", ("127.0.0.1:5000/a", "1")),
        ("a@sha256:12", ("a@sha256:12", None)),
    ],
)
def test_names_of_images(name: str, parts: tuple[str, str | None]) -> None:
    assert split_tag(name) == parts


@pytest.mark.parametrize(("code", "cause"), [(128, "exit"), (129, "killed"), (192, "killed"), (255, "exit")])
def test_only_the_exit_codes_of_signals_are_a_kill(code: int, cause: str) -> None:
    ended = Ended(Output(10), Output(10), exit_code=code)
    assert result(ended, stopped="", out_of_memory=False).cause == cause


def test_a_line_that_cannot_be_is_refused() -> None:
    def made(command: str = "true", timeout_s: float = 1.0, env: dict[str, str] | None = None) -> None:
        line(
            command,
            timeout_s=timeout_s,
            stdin=None,
            cwd="/",
            env=env or {},
            user="1",
            output_bytes=1,
            stop=asyncio.Event(),
        )

    made("x" * (1 << 20))
    for wrong in ({"command": "a\0"}, {"command": "é" * (1 << 20)}, {"timeout_s": 0.0}, {"env": {"a=b": ""}}):
        with pytest.raises(UsageError):
            made(**wrong)  # type: ignore[arg-type]


def test_the_wire_reads_frames_whatever_their_pieces_and_says_what_was_refused(tmp_path: Path) -> None:
    frames = b"\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\1!\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\3end"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"/exec/gone/" in asked:
            body = b'{"message": "no such exec"}'
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            everything = b"HTTP/1.1 101 UPGRADED\r\n\r\n" + frames
            for at in range(0, len(everything), 3):
                writer.write(everything[at : at + 3])
                await writer.drain()
        writer.close()

    async def body() -> None:
        path = str(tmp_path / "s")
        async with await asyncio.start_unix_server(answer, path):
            wire = Wire(f"unix://{path}", "1.41")
            stream = await wire.exec_start("x")
            got = [piece async for piece in stream.chunks()]
            stream.close()
            assert b"".join(data for kind, data in got if kind == 1) == b"helloend"
            assert b"".join(data for kind, data in got if kind == 2) == b"!"
            with pytest.raises(Refused, match="no such exec") as caught:
                await wire.exec_start("gone")
            assert caught.value.status == 404

    asyncio.run(body())


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("OCI runtime exec failed: exec failed: fork: try again", None),
        (
            'connection error: desc = "transport: Error while dialing dial unix /x: connect: refused"',
            NotStarted,
        ),
        ("rpc error: code = Unavailable desc = transport is closing: unavailable", SandboxError),
        ("anything else of the engine's", SandboxError),
    ],
)
def test_what_the_engine_writes_in_place_of_a_command_is_never_the_agents_output(
    said: str, fault: type[Exception] | None
) -> None:
    ended = Ended(Output(1000), Output(1000))
    ended.output.add(said.encode())
    if fault is None:
        assert running._never_ran(running._NeverRan(126), ended).exit_code == 126
        return
    with pytest.raises(fault) as caught:
        running._never_ran(running._NeverRan(126), ended)
    assert isinstance(caught.value, NotStarted) is (fault is NotStarted)


def test_an_engine_that_is_away_is_waited_for_and_other_failures_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def body(kinds: list[type[SandboxError]]) -> int:
        async def act() -> int:
            if kinds:
                raise kinds.pop(0)("no")
            return len(kinds)

        return await engine.while_away(act, NotStarted)

    monkeypatch.setattr(engine, "_AGAIN_S", 0.0)
    assert asyncio.run(body([NotStarted, NotStarted])) == 0
    for other in (engine.Away, SandboxError):
        with pytest.raises(other):
            asyncio.run(body([NotStarted, other]))
    monkeypatch.setattr(engine, "_AWAY_S", -1.0)
    with pytest.raises(NotStarted):
        asyncio.run(body([NotStarted]))


def test_an_image_that_another_removed_first_is_missing() -> None:
    answer = requests.Response()
    answer.status_code = 500

    def remove_image() -> None:
        raise docker.errors.APIError("500", answer, "unrecognized image ID sha256:0f")

    with pytest.raises(engine.Missing, match="unrecognized"):
        engine._told_apart(remove_image, (), {})
