"""What is left when a server or the keeper dies, and whose fault that is to those who wait."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from turnwise.envs.sandbox import SandboxError, Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend, places
from turnwise.scratch import scratch, sweep_scratch
from turnwise.servers.client import ServerProcess

pytestmark = pytest.mark.sandbox
SERVER = """
import asyncio, sys
from turnwise.envs.sandbox import Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend

async def play(backend):
    box = await backend.start(Spec())
    while True:
        await box.run("sleep 611 & (setsid sleep 612 &); head -c 1000000 /dev/zero > f; sleep 0.02")
        name = await box.snapshot()
        children = await box.fork(2)
        await asyncio.gather(*(child.run("echo 1 > g") for child in children))
        await asyncio.gather(*(child.aclose() for child in children))
        await box.rollback(name)

async def main():
    backend = NamespaceBackend()
    await backend.start(Spec())
    print("ready", flush=True)
    await asyncio.gather(*(play(backend) for _ in range(3)))

asyncio.run(main())
"""


UNPRIVILEGED = """
import asyncio, concurrent.futures.thread, ctypes, hashlib, importlib.metadata
import os, secrets, sys, tarfile, uuid
import turnwise.envs.sandbox.box
list(importlib.metadata.files("pytest"))
os.setgroups([]), os.setgid(5555), os.setuid(5555)
sys.executable = "/usr/bin/python3"
from turnwise.envs.sandbox import Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend

async def main():
    backend = NamespaceBackend()
    box = await backend.start(Spec())
    print((await box.run("echo $(id -u) $(id -g)")).output.strip())
    start = await box.snapshot()
    await box.run("echo 1 > a; cat /proc/1/mem /proc/1/environ; mount -t tmpfs x /tmp && echo 1 > b")
    (child,) = await box.fork(1)
    print(await child.changes(start))
    await child.write("test_it.py", b"def test_it(): pass")
    print((await child.pytest(["-q"])).exit_code)
    await backend.aclose()

asyncio.run(main())
"""


@pytest.fixture
def own_backend() -> Any:
    """Return a backend of the test's own, closed afterwards."""
    backend = NamespaceBackend()
    try:
        backend.open()
    except SandboxError as error:
        pytest.skip(f"no namespace sandbox here: {error}")
    yield backend
    asyncio.run(backend.aclose())


def groups_of(pid: int) -> list[str]:
    found = []
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        found += [f"{folder}/{name}" for name in below if re.match(rf"turnwise-{pid}-", name)]
    return found


def groups_of_keeper(pid: int) -> list[str]:
    return [group for group in groups_of(os.getpid()) if group.split("-")[-2] == str(pid)]


def keepers_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def namespace_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/pid").readlink()


def sleepers(keeper: psutil.Process) -> list[psutil.Process]:
    return [process for process in keeper.children(recursive=True) if process.cmdline() == ["sleep", "31"]]


def eventually(what: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return what()


def test_a_killed_server_leaves_nothing(own_backend: NamespaceBackend) -> None:
    rng = random.Random(7)
    for _ in range(4):
        server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
        assert server.stdout is not None and server.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.0, 0.5))
        below = keepers_of(server.pid)
        assert below
        server.kill()
        server.wait()
        server.stdout.close()
        assert eventually(lambda below=below: not any(process.is_running() for process in below)), below
        asyncio.run(own_backend.sweep())
        assert eventually(lambda pid=server.pid: places.sweep()[1] == 0 and not groups_of(pid)), groups_of(
            server.pid
        )
    assert str(Path(places.__file__).parent) not in Path("/proc/self/mounts").read_text()
    assert not [
        p
        for p in psutil.process_iter(["cmdline"])
        if p.info["cmdline"] in (["sleep", "611"], ["sleep", "612"])
    ]


def test_what_a_killed_keeper_leaves_goes_while_its_server_makes_no_box(
    own_backend: NamespaceBackend,
) -> None:
    box = asyncio.run(own_backend.start(Spec()))
    asyncio.run(box.run("sleep 614 & echo 1 > file"))
    launcher = own_backend.channel._process.pid
    below = keepers_of(launcher)
    assert groups_of_keeper(launcher) != []
    os.kill(launcher, signal.SIGKILL)  # it is who would have removed them
    assert eventually(lambda: groups_of_keeper(launcher) == []), groups_of_keeper(launcher)
    assert eventually(lambda: not any(process.is_running() for process in below)), below


def test_a_server_that_makes_no_boxes_sweeps_what_another_left() -> None:
    dead = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    assert dead.stdout is not None and dead.stdout.readline() == b"ready\n"
    for process in (psutil.Process(dead.pid), *keepers_of(dead.pid)):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    dead.wait()
    dead.stdout.close()
    with ServerProcess(["--env", "calling/office-v1"]):
        assert eventually(lambda: groups_of(dead.pid) == []), groups_of(dead.pid)


def test_scratch_of_a_killed_process_is_swept_and_of_a_living_one_is_not(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from turnwise.scratch import scratch\n"
        "with scratch(Path(sys.argv[1])) as folder: (folder / 'file').touch(); print('ready', flush=True); "
        "time.sleep(600)"
    )
    dead = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert dead.stdout is not None and dead.stdout.readline() == b"ready\n"
    with scratch(tmp_path) as mine:
        assert sweep_scratch(tmp_path) == 0
        dead.kill()
        dead.wait()
        dead.stdout.close()
        assert sweep_scratch(tmp_path) == 1
        assert [*tmp_path.iterdir()] == [mine]
    assert [*tmp_path.iterdir()] == []


def test_a_keeper_that_dies_is_the_machines_fault_and_another_follows(own_backend: NamespaceBackend) -> None:
    async def body() -> None:
        box = await own_backend.start(Spec())
        running = asyncio.create_task(box.run("sleep 30"))
        await asyncio.sleep(0.3)
        launcher = own_backend.channel._process.pid
        (keeper,) = psutil.Process(launcher).children()
        keeper.kill()
        with pytest.raises(SandboxError):
            await running
        with pytest.raises(SandboxError):
            await box.run("true")
        await box.aclose()
        new = await own_backend.start(Spec())
        assert (await new.run("echo lives")).output == "lives\n"

    asyncio.run(body())


def test_a_box_that_dies_is_the_machines_fault_and_others_live(own_backend: NamespaceBackend) -> None:
    async def body() -> None:
        box, other = await own_backend.start(Spec()), await own_backend.start(Spec())
        launcher = own_backend.channel._process.pid
        (keeper,) = psutil.Process(launcher).children()
        before = {process.pid for process in keeper.children()}
        running = asyncio.create_task(box.run("sleep 31"))
        await asyncio.sleep(0.1)
        assert eventually(lambda: sleepers(keeper) != [])
        (sleeper,) = sleepers(keeper)
        (first,) = [pid for pid in before if namespace_of(pid) == namespace_of(sleeper.pid)]
        os.kill(first, signal.SIGKILL)
        with pytest.raises(SandboxError):
            await running
        assert (await other.run("echo lives")).output == "lives\n"
        await box.aclose()
        assert list(Path("/sys/fs/cgroup").rglob(f"*/{box.id}")) == []

    asyncio.run(body())


def test_a_closed_backend_leaves_nothing_and_says_so() -> None:
    async def body() -> None:
        backend = NamespaceBackend()
        box = await backend.start(Spec())
        await box.run("sleep 613 &")
        below = keepers_of(backend.channel._process.pid)
        await backend.aclose()
        await backend.aclose()
        assert eventually(lambda: not any(process.is_running() for process in below))
        assert groups_of(os.getpid()) == [] or places.sweep()[0] == 0
        with pytest.raises(SandboxError):
            await box.run("true")
        with pytest.raises(SandboxError):
            await backend.start(Spec())

    asyncio.run(body())


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/python3").exists(), reason="root becomes another user"
)
def test_without_root_a_box_is_made_in_a_user_namespace() -> None:
    if not all(parent.stat().st_mode & 1 for parent in Path(places.__file__).resolve().parents):
        pytest.skip("another user cannot read this clone")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED],
            capture_output=True,
            text=True,
            env={"XDG_CACHE_HOME": place},
        )
    if "does not start here" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.stdout.splitlines() == ["5555 5555", "{'a': b'1\\n'}", "0"], done.stderr


def test_boxes_wait_in_a_pool(own_backend: NamespaceBackend) -> None:
    async def body() -> None:
        spec = Spec(workdir="/pool")
        await own_backend.warm(spec, 2)
        for _ in range(5):
            async with await own_backend.start(spec) as box:
                assert (await box.run("pwd")).output == "/pool\n"
        await own_backend.warm(spec, 0)

    asyncio.run(body())
