"""Files of a box, on every backend: read, written, compared; whatever lies under their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from turnwise.envs.sandbox import Backend, Limits, Sandbox, Spec
from turnwise.errors import UsageError

Play = Callable[..., Any]


def test_bytes_come_back_as_written_with_mode_and_owner(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        data = bytes(range(256)) * 5000
        await box.write("sub/more/file.bin", data, mode=0o755)
        assert await box.read("sub/more/file.bin") == data == await box.read("/workspace/sub/more/file.bin")
        assert (await box.run("stat -c '%a %U' sub/more/file.bin sub")).output == "755 agent\n755 agent\n"
        await box.write("sub/more/file.bin", b"")
        assert await box.read("sub/more/file.bin") == b""

    play(body)


def test_links_are_followed_inside_the_box_only(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run(
            "ln -s /etc/passwd p; ln -s ../../../../etc/shadow s; ln -s missing m; ln -s l l;"
            "echo x > r; ln -s r k"
        )
        assert b"agent" in await box.read("p")
        for name in ("s", "m"):
            with pytest.raises(FileNotFoundError):
                await box.read(name)
        with pytest.raises(OSError, match="symbolic links"):
            await box.read("l")
        await box.write("k", b"new")
        assert (await box.run("cat r; test -L k")).exit_code == 0 and await box.read("r") == b"new"
        with pytest.raises(PermissionError):
            await box.write("p", b"root::0:0::/:/bin/sh")

    play(body)


def test_what_is_no_regular_file_is_refused(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("mkfifo pipe; mkdir dir; python3 -c 'import socket; socket.socket(1).bind(\"sock\")'")
        for name in ("pipe", "/dev/zero", "/dev/tty", "sock"):
            with pytest.raises((UsageError, OSError)):
                await box.read(name)
        with pytest.raises(IsADirectoryError):
            await box.read("dir")
        with pytest.raises(IsADirectoryError):
            await box.write("dir", b"")
        with pytest.raises(UsageError):
            await box.write("pipe", b"")
        with pytest.raises(FileNotFoundError):
            await box.read("missing")
        with pytest.raises(PermissionError):
            await box.write("/etc/new", b"")
        for path in ("", "a\0b", "x" * 5000):
            with pytest.raises(UsageError):
                await box.read(path)

    play(body)


def test_long_and_sparse_files_are_refused(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("truncate -s 300M sparse; head -c 11 /dev/zero > eleven")
        with pytest.raises(UsageError, match="longer"):
            await box.read("sparse")
        with pytest.raises(UsageError, match="longer"):
            await box.read("eleven", max_bytes=10)
        assert await box.read("eleven", max_bytes=11) == bytes(11)

    play(body)


def test_a_tree_of_files_and_one_that_the_user_cannot_change(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.write_tree({"a/b.txt": b"1", "c.txt": b"2"}, "tree")
        assert (await box.run("cat tree/a/b.txt tree/c.txt; echo 3 > tree/a/b.txt")).output == "12"
        await box.write_tree({"t/check.py": b"judge"}, "/tests", root=True)
        ran = await box.run(
            "echo no > /tests/t/check.py; rm -f /tests/t/check.py; mv /tests /x; cat /tests/t/check.py"
        )
        assert ran.output.endswith("judge")
        for path in ("../x", "/x", "a//b", "."):
            with pytest.raises(UsageError):
                await box.write_tree({path: b""})

    play(body)


def test_a_folder_is_emptied_whoever_wrote_into_it(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        for _ in range(2):
            await box.write_tree(
                {"t/check.py": b"judge", "a b/c": b"1", "d": b"2"}, "/judge/tests", root=True
            )
            assert await box.empty("/judge/tests")
            assert (await box.run("ls -A /judge/tests")).output == ""
        await box.run(
            "mkdir -p mine/deep kept; echo 1 > kept/f; ln -s ../kept mine/deep/link; ln -s /etc mine/e"
        )
        assert await box.empty("mine") and await box.empty("new")
        await box.run("ln -s kept instead; : > file")
        assert await box.empty("instead") and await box.empty("file")
        assert (await box.run("ls -A mine new instead file kept")).output.split() == [
            "file:", "instead:", "kept:", "f", "mine:", "new:",
        ]  # fmt: skip
        assert not await box.empty("/proc")

    play(body)


def test_a_file_in_the_way_of_a_tree_stays_unless_the_judge_writes(play: Play, backend: Backend) -> None:
    if backend.name == "docker":
        pytest.skip("Docker unpacks an archive, which replaces what is in the way")

    async def body(box: Sandbox) -> None:
        await box.run("echo kept > a; mkdir real; ln -s real link; ln -s nowhere broken")
        with pytest.raises(NotADirectoryError):
            await box.write_tree({"a/b": b"1"})
        await box.write_tree({"link/b": b"2", "broken/b": b"3"})
        assert (await box.run("cat a link/b broken/b; ls real; test -L link || echo no link")).output == (
            "kept\n23no link\n"
        )
        await box.write_tree({"a/b": b"4"}, root=True)
        assert (await box.run("cat a/b")).output == "4"

    play(body)


def test_files_of_the_judge_go_through_no_link_of_the_agent(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("mkdir mine; ln -s mine tests; mkdir real; ln -s /workspace/mine/f real/f")
        await box.write_tree({"tests/t.py": b"1", "real/f": b"2"}, root=True)
        assert (await box.run("ls mine; test -L tests || cat tests/t.py real/f")).output == "12"

    play(body)


def test_changes_are_those_of_content_and_mode(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run(
            "mkdir -p keep/deep gone swapped;"
            "for f in keep/a keep/deep/b gone/c swapped/d e f; do echo $f > $f; done"
        )
        start = await box.snapshot()
        await box.run(
            "touch keep/a; cp e e2 && mv e2 e; rm -r gone; rm -r swapped; echo now a file > swapped;"
            "chmod +x f; mkdir new; echo n > new/n; ln -s f link; rm keep/deep/b; mkdir keep/deep/b;"
            "echo in > keep/deep/b/in; mkfifo p"
        )
        expected = {
            "gone/c": None,
            "swapped/d": None,
            "swapped": b"now a file\n",
            "f": b"f\n",
            "new/n": b"n\n",
            "keep/deep/b": None,
            "keep/deep/b/in": b"in\n",
        }
        assert await box.changes(start) == expected
        assert await box.changes(start, "keep") == {"deep/b": None, "deep/b/in": b"in\n"}
        assert await box.changes(start, "/workspace/new") == {"n": b"n\n"}
        await box.run("rm -rf keep && mkdir keep && echo keep/a > keep/a")
        later = await box.changes(start, "keep")
        assert later == {"deep/b": None}
        assert await box.changes(start, "missing") == {}

    play(body)


def test_changes_beyond_the_limit_are_refused(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        start = await box.snapshot()
        if (await box.run("truncate -s 2G huge")).exit_code == 0:  # Docker refuses it the whole length
            with pytest.raises(UsageError, match="more bytes"):
                await box.changes(start)
        with pytest.raises(UsageError, match="snapshot"):
            await box.changes("nothing")

    play(body, Spec(limits=Limits(disk_bytes=64 << 20)))


def test_a_deep_tree_and_names_that_are_no_text(play: Play) -> None:
    program = "import os\nfor i in range(3000):\n os.mkdir('d'); os.chdir('d')\nopen('x','w')"

    async def body(box: Sandbox) -> None:
        start = await box.snapshot()
        await box.run(f"python3 -c \"{program}\"; touch $'bad\\xff'; touch 'new\nline'", timeout_s=60)
        try:
            found = await box.changes(start)
        except UsageError as error:
            assert "deep" in str(error) or "long" in str(error)
        else:
            assert "new\nline" in found
        assert (await box.run("rm -rf d; echo fine")).output == "fine\n"

    play(body)
