"""A Docker engine of a run's own, whose parts and containers are killed at random."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import psutil

_START_S = 180.0
_SETTINGS = (
    "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
    "--storage-driver=overlay2",
)  # fmt: skip
EMPTY = "control groups without a process, which the engine forgot"
"""Of containers whose start or end was cut short by the end of containerd."""

_OWNER = "turnwise.owner"


class OwnEngine:
    """An engine with its data in a folder; `kinds` are what of it is killed.

    Args:
        data: where images and containers lie.
        run: a folder with a short path, for its sockets.
    """

    kinds: Sequence[str] = ("engine", "containerd", "box")

    def __init__(self, data: Path, run: Path) -> None:
        self._data, self._run, self._group = data, run, f"/{run.name}"
        self.address = f"unix://{run}/docker.sock"
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it and wait until it answers; again if it gives up, as a supervisor would."""
        deadline = time.monotonic() + _START_S
        while True:
            self._launch()
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._answers():
                    return
                time.sleep(0.1)
            if time.monotonic() > deadline:
                raise RuntimeError(f"the Docker engine does not start: {self._data.parent / 'engine.log'}")

    def _launch(self) -> None:
        words = [
            f"--data-root={self._data}", f"--exec-root={self._run}/exec", f"--pidfile={self._run}/pid",
            f"--host={self.address}", f"--cgroup-parent={self._group}", *_SETTINGS,
        ]  # fmt: skip
        (self._run / "pid").unlink(missing_ok=True)
        with (self._data.parent / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(["dockerd", *words], stdout=log, stderr=log)

    def _answers(self) -> bool:
        try:
            client = docker.DockerClient(base_url=self.address, timeout=10)
        except docker.errors.DockerException:
            return False
        try:
            return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False
        finally:
            client.close()

    def stop(self) -> None:
        """End it and whatever it started, and leave no mount and no control group of it."""
        self._process.terminate()
        self._process.wait(_START_S)
        for process in self._parts(""):
            with suppress(psutil.Error):
                process.kill()
        left = [*self._groups(), *Path("/sys/fs/cgroup").glob(f"*{self._group}")]
        for group in left:
            for pid in (group / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            place = line.split()[4]
            if place.startswith((f"{self._data}", f"{self._run}")):
                subprocess.run(["umount", "-l", place], check=True)
        for group in left:
            _removed(group)

    def _parts(self, name: str) -> list[psutil.Process]:
        """Return the processes that work for this engine, whoever their parent is by now."""
        found = []
        for process in psutil.process_iter(["name", "cmdline"]):  # what ends meanwhile is left out
            words = " ".join(process.info["cmdline"] or [])
            if str(self._run) in words and (process.info["name"] or "").startswith(name or "containerd"):
                found.append(process)
        return found

    def _groups(self) -> list[Path]:
        return list(Path("/sys/fs/cgroup").glob(f"*{self._group}/*/"))

    def kill(self, kind: str, server: int, chance: random.Random) -> bool:
        """Kill the engine, its containerd, or the first process of a box; False if there is none."""
        if kind == "engine":
            self._process.kill()
            self._process.wait()
            self.start()
            return True
        if kind == "containerd":
            pids = [one.pid for one in self._parts("") if one.info["name"] == "containerd"]
        else:
            children = [child for shim in self._parts("containerd-shim") for child in _children(shim)]
            pids = [child for child in children if _is_first(child)]
        if not pids:
            return False
        try:
            os.kill(chance.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def left_over(self, servers: set[int]) -> dict[str, list[str]]:
        """Return containers and snapshots of servers that are gone, and what no container accounts for."""
        client = docker.DockerClient(base_url=self.address)
        try:
            containers = client.api.containers(all=True)
            images = client.api.images(filters={"label": _OWNER})
            running = [one["Id"] for one in containers if one["State"] == "running"]
        finally:
            client.close()
        groups = [path for path in self._groups() if path.name not in running]
        shims = [one for one in self._parts("containerd-shim") if not _names(one, running)]
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        mounts = [line.split()[4] for line in lines if f"{self._data}/overlay2" in line and "/merged" in line]
        return {
            "containers": [one["Id"][:12] for one in containers if _is_of(one, servers)],
            "snapshots": [one["Id"][7:19] for one in images if _is_of(one, servers)],
            "shims": [str(one.pid) for one in shims],
            "mounts": mounts[len(running) :],
            "groups": [str(one) for one in groups if (one / "cgroup.procs").read_text()],
            EMPTY: [str(one) for one in groups],
        }


def _children(process: psutil.Process) -> list[int]:
    try:
        return [child.pid for child in process.children()]
    except psutil.Error:
        return []


def _is_first(pid: int) -> bool:
    """Tell whether a process is the first one of its container: what commands run is not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
    return len(numbers) > 2 and numbers[-1] == "1"


def _removed(group: Path) -> None:
    """Remove a control group once its processes have ended."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _names(process: psutil.Process, containers: list[str]) -> bool:
    return any(one in process.info["cmdline"] for one in containers)


def _is_of(thing: dict[str, dict[str, str]], servers: set[int]) -> bool:
    """Tell whether a server made this; what is kept for the next time has an empty label."""
    owner = (thing.get("Labels") or {}).get(_OWNER, "0").partition(":")[0]
    return owner != "" and int(owner) in {0, *servers}


@contextmanager
def own_engine(folder: Path) -> Iterator[OwnEngine]:
    """Run an engine with its data below a folder; DOCKER_HOST names it meanwhile."""
    with tempfile.TemporaryDirectory(
        prefix="tw-engine-", dir="/tmp"
    ) as run:  # a socket's path has to be short
        engine = OwnEngine(folder / "engine", Path(run))
        engine.start()
        os.environ["DOCKER_HOST"] = engine.address
        try:
            yield engine
        finally:
            engine.stop()
            del os.environ["DOCKER_HOST"]
