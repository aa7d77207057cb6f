"""Bad input over HTTP, on real sandboxes: each is answered with what is wrong, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from turnwise.envs.sandbox import SandboxError, backend_by_name
from turnwise.envs.sandbox.loop import call
from turnwise.servers.client import ServerProcess

pytestmark = pytest.mark.sandbox
LONG = "x" * 60_000
EDIT = "edit {}\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE"

OBSERVED = [
    ("vew lru_cache/cache.py", "[not done] unknown tool 'vew': did you mean 'view'"),
    ('{"name": "view"}', "[not done] view needs the argument 'path'"),
    (
        '{"name": "view", "arguments": {"path": 3}}',
        "[not done] view: the argument 'path' must be of type str",
    ),
    ('<tool_call>{"name": "bash"', "[not done] the call ends before </tool_call>"),
    ("{" * 1000, "[not done] the call is not JSON"),
    ("view ../../etc/passwd", "[not done] '../../etc/passwd' lies outside /workspace; bash may look there"),
    (EDIT.format("/etc/passwd"), "lies outside /workspace; only what lies in it can be changed"),
    (EDIT.format("gone.py"), "[not done] there is no file gone.py"),
    ("bash ln -s /etc etc; echo 1 > etc.txt", "[no output]"),
    ("view etc/passwd", "root:x:0:0"),
    (f"bash echo {LONG}", "[not done] bash: the argument 'command' has 60005 characters; at most 32768"),
    ("bash a\0b", "[not done] the command holds a NUL character"),
    ("create a\0b\nx", "[not done] 'a\\x00b' lies outside /workspace"),
    ("undo", "Undone: etc.txt."),
    ("undo", "[not done] there is nothing to undo"),
    ("bash head -c 100M /dev/zero > patch.bin", "[no output]"),
    ("undo", "Undone: patch.bin."),
    ("bash head -c 1G /dev/zero > /tmp/full 2>&1; ls -s /tmp | wc -l", "2"),
    ("create full.txt\n" + "y" * 20_000, "[not done] full.txt is not written: there is no space left"),
    ("bash rm /tmp/full; printf '\\377\\0' > logo.bin", "[no output]"),
    ("view logo.bin", "[not done] logo.bin is no text"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve our tasks, and files of an operator that are wrong."""
    try:
        call(backend_by_name("namespace"))
    except SandboxError as error:
        pytest.skip(f"no namespace sandbox here: {error}")
    broken = tmp_path_factory.mktemp("broken")
    (broken / "task.toml").write_text("[agent")
    words = ["--env", "swe/tasks-v0", "--env", "swe/files-v0", "--argument", f"path={broken}"]
    with ServerProcess(words) as server:
        yield server.url


@pytest.fixture
def session(url: str) -> str:
    """Return where the steps of a session go."""
    made = httpx.post(f"{url}/v1/sessions", json={"env_id": "swe/tasks-v0", "seed": 0}, timeout=120.0)
    assert made.status_code == 200, made.text
    return f"{url}/v1/sessions/{made.json()['sessions'][0]['id']}"


def step(session: str, turn: int, action: str) -> dict[str, Any]:
    """Return the reply to a step, or the problem."""
    body = {"episode": 0, "turn": turn, "action": action}
    found: dict[str, Any] = httpx.post(f"{session}/step", json=body, timeout=120.0).json()
    return found


def test_what_an_agent_writes_is_answered_and_the_session_goes_on(session: str) -> None:
    changing = {"bash ln", "bash head", "undo", "bash rm"}
    tree = None
    for turn, (action, said) in enumerate(OBSERVED):
        reply = step(session, turn, action)
        assert said in reply["observation"], (action[:80], reply)
        if tree is not None and " ".join(action.split()[:2]) not in changing:
            assert reply["info"]["state_hash"] == tree, action[:80]
        tree = reply["info"]["state_hash"]
    too_long = step(session, len(OBSERVED), "bash " + "x" * 1_000_000)
    assert too_long["status"] == 413 and "65536" in str(too_long), too_long
    half = b'{"episode": 0, "turn": %d, "action": "create \\ud800"}' % len(OBSERVED)
    json_of = {"content-type": "application/json"}
    assert httpx.post(f"{session}/step", content=half, headers=json_of).status_code in (400, 422)
    end = step(session, len(OBSERVED), "submit")
    assert end["terminated"] and end["info"]["outcome"] == "tests_failed", end
    assert end["info"]["patch"] == {"logo.bin": {"base64": "/wA="}}


def test_a_patch_of_100_megabytes_is_told_to_be_too_much(session: str) -> None:
    step(session, 0, "bash head -c 100M /dev/zero > patch.bin")
    end = step(session, 1, "submit")
    assert end["observation"] == "Graded: unapplicable." and end["info"]["rewards"]["outcome"] == 1.5
    assert "patch" not in end["info"]


CREATED = [
    ({"env_id": "swe/files-v0"}, "FolderError: its words may quote files of the server, and are in its log"),
    ({"env_id": "swe/tasks-v0", "kwargs": {"path": "/etc"}}, "path"),
    ({"env_id": "swe/tasks-v0", "kwargs": {"max_turns": 10_000}}, "200"),
    ({"env_id": "swe/tasks-v0", "kwargs": {"family": "lru"}}, "did you mean 'lru_cache'"),
    ({"env_id": "swe/tasks-v0", "options": {"task": "nowhere-1"}}, "unknown task 'nowhere-1'"),
]


@pytest.mark.parametrize(("body", "said"), CREATED, ids=range(len(CREATED)))
def test_a_session_that_cannot_be_made_says_why(url: str, body: dict[str, Any], said: str) -> None:
    answer = httpx.post(f"{url}/v1/sessions", json={"seed": 0, **body}, timeout=120.0)
    assert said in answer.text and "Traceback" not in answer.text, answer.text
    assert answer.status_code in (200, 400, 403, 404, 422), answer.text
