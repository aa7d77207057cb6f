"""Snapshots, forks and rollbacks, on every backend: against plain dicts of files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from turnwise.envs.sandbox import Backend, Limits, Sandbox, Spec
from turnwise.errors import UsageError

Play = Callable[..., Any]
FOLDERS, NAMES = ["", "p/", "p/q/", "r/"], ["a", "b", "p"]


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
        await box.aclose()
        await second.rollback(start)
        assert await second.read("a") == b"1"
        await second.aclose()

    play(body)


def test_processes_are_ended_by_a_snapshot_and_forbid_a_fork(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("sleep 511 & echo data > /dev/shm/kept")
        with pytest.raises(UsageError, match="run"):
            await box.fork(1)
        assert "sleep 511" in (await box.run("ps -eo args")).output
        before = await box.snapshot()
        assert "sleep 511" not in (await box.run("ps -eo args")).output
        await box.run("sleep 512 &")
        await box.rollback(before)
        assert "sleep 512" not in (await box.run("ps -eo args; cat /dev/shm/kept")).output
        (child,) = await box.fork(1)
        await child.aclose()
        with pytest.raises(UsageError):
            await box.fork(0)
        with pytest.raises(UsageError, match="snapshot"):
            await box.rollback("nothing")

    play(body)


def test_a_fork_shares_what_is_left_of_the_disk(play: Play, backend: Backend) -> None:
    if backend.name == "docker":
        pytest.skip("Docker's disk limit is a watcher, with tests of its own")

    async def body(box: Sandbox) -> None:
        assert (await box.run("head -c 10M /dev/zero > a")).exit_code == 0
        (child,) = await box.fork(1)
        assert (await child.run("head -c 10M /dev/zero > b")).exit_code == 1
        assert (await child.run("head -c 4M /dev/zero > b")).exit_code == 0
        await child.aclose()

    play(body, Spec(limits=Limits(disk_bytes=16 << 20)))


def test_many_layers_are_one_tree(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run("mkdir d; echo base > d/base; echo 0 > n")
        names = []
        for number in range(75):
            await box.run(f"echo {number} > n; rm -rf d; mkdir d; echo {number} > d/f{number}")
            names.append(await box.snapshot())
        assert (await box.run("ls d; cat n")).output == "f74\n74\n"
        await box.rollback(names[3])
        assert (await box.run("ls d; cat n")).output == "f3\n3\n"
        assert await box.changes(names[74]) == {"d/f3": b"3\n", "d/f74": None, "n": b"3\n"}
        (child,) = await box.fork(1)
        await child.rollback(names[70])
        assert (await child.run("ls d; cat n")).output == "f70\n70\n"
        await child.aclose()

    play(body)


class Boxes(RuleBasedStateMachine):
    """Boxes beside dicts: whatever is written, frozen, forked and put back, the files are the same."""

    backend: Backend
    boxes = Bundle("boxes")
    snapshots = Bundle("snapshots")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.open: dict[int, tuple[Sandbox, dict[str, bytes]]] = {}
        self.known: dict[str, dict[str, bytes]] = {}
        self.families: dict[int, set[str]] = {}

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize(target=boxes)
    def start(self) -> int:
        return self.add(self.do(self.backend.start(Spec())), {}, set())

    def add(self, box: Sandbox, files: dict[str, bytes], names: set[str]) -> int:
        number = len(self.families)
        self.open[number], self.families[number] = (box, files), names
        return number

    @rule(
        number=boxes, folder=st.sampled_from(FOLDERS), name=st.sampled_from(NAMES), data=st.binary(max_size=3)
    )
    def write(self, number: int, folder: str, name: str, data: bytes) -> None:
        box, files = self.open[number]
        path = folder + name
        above = {path[:i] for i, letter in enumerate(path) if letter == "/"}
        if above & files.keys() or any(other.startswith(f"{path}/") for other in files):
            return
        if self.do(box.run(f"test -d {path}")).exit_code == 0:
            return
        self.do(box.write(path, data))
        files[path] = data

    @rule(number=boxes, path=st.sampled_from(["a", "p", "p/q", "r", "p/a"]))
    def remove(self, number: int, path: str) -> None:
        box, files = self.open[number]
        self.do(box.run(f"rm -rf {path}"))
        for other in [other for other in files if other == path or other.startswith(f"{path}/")]:
            del files[other]

    @rule(number=boxes, source=st.sampled_from(["p", "r", "a"]), to=st.sampled_from(["r", "s"]))
    def move(self, number: int, source: str, to: str) -> None:
        box, files = self.open[number]
        self.do(box.run(f"rm -rf {to}x; mv {source} {to}x && rm -rf {to} && mv {to}x {to}"))
        if source == to:
            return
        moved = {k: v for k, v in files.items() if k == source or k.startswith(f"{source}/")}
        if moved or self.do(box.run(f"test -e {to}")).exit_code:
            for path in [k for k in files if k in moved or k == to or k.startswith(f"{to}/")]:
                del files[path]
            files.update({to + k[len(source) :]: v for k, v in moved.items()})
        else:
            now = self.do(box.run(f"find {to} -type f")).output.split()
            for path in [k for k in files if (k == to or k.startswith(f"{to}/")) and k not in now]:
                del files[path]

    @rule(target=snapshots, number=boxes)
    def freeze(self, number: int) -> str:
        box, files = self.open[number]
        name = self.do(box.snapshot())
        self.known[name] = dict(files)
        self.families[number].add(name)
        return name

    @rule(number=boxes, name=snapshots)
    def compare(self, number: int, name: str) -> None:
        if name not in self.families[number]:
            return
        box, files = self.open[number]
        before = self.known[name]
        expected = {
            path: files.get(path)
            for path in before.keys() | files.keys()
            if before.get(path) != files.get(path)
        }
        assert self.do(box.changes(name)) == expected

    @rule(number=boxes, name=snapshots)
    def put_back(self, number: int, name: str) -> None:
        if name in self.families[number]:
            box, _ = self.open[number]
            self.do(box.rollback(name))
            self.open[number] = (box, dict(self.known[name]))

    @rule(target=boxes, number=boxes, n=st.integers(1, 2))
    def fork(self, number: int, n: int) -> Any:
        box, files = self.open[number]
        made = self.do(box.fork(n))
        return multiple(*(self.add(child, dict(files), set(self.families[number])) for child in made))

    @precondition(lambda self: len(self.open) > 1)
    @rule(number=consumes(boxes))
    def close(self, number: int) -> None:
        self.check(number)
        self.do(self.open.pop(number)[0].aclose())

    def check(self, number: int) -> None:
        box, files = self.open[number]
        program = (
            "import os\nfor top, _, names in os.walk('.'):\n for name in names:\n"
            "  path = os.path.join(top, name); print(path, open(path, 'rb').read().hex())"
        )
        listed = self.do(box.run(f'python3 -S -c "{program}"'))
        found = dict(line.split(" ", 1) for line in listed.output.splitlines())
        assert found == {f"./{path}": data.hex() for path, data in files.items()}

    def teardown(self) -> None:
        for number in list(self.open):
            self.check(number)
            self.do(self.open.pop(number)[0].aclose())
        self.runner.close()


def test_files_are_those_of_a_plain_model(backend: Backend) -> None:
    Boxes.backend = backend
    run_state_machine_as_test(
        Boxes,
        settings=settings(
            max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
