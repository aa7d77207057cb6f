"""verifiers' own evaluation plays our environments, and our evaluation plays its tasksets."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import turnwise

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("ignore")]
Say = Callable[[list[dict[str, Any]]], str]


class Count(turnwise.TextEnv):
    """Say the next number, twice."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.number = self.first = seed or 0
        return f"{self.number}", {"instruction": "Say the next number.", "won": False}

    def step(self, action):
        right = action == str(self.number + 1)
        self.number += right
        won = self.number == self.first + 2
        return f"{self.number}", float(right), won, False, {"won": won}


@contextmanager
def endpoint(say: Say) -> Iterator[str]:
    """Serve a chat endpoint whose answers are what `say` makes of the messages."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = {"role": "assistant", "content": say(body["messages"])}
            document = {
                "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }  # fmt: skip
            data = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def evaluated(url: str, out: Path, **taskset: Any) -> list[Any]:
    """Play an evaluation as `vf-eval` does; return its episodes in the order of the tasks."""
    from verifiers.v1.cli.eval.runner import run_eval
    from verifiers.v1.configs.cli.eval import EvalConfig

    config = EvalConfig.model_validate(
        {
            "env": {"taskset": {"id": "turnwise-verifiers", **taskset}},
            "model": "m", "client": {"base_url": url, "api_key_var": "NOWHERE"},
            "push": False, "rich": None, "output_dir": out, "run": {"dir": "run"}, "max_concurrent": 4,
        }
    )  # fmt: skip
    logging.disable(logging.CRITICAL)
    try:
        episodes = asyncio.run(run_eval(config))
    finally:
        logging.disable(logging.NOTSET)
    return sorted(episodes, key=lambda episode: episode.task.data.idx)


def test_it_plays_ours(tmp_path: Path) -> None:
    def say(messages: list[dict[str, Any]]) -> str:
        number = messages[-1]["content"].split("\n")[-1 if len(messages) > 1 else 1]
        assert (len(messages) > 1) != ("Say the next number." in messages[-1]["content"])
        begun = messages[0]["content"].split("\n")[1]
        return "Hm." if begun == "8" else f"<think>count</think><action>{int(number) + 1}</action>"

    with endpoint(say) as url:
        won, lost = evaluated(url, tmp_path, env=f"{__file__}:Count", first_seed=7, num_tasks=2, max_turns=3)
    (trace,) = won.traces
    assert won.ok and trace.reward == 2.0 and trace.metrics["won"] == 1.0
    assert [turn["state_key"] for turn in trace.info["turns"]] == ["7", "8"]
    assert lost.traces[0].reward == 0.0 and len(lost.traces[0].info["turns"]) == 3
    assert all(turn["malformed"] for turn in lost.traces[0].info["turns"])


def test_pictures_are_not_played_blindly(tmp_path: Path) -> None:
    (episode,) = evaluated("http://127.0.0.1:9", tmp_path, env="pictures/board-v0", num_tasks=1)
    assert not episode.ok and "shows pictures" in episode.last_error.message


def test_a_wrong_name_is_told_before_anything_is_played(tmp_path: Path) -> None:
    with pytest.raises(turnwise.TurnwiseError, match="household/demo-v0"):
        evaluated("http://127.0.0.1:9", tmp_path, env="household/dem-v0")


SMALL = str(Path(__file__).resolve().parents[1] / "small")
CALL = '<tool_call>{"name": "read", "arguments": {"letters": 6}}</tool_call>'


def test_we_play_its_taskset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call, its answer, a wrong word, the user's second question, the right word."""
    monkeypatch.setenv("PYTHONPATH", SMALL)
    walled = {"task": {"wall": True}}
    with turnwise.make("verifiers:asking-rooms", config=walled, won_from=1.0) as env:
        shown, info = env.reset(seed=4)
        assert shown == "Room 1. Which word?" and info["tools"][0]["function"]["name"] == "read"
        shown, reward, done, _, info = env.step(f"Let me see. {CALL}")
        assert (shown, reward, done, info["won"]) == ("sesame", 0.0, False, False)
        shown, *_ = env.step("open")
        assert shown == "No. Try again."
        _, reward, done, cut, info = env.step("sesame")
        assert (reward, done, cut, info["won"], info["metrics"]["asked"]) == (1.0, True, False, True, 1.0)


def test_an_episode_may_be_left_in_the_middle() -> None:
    with turnwise.make("verifiers:asking-rooms") as env:
        first, info = env.reset(seed=1)
        assert "tools" not in info and "won" not in info
        env.step("?")
        assert env.reset(seed=1)[0] == first
        assert env.step("sesame")[1] == 1.0


def test_our_evaluation_plays_it_at_once() -> None:
    said = [CALL, "sesame"]
    result = turnwise.evaluate(
        "verifiers:asking-rooms",
        lambda request: said[min(request.turn, 1)],
        episodes=3,
        kwargs={"won_from": 1},
    )
    assert (result.success_rate, result.episodes) == (1.0, 3)
    assert [row["turns"] for row in result.rows()] == [2, 2, 2]


def test_what_breaks_in_it_is_told() -> None:
    with turnwise.make("verifiers:asking-rooms", env={"dies": True}) as env:
        env.reset(seed=0)
        with pytest.raises(turnwise.TurnwiseError, match="the room fell in"):
            env.step("sesame")
    with pytest.raises(turnwise.TurnwiseError, match="no_such_rooms"):
        turnwise.make("verifiers:no-such-rooms")
    with pytest.raises(turnwise.TurnwiseError, match="colour"):
        turnwise.make("verifiers:asking-rooms", config={"colour": 1})
    with turnwise.make("verifiers:asking-rooms", config={"rooms": 2}, max_turns=1) as env:
        assert env.unwrapped.num_tasks == 2
        env.reset(seed=0)
        assert env.step("open")[2:4] == (False, True)


def test_versions_are_told(record_testsuite_property: Any) -> None:
    for package in ("verifiers", "mcp", "openai"):
        record_testsuite_property(package, importlib.metadata.version(package))
