"""Evaluation: figures, files, resumption, the command, and an agent behind an endpoint over HTTP.

1. Figures count each task once; failures of the machine stay out and are told.
2. An interrupted evaluation goes on from its rows, and only from its own.
3. The command prints one JSON document, and exits 0, 1 or 2.
4. A model behind a chat endpoint plays an environment behind a server.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer
import uvicorn
from fastapi import FastAPI, Request
from typer.testing import CliRunner

from turnwise.agents.evaluation.config import EVALUATION
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.evaluation.results import EvalRow, Evaluation
from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.rollout import RolloutConfig
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.commands.evaluate import eval_
from turnwise.errors import EnvironmentFault, TurnwiseError, UsageError
from turnwise.intervals import wilson
from turnwise.servers.client import connect
from turnwise.servers.http.control_plane import build_app
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.service import Service


def evaluated(policy, env_id, **more) -> Evaluation:
    async def inside():
        client = connect("local:")
        try:
            return await evaluate(client, policy, env_id, **more)
        finally:
            await client.aclose()

    return asyncio.run(inside())


def test_the_expert_wins(room):
    result = evaluated(ExpertPolicy(), room("Corridor"), episodes=6, seed=3)
    assert (result.success_rate, result.episodes, result.errors, result.score) == (1.0, 6, 0, 1.0)
    assert (result.ci_low, result.ci_high) == wilson(6, 6)
    assert [row.seed for row in result.per_task] == [3, 4, 5, 6, 7, 8]
    assert [row.turns for row in result.per_task] == [2, 3, 4, 2, 3, 4]
    assert (result.turns, result.mean_return) == (3.0, 1.0)
    assert result.ends == {"terminated": 6}
    assert set(result.versions) == {"turnwise", "python", "environment", "fingerprint"}
    assert result.versions["fingerprint"] == result.per_task[0].fingerprint != ""


def test_figures_by_hand(room):
    # Doors at 2, 3, 4; three steps to the right reach the first two.
    script = ScriptedPolicy(["right", "right", "right", "jump"])
    result = evaluated(script, room("Corridor"), episodes=3, config=RolloutConfig(max_turns=4))
    assert [row.success for row in result.per_task] == [True, True, False]
    assert result.success_rate == pytest.approx(2 / 3)
    assert result.score == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert result.turns == pytest.approx((2 + 3 + 4) / 3)
    assert result.inadmissible_rate == pytest.approx(1 / 9)
    assert result.ends == {"horizon": 1, "terminated": 2}


def test_without_a_word_of_winning_success_is_unknown_and_the_return_is_told(room, tmp_path):
    script = ScriptedPolicy(["right"] * 3)
    result = evaluated(
        script, room("Mute"), episodes=3, config=RolloutConfig(max_turns=3), out=tmp_path
    )  # fmt: skip
    assert [row.success for row in result.per_task] == [None, None, None]
    assert (result.success_rate, result.ci_low, result.ci_high, result.coverage) == (None, None, None, 0.0)
    assert (result.episodes, result.errors, result.score) == (3, 0, None)
    assert result.mean_return == pytest.approx(2 / 3)
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert (document["success_rate"], document["coverage"]) == (None, 0.0)
    again = evaluated(
        script, room("Mute"), episodes=3, config=RolloutConfig(max_turns=3), out=tmp_path
    )  # fmt: skip
    assert again.document() == result.document()


def test_a_rate_stands_beside_the_share_of_tasks_it_is_over_and_the_rest_is_played_later(room, tmp_path):
    env, more = room("Treacherous"), {"episodes": 100, "out": tmp_path}
    floor = tmp_path / "floor"
    floor.write_text("gone")
    config = replace(EVALUATION, retries=0)
    result = evaluated(ExpertPolicy(), env, kwargs={"floor": str(floor)}, config=config, **more)
    assert (result.success_rate, result.coverage, result.episodes, result.errors) == (1.0, 0.7, 70, 30)
    assert (result.ci_low, result.ci_high) == wilson(70, 70)
    assert [row.success for row in result.per_task[:4]] == [None, True, True, None]
    floor.write_text("there")
    rows = len((tmp_path / "rows.jsonl").read_text().splitlines())
    whole = evaluated(ExpertPolicy(), env, kwargs={"floor": str(floor)}, config=config, **more)
    played = (tmp_path / "rows.jsonl").read_text().splitlines()[rows:]
    assert sorted(json.loads(line)["seed"] for line in played) == [
        row.seed for row in result.per_task if not row.counts
    ]
    assert (len(played), whole.coverage, whole.episodes, whole.errors) == (30, 1.0, 100, 0)


def test_tasks_of_which_nothing_is_said_are_neither_won_nor_lost():
    rows = [
        EvalRow(f"t{at}", at, success, 1.0, None, 1, 1, 0.0, 0, 0, "terminated", None, 0.5, "f")
        for at, success in enumerate([True, None, False, None])
    ]
    result = Evaluation.of(rows, {}, {})
    assert (result.success_rate, result.coverage, result.episodes) == (0.5, 0.5, 4)
    assert (result.ci_low, result.ci_high) == wilson(1, 2)


def test_failures_of_the_machine_stay_out(room):
    result = evaluated(ExpertPolicy(), room("Faulty"), episodes=4)
    assert (result.episodes, result.errors, result.success_rate) == (2, 2, 1.0)
    assert [row.success for row in result.per_task] == [True, None, True, None]
    assert result.coverage == 0.5
    assert "the floor gave way" in result.per_task[1].error


def test_if_nothing_could_be_played_that_is_an_error(room):
    with pytest.raises(EnvironmentFault, match=r"none of 2 episodes could be played; the first: .*nan"):
        evaluated(RandomPolicy(), room("NotFinite"), episodes=2)


def test_split_is_an_argument_of_the_environment(room):
    with pytest.raises(UsageError, match=r"argument of .* 'split'|takes no arguments, and was given 'split'"):
        evaluated(ExpertPolicy(), room("Corridor"), split="unseen", episodes=1)


class Interrupted(RandomPolicy):
    """A random policy during which somebody presses Ctrl-C after a number of episodes."""

    def __init__(self, after):
        self.after, self.keys = after, set()

    def act(self, request):
        self.keys.add(request.key[1])
        if len(self.keys) == self.after + 1:
            signal.raise_signal(signal.SIGINT)
        return super().act(request)


def test_an_interrupted_evaluation_goes_on(room, tmp_path):
    whole = evaluated(RandomPolicy(), room("Corridor"), episodes=8)
    config = replace(EVALUATION, slots=1)
    with pytest.raises(KeyboardInterrupt):
        evaluated(Interrupted(5), room("Corridor"), episodes=8, config=config, out=tmp_path)
    rows = (tmp_path / "rows.jsonl").read_bytes()
    assert rows.count(b"\n") == 5
    assert not (tmp_path / "evaluation.json").exists()
    (tmp_path / "rows.jsonl").write_bytes(rows + b'{"task": "corr')  # the process died while it wrote
    seen, policy = [], Interrupted(3)
    result = evaluated(
        policy, room("Corridor"), episodes=8, config=replace(EVALUATION, slots=2), out=tmp_path,
        on_progress=lambda row: seen.append(row.seed),
    )  # fmt: skip
    assert sorted(policy.keys) == [5, 6, 7]
    assert sorted(seen) == list(range(8))

    def timeless(evaluation):
        rows = [{**row.document(), "seconds": 0} for row in evaluation.per_task]
        return {**evaluation.document(), "per_task": rows}

    assert timeless(result) == timeless(whole)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == result.document()


def test_failed_rows_are_played_again(room, tmp_path):
    evaluated(ExpertPolicy(), room("Faulty"), episodes=4, out=tmp_path)
    seen = []
    evaluated(ExpertPolicy(), room("Faulty"), episodes=4, out=tmp_path, on_progress=seen.append)
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 6
    assert [row.seed for row in seen[:2]] == [0, 2]


def test_a_folder_of_another_evaluation_is_refused(room, tmp_path):
    evaluated(ExpertPolicy(), room("Corridor"), episodes=2, out=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="agent was 'expert' and is 'random'"):
        evaluated(RandomPolicy(), room("Corridor"), episodes=2, out=tmp_path)
    with pytest.raises(UsageError, match=r"evaluation: rollout.temperature was 1.0 and is 0.4; choose"):
        evaluated(
            ExpertPolicy(),
            room("Corridor"),
            episodes=2,
            out=tmp_path,
            config=replace(EVALUATION, sampling=Sampling(0.4)),
        )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.jsonl", b"{}\n", r"rows.jsonl, line 1: is not a row"),
        ("rows.jsonl", b"[\n", r"rows.jsonl, line 1: is not a row"),
        ("settings.json", b"{", r"settings.json: cannot be read"),
    ],
)
def test_broken_files_are_named(room, tmp_path, name, content, message):
    evaluated(ExpertPolicy(), room("Corridor"), episodes=1, out=tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        evaluated(ExpertPolicy(), room("Corridor"), episodes=1, out=tmp_path)


def test_rows_of_two_versions_are_not_mixed(room, tmp_path):
    evaluated(ExpertPolicy(), room("Corridor"), episodes=2, out=tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_text(re.sub(r'"fingerprint": "\w+"', '"fingerprint": "old"', path.read_text()))
    with pytest.raises(UsageError, match="from 2 versions"):
        evaluated(ExpertPolicy(), room("Corridor"), episodes=3, out=tmp_path)


def test_a_row_that_failed_is_neither_a_success_nor_a_failure_whatever_it_earned():
    turn = Turn(0, "o", "k", "a", 1.0, "k", Generation("a", usage={"completion_tokens": 4, "cost": 0.5}))
    failed = Trajectory("e", "t", 0, "g", (turn,), "error", error="x")
    row = EvalRow.of(failed)
    assert (row.success, row.counts, row.tokens, row.cost) == (None, False, 4, 0.5)
    won = EvalRow.of(replace(failed, end="terminated", error=None, success=True))
    assert Evaluation.of([won, row], {}, {}).cost == 1.0
    assert Evaluation.of([won, row], {}, {}).success_rate == 1.0


def test_metrics_are_averaged_and_patches_stay_in_the_rows():
    turn = Turn(0, "o", "k", "a", 1.0, "k")
    first = Trajectory("e", "t", 0, "g", (turn,), "terminated", metrics={"completion": 1.0}, patch={"a": "b"})
    rows = [EvalRow.of(first), EvalRow.of(replace(first, metrics={"completion": 0.0, "resolution": 1.0}))]
    assert rows[0].document()["patch"] == {"a": "b"}
    assert EvalRow.read(json.loads(json.dumps(rows[0].document()))) == rows[0]
    document = Evaluation.of(rows, {}, {}).document()
    assert document["metrics"] == {"completion": 0.5, "resolution": 1.0}
    assert "patch" not in document["per_task"][0]


def test_rows_survive_files():
    row = EvalRow("t", 1, True, 0.1, None, 2, 3, 0.0, 0, 0, "terminated", None, 0.5, "f")
    assert EvalRow.read(json.loads(json.dumps(row.document()))) == row


app = typer.Typer()
app.command("eval")(eval_)


def command(*arguments: str):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_prints_one_document(room, tmp_path):
    done = command(
        "--env", room("Corridor"), "--agent", "expert", "--episodes", 3, "--json", "--out", tmp_path / "o",
        "-k", "limit=9",
    )  # fmt: skip
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    names = {"success_rate", "ci_low", "ci_high", "coverage", "episodes", "score", "turns", "per_task"}
    assert names <= set(document)
    assert document["settings"]["kwargs"] == {"limit": 9}
    assert (tmp_path / "o" / "evaluation.json").is_file()


def test_the_command_shows_a_dash_where_success_is_unknown(room, tmp_path):
    script = tmp_path / "script.txt"
    script.write_text("right\nright\nright\n")
    done = command("--env", room("Mute"), "--agent", f"script:{script}", "--episodes", 2, "--max-turns", 2)
    assert done.exit_code == 0, done.output
    assert "success   -  (the environment does not say info['won'])" in done.stdout


def test_the_command_warns_of_episodes_of_which_nothing_is_said(room, tmp_path):
    script = tmp_path / "script.txt"
    script.write_text("right\nright\nright\nleft\n")
    done = command(
        "--env", room("Taciturn"), "--agent", f"script:{script}", "--episodes", 3, "--max-turns", 4,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert re.search("success +100.0 %", done.stdout)
    assert "coverage 66.7 %)" in done.stdout
    assert "warning: of 1 episodes the environment did not say whether they were won" in done.stderr


def test_the_command_prints_a_table(room):
    done = command("--env", room("Corridor"), "--agent", "random", "--episodes", 3, "--max-turns", 2)
    assert done.exit_code == 0
    assert "95 % interval" in done.stdout
    assert "coverage 100.0 %)" in done.stdout
    for row in ("tokens", "malformed", "inadmissible", "decoding"):  # it names actions that are listed
        assert row not in done.stdout


def test_many_failures_are_a_failure(room):
    done = command("--env", room("Faulty"), "--agent", "expert", "--episodes", 4, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["errors"] == 2
    assert "2 of 4 episodes failed (coverage 50.0 %); the first: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "nowhere/none-v0", "--agent", "expert"], "unknown environment"),
        (["--env", "{room}", "--agent", "exprt"], "did you mean 'expert'"),
        (["--env", "{room}", "--agent", "expert", "-k", "limits=3"], "limits"),
        (["--env", "{room}", "--agent", "expert", "--split", "unseen"], "split"),
        (["--env", "{room}", "--agent", "expert", "-a", "x=1"], "option of the agent expert"),
        (["--env", "{room}", "--agent", "expert", "--server", "localhost"], "http://HOST"),
    ],
)
def test_wrong_usage_writes_nothing(room, tmp_path, arguments, message):
    filled = [argument.replace("{room}", room("Corridor")) for argument in arguments]
    done = command(*filled, "--out", tmp_path / "o")
    assert isinstance(done.exception, UsageError)  # main turns it into exit code 2
    assert message in str(done.exception)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "asked",
    [
        ["--context", "conversation"],
        ["--context", "window"],
        ["--explain", "system"],
        ["--style", "plan"],
        ["--recipe", "gigpo"],
    ],
)
def test_who_names_actions_is_not_asked_for_tags(room, asked):
    done = command("--env", room("Corridor"), "--agent", "expert", "--episodes", 2, "--json", *asked)
    result = json.loads(done.output)
    assert result["success_rate"] == 1.0 and result["malformed_rate"] == 0.0
    assert result["settings"]["rollout"]["prompt"]["style"] == "plain"


def test_ctrl_c_keeps_the_rows(room, tmp_path):
    script = tmp_path / "s.txt"
    script.write_text("right\nright\nleft\n", "utf-8")
    arguments = ["--env", room("Waiting"), "--agent", f"script:{script}", "--episodes", "3", "--out", "o"]
    process = subprocess.Popen(
        [sys.executable, "-m", "turnwise", "eval", *arguments, "--slots", "1"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    rows = tmp_path / "o" / "rows.jsonl"
    while not (rows.exists() and rows.read_bytes().endswith(b"\n")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert len(rows.read_bytes().splitlines()) == 1


@contextmanager
def served(application) -> Iterator[str]:
    """Serve an application on a free port of this machine, in a thread."""
    config = uvicorn.Config(
        application, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def walking_model() -> FastAPI:
    """Be an endpoint whose model walks right; it is out of order for every fifth request."""
    model = FastAPI()
    model.state.asked = []

    @model.post("/v1/chat/completions")
    async def complete(request: Request):
        from fastapi.responses import JSONResponse

        body = await request.json()
        model.state.asked.append(body)
        if len(model.state.asked) % 5 == 0:
            return JSONResponse({"error": "overloaded"}, 503, {"Retry-After": "0"})
        last = body["messages"][-1]["content"]
        known = re.search(r"You are at (\d+)", last)
        text = f"<think>I am at {known[1]}.</think><action>right</action>" if known else "What?"
        usage = {"prompt_tokens": sum(len(m["content"]) for m in body["messages"]), "completion_tokens": 12}
        return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}

    return model


def test_an_agent_behind_an_endpoint_plays_an_environment_behind_a_server(room, tmp_path):
    async def inside(model_url: str, server_url: str) -> Evaluation:
        policy = OpenAIPolicy(model_url + "/v1", "walker", EndpointConfig(output_price=1e6))
        client = connect(server_url)
        try:
            config = RolloutConfig(max_turns=6, slots=4, max_tokens=64)
            return await evaluate(client, policy, room("Corridor"), episodes=6, config=config, out=tmp_path)
        finally:
            await policy.aclose()
            await client.aclose()

    model = walking_model()
    service = Service(Catalogue([room("Corridor")]))
    with served(model) as model_url, served(build_app(service)) as server_url:
        result = asyncio.run(inside(model_url, server_url))
        assert not service.sessions
    assert (result.success_rate, result.episodes, result.errors) == (1.0, 6, 0)
    assert result.turns == 3.0
    assert (result.tokens, result.cost) == (36.0, 216.0)
    assert (result.malformed_rate, result.inadmissible_rate) == (0.0, 0.0)
    first = model.state.asked[0]
    assert first["model"] == "walker"
    assert [message["role"] for message in first["messages"]] == ["user"]  # how to answer stands there
    assert "private" not in json.dumps(model.state.asked)
    assert len(model.state.asked) == 18 + len(model.state.asked) // 5


def test_a_server_that_is_not_there_is_an_error(room, tmp_path):
    async def inside():
        client = connect("http://127.0.0.1:1", budget_s=0.2)
        try:
            await evaluate(client, ExpertPolicy(), room("Corridor"), episodes=2)
        finally:
            await client.aclose()

    with pytest.raises(TurnwiseError, match="gave no answer"):
        asyncio.run(inside())


def test_a_class_that_a_server_does_not_offer_is_wrong_usage(room):
    async def inside(url: str) -> None:
        client = connect(url)
        try:
            await evaluate(client, ExpertPolicy(), room("Mute"), episodes=2)
        finally:
            await client.aclose()

    with (
        served(build_app(Service(Catalogue([room("Corridor")])))) as url,
        pytest.raises(UsageError, match="Mute"),
    ):
        asyncio.run(inside(url))


def test_paths_stay_whole(tmp_path):
    from turnwise.files import write_whole

    write_whole(tmp_path / "a" / "b.json", b"1")
    write_whole(tmp_path / "a" / "b.json", b"2")
    assert [path.read_bytes() for path in Path(tmp_path / "a").iterdir()] == [b"2"]


def test_what_was_there_is_told_apart_from_what_was_played(room, tmp_path):
    told = []
    for episodes in (2, 2, 3):
        asked = ["--env", room("Corridor"), "--agent", "expert", "--episodes", episodes]
        done = command(*asked, "--out", tmp_path / "o")
        assert done.exit_code == 0, done.output
        told.append(re.findall(r"played now +(\d) of (\d)", done.output))
    assert told == [[], [("0", "2")], [("1", "3")]]
