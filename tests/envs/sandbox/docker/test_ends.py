"""How boxes end in Docker, and whose fault it is: from outside, by memory, by a server that was killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from turnwise.envs.sandbox import Limits, Sandbox, SandboxError, Spec
from turnwise.envs.sandbox.docker import DockerBackend, owners
from turnwise.envs.sandbox.docker.owners import MAKER, OWNER

pytestmark = pytest.mark.docker
Play = Callable[..., Any]
IMAGE = "image:turnwise-test-base"


def test_a_container_removed_from_outside_is_the_machines_fault(docker: DockerBackend, play: Play) -> None:
    async def body(box: Any) -> None:
        await docker.engine.call("remove_container", box.container, force=True)
        for act in (box.run("true"), box.read("x"), box.write("x", b""), box.snapshot()):
            with pytest.raises(SandboxError, match="gone"):
                await act

    play(body)


def test_a_container_killed_from_outside_is_the_machines_fault(docker: DockerBackend, play: Play) -> None:
    async def body(box: Any) -> None:
        running = asyncio.create_task(box.run("sleep 60"))
        await asyncio.sleep(1)
        await docker.engine.call("kill", box.container)
        with pytest.raises(SandboxError, match="from outside"):
            await running

    play(body)


LATE = """
until [ -n "$relay" ]; do  # it may be about to begin
    for folder in /proc/[0-9]*; do
        read -r name < $folder/comm && [ "$name" = cat ] && relay=${folder#/proc/}
    done 2> /dev/null
done
(sleep 2; kill -CONT $relay) > /dev/null 2>&1 &
kill -STOP $relay
echo told
"""


def test_output_that_arrives_late_is_not_lost_and_a_flood_behind_it_is_not_waited_for(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        assert (await box.run(LATE)).output == "told\n"
        ran = await box.run("echo first; yes &", timeout_s=20)
        assert ran.exit_code == 0 and ran.output.startswith("first\n")
        ran = await box.run("head -c 5; sleep 300 &", timeout_s=20, stdin=b"12345" + bytes(1 << 22))
        assert (ran.exit_code, ran.output) == (0, "12345")
        assert (await box.run("cat; wc -c", stdin=b"")).output == "0\n"
        ran = await box.run("kill -9 $$")
        assert (ran.exit_code, ran.output, ran.cause) == (137, "", "killed")

    play(body)


def test_memory_that_no_process_holds_is_the_agents_fault_and_the_box_lives(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.write("kept", b"1")
        fill = "head -c 30M /dev/zero > /dev/shm/x; python3 -c 'x = bytearray(60 << 20)'"
        assert (await box.run(fill)).cause == "memory"
        assert (await box.run("cat kept")).output == "1"

    play(body, Spec(image=IMAGE, limits=Limits(memory_bytes=64 << 20)))


def test_what_writes_too_much_is_stopped_and_the_box_stays(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        ran = await box.run("for n in 1 2 3 4 5; do head -c 15M /dev/zero > f$n; sleep 1; done", timeout_s=30)
        assert ran.cause == "killed" and "16777216 bytes" in ran.output and ran.exit_code is None
        with pytest.raises(OSError, match="No space") as caught:
            await box.write("more", bytes(1 << 20))
        assert caught.value.errno == 28
        assert (await box.run("rm f*; echo fine")).output == "fine\n"
        await box.write("more", bytes(1 << 20))
        ran = await box.run("for n in $(seq 2000); do : > $n; done; sleep 20", timeout_s=30)
        assert ran.cause == "killed"

    play(body, Spec(image=IMAGE, limits=Limits(disk_bytes=16 << 20, num_files=1000)))


def test_what_writes_too_much_in_the_background_is_ended(play: Play) -> None:
    async def body(box: Sandbox) -> None:
        await box.run(
            "(for n in 1 2 3 4 5 6 7 8; do sleep 1; head -c 15M /dev/zero > f$n; done) > /dev/null &"
        )
        await asyncio.sleep(6)
        assert (await box.run("ls f8 2>/dev/null; echo fine")).output == "fine\n"

    play(body, Spec(image=IMAGE, limits=Limits(disk_bytes=16 << 20)))


def test_a_box_is_watched_by_the_loop_that_uses_it(docker: DockerBackend, play: Play) -> None:
    """Another loop, on which boxes were used before, goes on with its own alone."""
    began, ends = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        async with await docker.start(Spec(image=IMAGE)):
            began.set()
            await asyncio.to_thread(ends.wait)

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    began.wait()
    seen: set[asyncio.AbstractEventLoop] = set()

    async def body(box: Any) -> None:
        watch = box.watch_disk

        async def watched() -> None:
            seen.add(asyncio.get_running_loop())
            await watch()

        box.watch_disk = watched
        while not seen:
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        assert seen == {asyncio.get_running_loop()}

    try:
        play(body)
    finally:
        ends.set()
        thread.join()


KILLED = """
import asyncio, os, sys
from turnwise.envs.sandbox import Spec
from turnwise.envs.sandbox.docker import DockerBackend, owners

async def main():
    box = await DockerBackend().start(Spec(image="image:turnwise-test-base"))
    await box.snapshot()
    await box.fork(1)
    await box.run("sleep 1000 &")
    print("ready", flush=True)
    await box.run("sleep 1000", 1000)

asyncio.run(main())
"""


def test_what_a_killed_server_left_is_swept_and_what_lives_is_kept(docker: DockerBackend, play: Play) -> None:
    async def body(box: Any) -> None:
        killed = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE)
        assert killed.stdout is not None
        with killed, killed.stdout:
            assert killed.stdout.readline() == b"ready\n"
            killed.kill()
        mine = await box.snapshot()
        for _ in range(60):  # whoever is faster: this call, or the backend's own round
            await docker.sweep()
            left = await docker.engine.call("containers", all=True, filters={"label": OWNER})
            owned = [found for found in left if found["Labels"][OWNER].startswith(f"{killed.pid}:")]
            images = await docker.engine.call("images", filters={"label": OWNER})
            owned += [image for image in images if image["Labels"][OWNER].startswith(f"{killed.pid}:")]
            if not owned:
                break
            await asyncio.sleep(0.5)
        assert owned == []
        await box.rollback(mine)
        assert (await box.run("echo lives")).output == "lives\n"

    play(body)


def test_a_family_leaves_nothing(docker: DockerBackend, play: Play) -> None:
    seen = []

    async def body(box: Any) -> None:
        children = await box.fork(2)
        await children[0].write("a", b"1")
        await children[0].snapshot()
        (grandchild,) = await children[0].fork(1)
        seen.extend([box.container, grandchild.container])
        for each in (*children, grandchild):
            await each.aclose()

    play(body)

    async def after() -> list[Any]:
        boxes = await docker.engine.call("containers", all=True, filters={"label": OWNER})
        mine = f"{MAKER}={docker.engine.labels[MAKER]}"
        images = await docker.engine.call("images", "turnwise-snapshot", filters={"label": mine})
        return [one["Id"] for one in boxes if one["Id"] in seen] + [one["Id"] for one in images]

    assert asyncio.run(after()) == []


@pytest.mark.usefixtures("docker")
def test_a_pool_is_kept_full_and_a_closed_backend_opens_again() -> None:
    async def body() -> None:
        backend, spec = DockerBackend(), Spec(image=IMAGE, limits=Limits(num_processes=33))
        for _ in range(2):
            await backend.warm(spec, 1)
            box = await backend.start(spec)
            assert (await box.run("echo fine")).output == "fine\n"
            await backend.aclose()
            owner = f"{OWNER}={owners.owned()[OWNER]}"
            left = await backend.engine.call("containers", all=True, filters={"label": owner})
            assert box.container not in [found["Id"] for found in left]
        backend.engine.close()

    asyncio.run(body())


def test_a_pool_without_labels_serves_all_and_one_with_labels_its_own(docker: DockerBackend) -> None:
    plain = Spec(image=IMAGE, limits=Limits(num_processes=34))
    mine, other = replace(plain, labels={"task": "1"}), replace(plain, labels={"task": "2"})

    async def labels(box: Any) -> Any:
        found = await docker.engine.call("inspect_container", box.container)
        return found["Config"]["Labels"].get("task")

    async def body() -> None:
        backend = DockerBackend()
        await backend.warm(plain, 1)
        await backend.warm(mine, 1)
        waiting = {key: pool[0] for key, pool in backend._pools.items()}
        of_mine, of_other = await backend.start(mine), await backend.start(other)
        assert [*waiting.values()] == [of_other, of_mine]
        assert (await labels(of_mine), await labels(of_other)) == ("1", None)
        assert of_other.spec == other
        await of_other.rollback(await of_other.snapshot())
        assert await labels(of_other) == "2"  # what is made anew has them
        assert len(backend._pools) == 2  # asking for a specification makes no pool of it
        await backend.aclose()

    asyncio.run(body())


def test_a_box_that_ended_while_it_waited_is_not_handed_out(docker: DockerBackend) -> None:
    async def body() -> None:
        backend, spec = DockerBackend(), Spec(image=IMAGE, limits=Limits(num_processes=35))
        await backend.warm(spec, 1)
        ((waiting,),) = backend._pools.values()
        await docker.engine.call("kill", waiting.container)
        box = await backend.start(spec)
        assert box is not waiting and (await box.run("echo lives")).output == "lives\n"
        await backend.aclose()

    asyncio.run(body())


def test_what_an_engine_that_failed_let_stay_is_swept_and_boxes_of_others_are_not(play: Play) -> None:
    async def body(box: Any) -> None:
        backend = DockerBackend()
        mine = await backend.start(Spec(image=IMAGE))
        gone = await backend.start(Spec(image=IMAGE))
        await gone.snapshot()
        call = backend.engine.call

        async def fails(method: str, /, *args: Any, **kwargs: Any) -> Any:
            if method.startswith("remove"):
                raise SandboxError("the engine is away")
            return await call(method, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend.engine, "call", fails)
            await gone.aclose()
        assert await backend.sweep() == {"containers": 1, "images": 1}
        for each in (box, mine):
            assert (await each.run("echo lives")).output == "lives\n"
        await backend.aclose()

    play(body)
