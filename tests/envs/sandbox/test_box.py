"""Commands in a box, on every backend: what they answer, what they cannot hold up, and how they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from turnwise.envs.sandbox import Backend, Limits, Sandbox, SandboxError, Spec
from turnwise.errors import UsageError

Play = Callable[..., Any]
SMALL = Spec(limits=Limits(output_bytes=1000))


def test_a_command_runs_in_the_working_folder_and_answers_what_it_wrote(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("pwd; echo wrong >&2; exit 3")
        assert (ran.exit_code, ran.output, ran.truncated, ran.cause) == (3, "/workspace\nwrong\n", 0, "exit")
        assert (await box.run("cd /nowhere; kill -TERM $$")).cause == "killed"

    play(body)


def test_files_are_kept_between_commands_and_variables_are_not(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("export A=1; cd /tmp; echo text > /workspace/a")
        assert (await box.run("echo [$A]; cat a")).output == "[]\ntext\n"
        ran = await box.run("echo $A $B; pwd", cwd="/tmp", env={"A": "x y", "B": "é"})
        assert ran.output == "x y é\n/tmp\n"
        assert (await box.run("echo $C")).output == "of the box\n"

    play(body, Spec(env={"C": "of the box"}))


def test_nothing_of_the_server_is_in_the_environment(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")

    async def body(box: Sandbox) -> None:
        everything = await box.run("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; true")
        assert "hunter2" not in everything.output

    play(body)


def test_a_command_holds_no_descriptor_but_its_own(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        listed = "import os; print([fd for fd in range(3, 4096) if os.path.exists(f'/proc/self/fd/{fd}')])"
        for padding in ("", "#" * 200_000):
            assert (await box.run(f'python3 -c "{listed}" {padding}')).output == "[]\n"

    play(body)


def test_pytest_runs_as_a_command_does(play: Play) -> None:
    tests = (
        b"import os\ndef test_good():\n assert os.getcwd() == '/workspace'\n\n"
        b"def test_bad():\n assert 1 == 2\n"
    )
    shell = b"import os\ndef test_it():\n os.system('id -u; ls /proc/self/fd')\n assert 0\n"

    async def body(box: Sandbox) -> None:
        await box.write("test_it.py", tests)
        for _ in range(2):
            ran = await box.pytest(["-q"])
            assert ran.exit_code == 1 and "assert 1 == 2" in ran.output and "1 failed, 1 passed" in ran.output
        await box.write("test_it.py", b"def test_it():\n while True: pass\n")
        assert (await box.pytest([], timeout_s=1)).cause == "timeout"
        await box.write("test_it.py", shell)
        warm, cold = await box.pytest(["-q"]), await Sandbox.pytest(box, ["-q"])
        assert warm.output.split(" in ")[0] == cold.output.split(" in ")[0]

    play(body)


def test_input_is_what_is_given_and_else_at_its_end(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        assert (await box.run("cat", timeout_s=10)).output == ""
        assert (await box.run("cat", stdin=b"abc\n" * 50_000)).output == "abc\n" * 50_000
        ran = await box.run("read -p 'Password: ' x; echo [$x]; : < /dev/tty", timeout_s=10)
        assert ran.cause == "exit" and "[]" in ran.output

    play(body)


@pytest.mark.parametrize(
    "command",
    [
        "python3",
        "python3 -i",
        "python3 -c 'import getpass; getpass.getpass()'",
        "less /etc/passwd",
        "more /etc/passwd",
        "man bash",
        "su",
        "ssh -o NumberOfPasswordPrompts=3 localhost",
        "vi a",
        "touch a .a.swp; vi a /etc/passwd",
    ],
)
def test_programs_that_want_a_person_return(play: Play, command: str) -> None:
    async def body(box: Sandbox) -> None:
        assert (await box.run(command, timeout_s=20)).cause == "exit"

    play(body)


def test_an_editor_works_by_a_script_and_git_starts_none(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        setup = "git init -q . && echo 1 > a && git add a && git -c user.name=a -c user.email=a@b commit"
        assert (await box.run(setup, timeout_s=20)).cause == "exit"
        if (await box.run("vim --version")).exit_code == 0:
            await box.run(
                "vim -es -c '%s/1/one/' -c wq a; printf '%s\\n' '%s/n/N/' wq | ex -s a", timeout_s=20
            )
            assert (await box.read("a")) == b"oNe\n"

    play(body)


def test_the_time_limit_ends_the_whole_tree_and_the_box_stays(play: Play) -> None:
    daemon = "import os\nif os.fork() == 0: os.setsid(); os.fork()\nos.execlp('sleep', 'sleep', '313')"
    tree = f'(sleep 311 &); setsid sleep 312 & python3 -c "{daemon}"'

    async def body(box: Sandbox) -> None:
        await box.run("sleep 314 &")
        ran = await box.run(tree, timeout_s=1)
        assert (ran.exit_code, ran.cause) == (None, "timeout") and ran.seconds < 10
        left = (await box.run("ps -eo args || cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).output
        assert "sleep 314" in left
        assert [f"sleep {number}" for number in (311, 312, 313) if f"sleep {number}" in left] == []

    play(body)


def test_a_background_process_does_not_hold_the_call_and_lives_on(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        began = time.monotonic()
        line = "(while sleep 0.05; do echo noise; date +%s%N > tick; done) & echo started"
        ran = await box.run(line, timeout_s=30)
        assert time.monotonic() - began < 20 and ran.output.startswith("started\n")
        await box.run("sleep 0.3")
        first = await box.read("tick")
        await box.run("sleep 0.5")
        assert await box.read("tick") != first

    play(body)


def test_what_is_written_beyond_the_limit_is_left_out_in_the_middle(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("seq 100000")
        expected = "".join(f"{number}\n" for number in range(1, 100_001))
        assert ran.truncated == len(expected) - 1000
        assert ran.output == expected[:500] + expected[-500:]
        exact = await box.run("head -c 1000 /dev/zero | tr '\\0' x")
        assert (exact.output, exact.truncated) == ("x" * 1000, 0)

    play(body, SMALL)


def test_no_character_is_cut_at_any_offset(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        for offset in range(8):
            ran = await box.run(
                f"printf %s {'x' * offset}; printf '🙂%.0s' $(seq 600); printf 'é%.0s' $(seq 300)"
            )
            assert "\ufffd" not in ran.output
            assert len(ran.output.encode()) + ran.truncated == offset + 600 * 4 + 300 * 2
            assert 990 <= len(ran.output.encode()) <= 1000

    play(body, SMALL)


def test_bytes_that_are_no_text_come_as_replacements(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        assert (await box.run(r"printf 'a\000b\033[31m\377c'")).output == "a\x00b\x1b[31m\ufffdc"

    play(body)


def test_two_hundred_megabytes_of_output(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("head -c 200000000 /dev/zero; echo end", timeout_s=120)
        assert ran.exit_code == 0 and ran.truncated == 200_000_004 - 1000 and ran.output.endswith("end\n")

    play(body, SMALL)


def test_commands_of_many_lengths(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        for size in (100_000, 1 << 20):
            assert (await box.run(f"x={'y' * size}; echo ${{#x}}; cat")).output == f"{size}\n"
        with pytest.raises(UsageError, match="bytes"):
            await box.run("x" * (8 << 20))
        with pytest.raises(UsageError, match="NUL"):
            await box.run("echo \0")
        with pytest.raises(UsageError, match="timeout_s"):
            await box.run("true", timeout_s=0)

    play(body)


def test_commands_run_side_by_side(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        began = time.monotonic()
        done = await asyncio.gather(*(box.run(f"sleep 1; echo {number}") for number in range(8)))
        assert [ran.output for ran in done] == [f"{number}\n" for number in range(8)]
        assert time.monotonic() - began < 6

    play(body)


def test_a_command_whose_caller_is_cancelled_is_ended(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        task = asyncio.create_task(box.run("sleep 411"))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(50):
            if "sleep 411" not in (await box.run("ps -eo args")).output:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("it still runs")

    play(body)


def test_a_folder_that_is_not_there_is_said(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("echo no", cwd="missing")
        assert ran.exit_code != 0 and "missing" in ran.output and ran.cause == "exit"
        await box.run("rm -rf /workspace 2>/dev/null; rmdir /workspace; true")
        assert (await box.run("true")).cause == "exit"

    play(body)


def test_a_closed_box_is_an_error_of_the_machine(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.aclose()
        await box.aclose()
        with pytest.raises(SandboxError):
            await box.run("true")

    play(body)


def test_memory_beyond_the_limit_is_the_agents(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("python3 -c 'x = bytearray(500 << 20)'", timeout_s=60)
        assert ran.cause == "memory"
        assert (await box.run("echo lives")).output == "lives\n"
        assert (await box.run("head -c 100000000 /dev/zero > big; ls -s big")).exit_code == 0

    play(body, Spec(limits=Limits(memory_bytes=64 << 20, disk_bytes=256 << 20)))


def test_a_fork_bomb_ends_at_the_number_of_processes(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("b() { b | b & }; b; sleep 2; echo done", timeout_s=30)
        assert ran.cause in ("exit", "timeout", "killed")
        other = await box.run("exec echo lives", timeout_s=30)
        assert other.cause in ("exit", "killed", "timeout")  # bash waits half a minute for a process

    play(body, Spec(limits=Limits(num_processes=30)))


def test_a_full_disk_is_the_commands_own_failure(play: Play, backend: Backend) -> None:
    if backend.name == "docker":
        pytest.skip("Docker's disk limit is a watcher, with tests of its own")

    async def body(box: Sandbox) -> None:
        await box.write("kept", b"old")
        ran = await box.run("head -c 100000000 /dev/zero > big")
        assert ran.exit_code == 1 and "No space left" in ran.output
        with pytest.raises(OSError, match=r"No space|disk limit") as caught:
            await box.write("kept", bytes(1 << 20))
        assert caught.value.errno == 28 and await box.read("kept") == b"old"
        await box.run("rm big")
        await box.write("kept", bytes(1 << 20))

    play(body, replace(SMALL, limits=Limits(disk_bytes=8 << 20)))


def test_the_number_of_files_is_limited(play: Play, backend: Backend) -> None:
    if backend.name == "docker":
        pytest.skip("Docker's disk limit is a watcher, with tests of its own")

    async def body(box: Sandbox) -> None:
        ran = await box.run("for i in $(seq 300); do : > f$i || exit 5; done")
        assert ran.exit_code == 5

    play(body, Spec(limits=Limits(num_files=200)))
