"""Boxes made of a root file system of one's own: a folder, a tar file, its users; and what is none."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnwise.envs.sandbox import Backend, ImageError, Sandbox, Spec

pytestmark = pytest.mark.sandbox
Play = Callable[..., Any]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the smallest root file system in which a command runs."""
    root = tmp_path_factory.mktemp("root,with:odd=name")
    for folder in ("bin", "etc", "srv/app"):
        (root / folder).mkdir(parents=True)
    for name in ("bash", "cat", "id", "ls"):
        program = shutil.which(name)
        assert program is not None
        shutil.copy(program, root / "bin" / name)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            target = root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\nbuilder:x:4001:4002::/srv/app:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\nbuilders:x:4002:\n")
    (root / "srv/app/data").write_text("of the image\n")
    root.chmod(0o755)
    return root


def test_a_folder_is_read_and_never_written(play: Play, root: Path, backend: Backend) -> None:
    if backend.name != "namespace":
        pytest.skip("the docker backend has tests of its own for images")

    async def body(box: Sandbox) -> None:
        ran = await box.run("cat data; id -un; ls / ; echo mine > new; cat new")
        assert ran.output.startswith("of the image\nagent\n") and "work" not in ran.output
        await box.write("/tmp/x", b"1")

    play(body, Spec(image=f"rootfs:{root}", workdir="/srv/app"))
    assert not (root / "srv/app/new").exists() and not (root / "tmp/x").exists()


def test_a_tar_file_and_a_user_of_the_image(play: Play, root: Path, tmp_path: Path, backend: Backend) -> None:
    if backend.name != "namespace":
        pytest.skip("the docker backend has tests of its own for images")
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(root, ".")

    async def body(box: Sandbox) -> None:
        ran = await box.run("id -un; echo $HOME; echo 1 > f; cat f")
        assert ran.output == "builder\n/srv/app\n1\n"

    image = f"rootfs:{tmp_path / 'root.tar'}"
    play(body, Spec(image=image, workdir="/home/new", user="builder"))
    play(body, Spec(image=image, workdir="/home/new", user="builder"))


def test_owners_are_kept_and_a_named_user_has_what_is_his(
    play: Play, root: Path, tmp_path: Path, backend: Backend
) -> None:
    if backend.name != "namespace" or os.geteuid():
        pytest.skip("the docker backend has tests of its own for images; owners are set by root")

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if member.name == "./srv/app/data":
            member.uid, member.gid, member.mode = 4001, 4002, 0o4600
        return member

    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(root, ".", filter=owned)
    listing = (
        "ls -l data | { read mode _ user group _; echo $mode $user $group; }; cat data && echo 1 >> data"
    )

    async def his(box: Sandbox) -> None:
        ran = await box.run(listing + "; cat data; ls -l data | { read _ _ user _; echo $user; }")
        expected = "-rw------- builder builders\nof the image\nof the image\n1\nbuilder\n"
        assert ran.output == expected
        (child,) = await box.fork(1)
        assert (await child.run("echo 2 >> data; cat data")).output.endswith("1\n2\n")
        await child.aclose()

    async def another(box: Sandbox) -> None:
        ran = await box.run(listing)
        assert ran.output.startswith("-rw------- builder builders\n") and "of the image" not in ran.output

    image = f"rootfs:{tmp_path / 'root.tar'}"
    for _ in range(2):
        play(his, Spec(image=image, workdir="/srv/app", user="builder"))
    play(another, Spec(image=image, workdir="/srv/app"))


def test_what_is_no_image_is_the_tasks_fault(root: Path, tmp_path: Path, backend: Backend) -> None:
    if backend.name != "namespace":
        pytest.skip("the docker backend has tests of its own for images")
    (tmp_path / "broken.tar").write_bytes(b"no archive")
    (tmp_path / "empty").mkdir()
    for spec in (
        Spec(image=f"rootfs:{tmp_path / 'missing'}"),
        Spec(image=f"rootfs:{tmp_path / 'broken.tar'}"),
        Spec(image=f"rootfs:{tmp_path / 'empty'}"),
        Spec(image="image:debian"),
        Spec(image=f"rootfs:{root}", user="root"),
        Spec(image=f"rootfs:{root}", user="0"),
        Spec(image=f"rootfs:{root}", user="nobody-here"),
        Spec(user="root"),
    ):
        with pytest.raises(ImageError):
            asyncio.run(backend.start(spec))
