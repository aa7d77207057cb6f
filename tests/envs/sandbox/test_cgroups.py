"""Control groups of version 2: what is written where, on a tree of plain files, and what the kernel does.

No controller of memory or processes can be had in version 2 where version 1 holds them, as on the machine
that these tests were written on: there the kernel is asked for what needs none.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnwise.envs.sandbox.namespace import places
from turnwise.envs.sandbox.namespace.keeper import cgroups, main
from turnwise.envs.sandbox.namespace.keeper.cgroups import Command, Group, Places

UNIFIED = next(
    (
        path
        for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
        if (path / "cgroup.controllers").exists()
    ),
    None,
)
Written = list[tuple[str, str]]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty tree in place of the machine's; this process is in its group a/b."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/a/b\n")
    monkeypatch.setattr(places, "_MOUNT", tmp_path)
    monkeypatch.setattr(places, "_OWN", tmp_path / "own")
    return tmp_path


def group(folder: Path, controllers: str, given: str, processes: str = "") -> None:
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(given)
    (folder / "cgroup.procs").write_text(processes)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return what is written into the files of groups, in order; nothing is."""
    lines: Written = []

    def write(path: str, text: str) -> None:
        lines.append((str(Path(path).relative_to(tmp_path)), text))

    monkeypatch.setattr(cgroups, "_write", write)
    return lines


def test_the_root_gives_its_controllers(tree: Path) -> None:
    group(tree, "cpu memory pids", "cpu memory pids")
    group(tree / "a/b", "memory pids", "", "7\n")
    found = places.find()
    assert (found.version, Path(found.memory).parent) == (2, tree)
    assert found.memory == found.pids == found.cpu and found.folders == (found.memory,)
    assert (tree / "a/b/cgroup.subtree_control").read_text() == "" or os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="root's own group needs the mark of a delegation")
def test_a_group_without_the_mark_is_left_alone_by_root(tree: Path) -> None:
    group(tree / "a/b", "cpu memory pids", "", "7\n")
    assert places.find() == Places()
    assert sorted(path.name for path in (tree / "a/b").iterdir()) == [
        "cgroup.controllers", "cgroup.procs", "cgroup.subtree_control",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("controllers", "given", "cpu"),
    [("cpuset cpu io memory pids", "+cpu +memory +pids", True), ("memory pids", "+memory +pids", False)],
)
def test_a_delegated_group_is_emptied_into_a_leaf_and_gives(
    tree: Path, monkeypatch: pytest.MonkeyPatch, controllers: str, given: str, cpu: bool
) -> None:
    monkeypatch.setattr(os, "listxattr", lambda path: ["user.delegate"])
    own = tree / "a/b"
    group(own, controllers, "", "17\n19\n")
    found = places.find()
    assert (found.version, Path(found.memory).parent, bool(found.cpu)) == (2, own, cpu)
    assert (own / "turnwise-server/cgroup.procs").read_text() == "19"  # a plain file keeps the last
    assert (own / "cgroup.subtree_control").read_text() == given


def test_a_sweep_takes_what_dead_keepers_left_wherever_it_lies_and_nothing_else(tree: Path) -> None:
    here = Path("/proc/self/ns/pid").stat().st_ino
    me, nobody = f"{os.getpid()}-{places.started(os.getpid())}", f"{(1 << 22) + 1}-1"
    below = tree / "turnwise-server.service"
    dead = [f"turnwise-{me}-{here}-{nobody}", f"turnwise-{nobody}-{here}-{me}"]
    kept = [f"turnwise-{me}-{here}-{me}", f"turnwise-{nobody}-{here + 1}-{nobody}", "turnwise-1-1-x"]
    for name in [*dead, *kept]:
        (below / name / "box").mkdir(parents=True)
    (below / dead[1] / "box/busy").touch()  # as what still runs keeps its group
    assert places.sweep() == (1, 1)
    assert sorted(path.name for path in below.iterdir()) == sorted([dead[1], *kept])


def test_a_group_without_the_controllers_is_no_place(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listxattr", lambda path: ["user.delegate"])
    group(tree / "a/b", "cpu pids", "", "17\n")
    assert places.find() == Places()


def test_the_keepers_group_gives_what_it_got(tmp_path: Path) -> None:
    for name, cpu, expected in (("x", True, "+memory +pids +cpu"), ("y", False, "+memory +pids")):
        place = str(tmp_path / name)
        assert main._make_folders(Places(2, place, place, place if cpu else "")) == [place]
        assert (tmp_path / name / "cgroup.subtree_control").read_text() == expected


def test_limits_of_a_box_in_both_versions(tmp_path: Path, written: Written) -> None:
    second = Group(Places(2, *[str(tmp_path)] * 3), "box")
    second.limit(num_processes=64, cpus=0.5)
    second.allow(1 << 30)
    second.allow((1 << 30) + 1000)  # too small a move
    assert written == [
        ("box/pids.max", "65"), ("box/cpu.max", "50000 100000"), ("box/memory.max", "1073741824"),
    ]  # fmt: skip
    assert second.entrances == (f"{tmp_path}/box/cgroup.procs",)
    command = second.for_command(3)
    assert command.entrances == (f"{tmp_path}/box/c3/cgroup.procs",)
    written.clear()
    folders = [str(tmp_path / name) for name in ("memory", "pids", "cpu")]
    for folder in folders:
        Path(folder).mkdir()
    first = Group(Places(1, *folders), "box")
    first.limit(num_processes=64, cpus=2)
    first.allow(1 << 30)
    assert written == [
        ("pids/box/pids.max", "65"), ("cpu/box/cpu.cfs_period_us", "100000"),
        ("cpu/box/cpu.cfs_quota_us", "200000"), ("memory/box/memory.limit_in_bytes", "1073741824"),
    ]  # fmt: skip
    assert first.for_command(1).entrances == tuple(
        f"{tmp_path}/{name}/cgroup.procs" for name in ("pids/box/c1", "memory/box", "cpu/box")
    )


def test_memory_of_version_2_is_read_by_its_names(tmp_path: Path) -> None:
    box = Group(Places(2, *[str(tmp_path)] * 3), "box")
    (tmp_path / "box/memory.stat").write_text("anon 11\nfile 99\nshmem 7\n")
    (tmp_path / "box/memory.events").write_text("low 0\nhigh 0\nmax 5\noom 3\noom_kill 2\n")
    assert (box.memory(), box.kills()) == ((11, 7), 2)


def test_a_limit_below_what_is_in_use_is_set_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [errno.EBUSY, 0, errno.EACCES]

    def write(path: str, text: str) -> None:
        if code := codes.pop(0):
            raise OSError(code, path)

    monkeypatch.setattr(cgroups, "_write", write)
    box = Group(Places(2, *[str(tmp_path)] * 3), "box")
    box.allow(1 << 30)
    box.allow(1 << 30)
    with pytest.raises(PermissionError):
        box.allow(1 << 31)


@pytest.fixture
def real() -> Iterator[Path]:
    """Return a new group of the kernel's tree of version 2."""
    if os.geteuid() or UNIFIED is None:
        pytest.skip("no tree of version 2 that this user may write to")
    folder = UNIFIED / f"turnwise-{os.getpid()}-{places.started(os.getpid())}-test"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made: {error}")
    yield folder
    assert cgroups.remove(str(folder))


def test_the_kernel_kills_a_group_of_version_2_whole(real: Path) -> None:
    command = Command(str(real / "c1"), (), 2)
    line = f"echo $$ > {command.entrances[0]}; sleep 771 & (setsid sleep 772 &); echo in; wait"
    process = subprocess.Popen(["bash", "-c", line], stdout=-1)
    assert process.stdout is not None and process.stdout.readline() == b"in\n"
    assert len(command.process_ids()) >= 2
    while not command.kill():
        pass
    assert process.wait() == -signal.SIGKILL and command.process_ids() == []
    process.stdout.close()
    while not command.remove():
        pass


def test_the_kernel_lets_a_group_give_once_its_processes_are_in_a_leaf(real: Path) -> None:
    controllers = tuple((real / "cgroup.controllers").read_text().split())
    if not controllers:
        pytest.skip("no controller is free here")
    process = subprocess.Popen(["sleep", "773"])
    (real / "cgroup.procs").write_text(str(process.pid))
    try:
        with pytest.raises(OSError, match="busy"):
            (real / "cgroup.subtree_control").write_text(f"+{controllers[0]}")
        assert places.give(real, controllers[:1]) == {controllers[0]}
        assert (real / "cgroup.subtree_control").read_text().split() == [controllers[0]]
        assert (real / "turnwise-server/cgroup.procs").read_text().split() == [str(process.pid)]
    finally:
        process.kill()
        process.wait()
