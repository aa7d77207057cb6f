"""Images of the Docker backend: from a registry, a Dockerfile, a root file system; what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from turnwise.envs.sandbox import ImageError, Limits, Spec
from turnwise.envs.sandbox.docker import DockerBackend, images

pytestmark = pytest.mark.docker
BASE = "turnwise-test-base"


def output(docker: DockerBackend, spec: Spec, command: str) -> str:
    """Start a box, run a command, and return what it wrote."""

    async def body() -> str:
        async with await docker.start(spec) as box:
            return (await box.run(command)).output

    return asyncio.run(body())


def refused(docker: DockerBackend, image: str) -> str:
    """Return why an image is refused; a box of another one starts meanwhile."""

    async def body() -> str:
        broken = asyncio.create_task(docker.start(Spec(image=image)))
        async with await docker.start(Spec(image=f"image:{BASE}")) as box:
            assert (await box.run("echo fine")).output == "fine\n"
            with pytest.raises(ImageError) as caught:
                await broken
        return str(caught.value)

    return asyncio.run(body())


def test_a_dockerfile_is_built_once_for_its_content(docker: DockerBackend, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nCOPY data /data\nRUN date +%N > /built\nENV FROM_IMAGE=yes\n"
    )
    (tmp_path / "data").write_text(str(time.time_ns()))
    spec = Spec(image=f"dockerfile:{tmp_path}")
    first, second = (output(docker, spec, "cat /data /built; echo $FROM_IMAGE") for _ in range(2))
    assert first == second and first.endswith("yes\n")
    (tmp_path / "data").write_text("other")
    assert output(docker, spec, "cat /data") == "other"
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo broken >&2; exit 3\n")
    assert "broken" in refused(docker, f"dockerfile:{tmp_path}")
    assert "Dockerfile" in refused(docker, f"dockerfile:{tmp_path / 'nothing'}")


def test_the_user_and_volumes_of_an_image(docker: DockerBackend, tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nRUN useradd -m someone; mkdir -m 777 /kept; echo 1 > /kept/a; chmod 666 /kept/a\n"
        "VOLUME /kept\nUSER someone\n"
        'HEALTHCHECK --interval=1s CMD ["false"]\nENTRYPOINT ["sleep", "1000"]\n'
    )
    spec = Spec(image=f"dockerfile:{tmp_path}")

    async def body() -> None:
        async with await docker.start(spec) as box:
            assert (
                await box.run("whoami; cat /kept/a; echo 2 > /kept/a; pwd")
            ).output == "someone\n1\n/workspace\n"
            (child,) = await box.fork(1)
            assert (await child.run("cat /kept/a")).output == "2\n"
            await child.aclose()

    asyncio.run(body())
    asked = Spec(image=f"dockerfile:{tmp_path}", user="root", workdir="/deep/er")
    assert output(docker, asked, "id -u; touch x; ls -l x; pwd").startswith("0\n")
    assert "as root inside" in caplog.text


def test_a_root_file_system_from_a_folder_and_a_tar_file(docker: DockerBackend, tmp_path: Path) -> None:
    made = subprocess.run(
        ["docker", "create", BASE, "true"], check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(["docker", "export", "-o", str(tmp_path / "all.tar"), made], check=True)
    subprocess.run(["docker", "rm", made], check=True, capture_output=True)
    assert output(docker, Spec(image=f"rootfs:{tmp_path / 'all.tar'}"), "echo fine") == "fine\n"
    folder = tmp_path / "folder"
    with tarfile.open(tmp_path / "all.tar") as archive:
        wanted = [
            member for member in archive if not member.isdev() and not member.name.startswith("usr/share/")
        ]
        archive.extractall(folder, wanted, filter="fully_trusted")
    assert output(docker, Spec(image=f"rootfs:{folder}"), "id -u | grep -v '^0$' > x; cat x | wc -l") == "1\n"
    assert "expected files" in refused(docker, f"rootfs:{tmp_path / 'nothing'}")


def test_images_that_are_missing_or_do_not_start(docker: DockerBackend, tmp_path: Path) -> None:
    assert "turnwise-nothing" in refused(docker, "image:turnwise-nothing:1")
    assert "means nothing" in refused(docker, "podman:x")
    (tmp_path / "hello").write_text("no program")
    assert "does not start" in refused(docker, f"rootfs:{tmp_path}")


def test_a_shell_that_hangs_is_the_images_fault(
    docker: DockerBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "START_S", 6.0)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nRUN printf '#!/bin/sh\\nexec sleep 1000\\n' > /b; chmod 755 /b; mv /b /usr/bin/bash\n"
    )
    assert "in time" in refused(docker, f"dockerfile:{tmp_path}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Start Debian's registry on loopback."""
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed (Debian's package of that name)")
    place = f"127.0.0.1:{free_port()}"
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/store}}}}\n"
        f"http: {{addr: {place}}}\n"
    )
    words = ["docker-registry", "serve", str(tmp_path / "registry.yml")]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(tuple(place.split(":"))):
                break
            time.sleep(0.1)
        yield place
        process.kill()


def test_an_image_is_pulled_from_a_registry(docker: DockerBackend, registry: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo {registry} > /where\n")
    name = f"{registry}/tools/box:1"
    built = ["docker", "build", "-q", "--network", "none", "-t", name, str(tmp_path)]
    subprocess.run(built, check=True, env={**os.environ, "DOCKER_BUILDKIT": "0"})
    subprocess.run(["docker", "push", "-q", name], check=True, capture_output=True)
    subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
    assert output(docker, Spec(image=f"image:{name}"), "cat /where") == f"{registry}\n"
    subprocess.run(["docker", "rmi", "-f", name], check=True, capture_output=True)


def test_a_registry_that_says_nothing(docker: DockerBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "QUIET_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert f"127.0.0.1:{port}" in refused(docker, f"image:127.0.0.1:{port}/box:1")


def test_a_chain_of_snapshots_longer_than_the_engine_stacks(
    docker: DockerBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from turnwise.envs.sandbox.docker import families

    monkeypatch.setattr(families, "_MOST_LAYERS", 4)

    async def body() -> None:
        async with await docker.start(Spec(image=f"image:{BASE}", limits=Limits(disk_bytes=1 << 30))) as box:
            for number in range(5):
                await box.write(f"f{number}", b"x")
                await box.rollback(await box.snapshot())
            assert (await box.run("ls; id -u | grep -c '^0$'")).output == "f0\nf1\nf2\nf3\nf4\n0\n"

    asyncio.run(body())
