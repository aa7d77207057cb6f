"""An image that does not answer, or whose shell hangs: its own fault, in time, and other boxes go on."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnwise.envs.sandbox import ImageError, Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend, backend, images

pytestmark = pytest.mark.sandbox


@pytest.fixture
def own() -> Iterator[NamespaceBackend]:
    made = NamespaceBackend()
    yield made
    asyncio.run(made.aclose())


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """Return a folder whose file system takes every request and answers none."""
    if os.geteuid() or not Path("/dev/fuse").exists():
        pytest.skip("a file system of one's own needs root and /dev/fuse")
    folder = tmp_path / "silent"
    folder.mkdir()
    fuse = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"silent", os.fsencode(folder), b"fuse", 0, options):
        os.close(fuse)
        pytest.skip(f"no file system of one's own here: {os.strerror(ctypes.get_errno())}")
    yield folder
    os.close(fuse)
    libc.umount2(os.fsencode(folder), 2)


def rooted(folder: Path, shell: str) -> Path:
    """Make a root file system whose bash is a script of busybox's kind, or no program at all."""
    (folder / "bin").mkdir(parents=True)
    bash = folder / "bin" / "bash"
    bash.write_text(shell)
    bash.chmod(0o755)
    return folder


def static(folder: Path, program: str) -> Path:
    """Make a root file system whose bash is a small program without libraries."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler: the program that hangs is made here")
    source = folder.parent / "bash.c"
    source.write_text(program)
    rooted(folder, "")
    flags = ["-nostdlib", "-static", "-ffreestanding", "-o", str(folder / "bin/bash")]
    assert os.spawnv(os.P_WAIT, compiler, [compiler, *flags, str(source)]) == 0
    return folder


async def is_refused_beside_others(own: NamespaceBackend, spec: Spec, message: str) -> None:
    """See that the image is refused, while another box runs commands without a pause."""
    async with await own.start(Spec()) as other:
        start = asyncio.ensure_future(own.start(spec))
        count = 0
        while not start.done():
            assert (await other.run("echo lives", 10)).output == "lives\n"
            count += 1
        with pytest.raises(ImageError, match=message):
            await start
        assert count > 1 and (await other.run("echo lives")).output == "lives\n"


def test_a_file_system_that_does_not_answer(
    own: NamespaceBackend, silent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "START_S", 1.0)
    spec = Spec(image=f"rootfs:{silent}")
    asyncio.run(is_refused_beside_others(own, spec, "could not be read within 1 s"))


def test_a_shell_that_hangs(own: NamespaceBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "START_S", 1.0)
    root = static(tmp_path / "root", "void _start(void) { for (;;); }\n")
    spec = Spec(image=f"rootfs:{root}")
    asyncio.run(is_refused_beside_others(own, spec, "has not ended 'exit 0' within 1 s"))


def test_a_shell_that_is_no_program(own: NamespaceBackend, tmp_path: Path) -> None:
    root = rooted(tmp_path / "root", "\x7fELF of another machine")
    with pytest.raises(ImageError, match="Exec format error"):
        asyncio.run(own.start(Spec(image=f"rootfs:{root}")))


def test_an_archive_beyond_all_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_MAX_FILES", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rooted(tmp_path / "root", "")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(tmp_path / "root", ".")
        archive.add(tmp_path / "root/bin/bash", "bin/sh")
    with pytest.raises(ImageError, match="more than 3 files"):
        images.root_of(f"rootfs:{tmp_path / 'root.tar'}")
    assert [path.name for path in (tmp_path / "cache").rglob("rootfs-*")] == []
