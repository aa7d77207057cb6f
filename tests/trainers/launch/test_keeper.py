"""A keeper and its process, both real: it starts, tells how it ended, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from turnwise.errors import TrainingError
from turnwise.trainers.launch.keeper import Command, Keeper, last_update

HOST = "127.0.0.1"
SERVES = """
import http.server, sys
class Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Well).serve_forever()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
NOTES_PID = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
HOLDS = f"""
import sys, time
from turnwise.trainers.launch.keeper import Command, Keeper
keeper = Keeper(sys.argv[1], "learner-0", sys.argv[1])
keeper.start(Command((sys.executable, "-c", {STUBBORN + NOTES_PID!r}, sys.argv[2]), ".", stop_s=1.5))
time.sleep(60)
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(str(tmp_path / "run"), "server-0", str(tmp_path))
    yield keeper
    keeper.stop()


def program(text: str, *arguments: str, **more: Any) -> Command:
    return Command((sys.executable, "-c", text, *arguments), "/", **more)


def eventually(told: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not told():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_that_serves_is_there_once_it_answers_and_its_port_is_taken(keeper: Keeper) -> None:
    spot = keeper.settle(HOST)
    assert keeper.settle(HOST, spot.port) == spot and not keeper.is_taken(HOST, spot.port)
    assert keeper.start(program(SERVES, str(spot.port), answers=(HOST, spot.port))) is None
    assert keeper.is_taken(HOST, spot.port)
    keeper.stop()
    assert not keeper.is_taken(HOST, spot.port) and keeper.wait().code == 143


def test_one_that_ends_before_it_answers_says_why(keeper: Keeper) -> None:
    ended = keeper.start(
        program("raise SystemExit('no such place')", answers=(HOST, keeper.settle(HOST).port))
    )
    assert ended is not None and ended.code == 1 and ended.how == "ended with exit code 1"
    assert ended.tail == "no such place\n"


@pytest.mark.parametrize(
    ("text", "code", "how"),
    [
        ("pass", 0, "ended with exit code 0"),
        ("raise SystemExit(2)", 2, "ended with exit code 2"),
        (
            "import os; os.kill(os.getpid(), 9)",
            137,
            "was killed by SIGKILL, as the kernel does where memory runs out",
        ),
    ],
)
def test_how_it_ended(keeper: Keeper, text: str, code: int, how: str) -> None:
    assert keeper.start(program(text)) is None
    ended = keeper.wait()
    assert (ended.code, ended.how) == (code, how)


def test_a_watch_that_is_killed_takes_its_process_along(keeper: Keeper, tmp_path: Path) -> None:
    keeper.start(program(NOTES_PID, str(tmp_path / "pid")))
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    assert keeper._process is not None
    keeper._process.kill()
    assert keeper.wait().code == 137
    eventually(lambda: not lives(int((tmp_path / "pid").read_text())))


def test_a_keeper_that_is_killed_takes_its_process_along_and_the_next_waits_for_that(tmp_path: Path) -> None:
    run, noted = tmp_path / "run", tmp_path / "pid"
    run.mkdir()
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(run), str(noted)])
    eventually(lambda: noted.exists() and noted.read_text())
    former = int(noted.read_text())
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    keeper = Keeper(str(run), "learner-0", str(run))
    keeper.start(program("print('there')"))
    assert not lives(former), "two processes of one name"
    assert keeper.wait().code == 0
    keeper.close()


def test_only_this_user_may_look_and_a_secret_is_in_no_command_line(keeper: Keeper, tmp_path: Path) -> None:
    text = "import os, time; assert os.environ['KEY'] == 'hidden'; time.sleep(60)"
    keeper.start(program(text, env={"KEY": "hidden"}, files={"keys": "router hidden router\n"}))
    assert keeper._process is not None
    assert b"hidden\0" not in Path(f"/proc/{keeper._process.pid}/cmdline").read_bytes()
    (base,) = tmp_path.glob("turnwise-launch-*")
    assert base.stat().st_mode & 0o077 == 0
    assert (Path(keeper.settle(HOST).folder) / "keys").read_text() == "router hidden router\n"
    keeper.close()
    assert not base.exists()


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / f"turnwise-launch-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(TrainingError, match="not a folder of this user alone"):
        Keeper("run", "server-0", str(tmp_path))
    (tmp_path / f"turnwise-launch-{os.getuid()}").rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"turnwise-launch-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrainingError, match="not a folder of this user alone"):
        Keeper("run", "server-0", str(tmp_path))


def test_what_was_written_is_seen_in_whole_lines_and_once(keeper: Keeper) -> None:
    text = "import sys; sys.stderr.write('one\\ntwo\\nthr'); sys.stderr.flush(); print('not this')"
    keeper.start(program(text))
    keeper.wait()
    found = keeper.look(0)
    assert (found.text, found.position) == ("one\ntwo\n", 8)
    assert keeper.look(found.position).text == ""
    assert keeper.look(10_000).text == "one\ntwo\n", "another file: of another machine"
    assert keeper.settle(HOST).written == 11


def test_how_far_a_run_is(tmp_path: Path) -> None:
    assert last_update(tmp_path) == 0
    log = tmp_path / "log.jsonl"
    log.write_text('{"kind": "eval", "update": 7}\n')
    assert last_update(tmp_path) == 0
    log.write_text('{"kind": "update", "update": 3}\n{"kind": "eval", "update": 3}\n{"kind": "upd')
    assert last_update(tmp_path) == 3
