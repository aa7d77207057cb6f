"""What a box does, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from turnwise.envs.sandbox import Sandbox

Play = Callable[..., Any]


def test_a_command_runs_in_the_working_folder_and_answers_what_it_wrote(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("pwd; echo wrong >&2; exit 3")
        assert (ran.exit_code, ran.output, ran.truncated, ran.cause) == (3, "/workspace\nwrong\n", 0, "exit")

    play(body)


def test_files_are_kept_between_commands_and_variables_are_not(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("export A=1; cd /tmp; echo text > /workspace/a")
        assert (await box.run("echo [$A]; cat a")).output == "[]\ntext\n"
        await box.write("b/c.txt", b"\x00\xff")
        assert await box.read("b/c.txt") == b"\x00\xff"

    play(body)


def test_forks_and_snapshots_hold_files_apart(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.write("a", b"1")
        start = await box.snapshot()
        await box.write("a", b"2")
        first, second = await box.fork(2)
        await first.run("rm a; echo new > b")
        assert await first.changes(start) == {"a": None, "b": b"new\n"}
        assert await second.changes(start) == await box.changes(start) == {"a": b"2"}
        await box.rollback(start)
        assert await box.changes(start) == {} and await box.read("a") == b"1"
        await first.aclose()
        assert await second.read("a") == b"2"
        await second.aclose()

    play(body)
