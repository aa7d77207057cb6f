"""A taskset and a harness for verifiers, as its plugins: one question, one chat completion.

The harness runs in this process and asks the endpoint that verifiers gives it, with the OpenAI
SDK and its two repeats, as the harnesses that ship with verifiers do.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import verifiers.v1 as vf
from openai import AsyncOpenAI
from verifiers.v1.cli.eval.runner import run_eval
from verifiers.v1.configs.cli.eval import EvalConfig
from verifiers.v1.configs.harness import HarnessConfig
from verifiers.v1.runtimes import ProgramResult

__all__ = ["Chat", "Rooms"]

REWARDS: list[Callable[[int], Any]] = [lambda number: 1.0]
DEAD: set[int] = set()
STARTED: list[int] = []
NUM_TASKS = [1]
PROMPTS: list[str] = []
LATER: list[str] = []


class Room(vf.Task[vf.TaskData, vf.State, vf.TaskConfig]):  # type: ignore[misc]
    """A task that pays what it is told, or dies."""

    async def setup(self, trace: vf.Trace, runtime: vf.Runtime) -> None:
        number = self.data.idx or 0
        STARTED.append(number)
        if number in DEAD:
            raise RuntimeError("the environment died")

    @vf.reward  # type: ignore[untyped-decorator]
    async def paid(self) -> Any:
        return REWARDS[0](self.data.idx or 0)


class Rooms(vf.Taskset[Room, vf.TasksetConfig]):  # type: ignore[misc]
    """As many rooms as asked."""

    def load(self) -> Iterable[Room]:
        for number in range(NUM_TASKS[0]):
            prompt = PROMPTS[number] if PROMPTS else f"room {number}"
            yield Room(vf.TaskData(prompt=prompt), self.config.task)


class Chat(vf.Harness[HarnessConfig]):  # type: ignore[misc]
    """One chat completion."""

    EXECUTES_CODE = NEEDS_CONTAINER = False

    async def launch(
        self, ctx: Any, trace: Any, runtime: Any, endpoint: str, secret: str, mcp_urls: Any, data: Any
    ) -> ProgramResult:
        async with AsyncOpenAI(base_url=endpoint, api_key=secret) as client:
            messages = [{"role": "user", "content": data.prompt_text}]
            await client.chat.completions.create(model=ctx.model, messages=messages)
            if LATER and data.idx == 0:
                messages += [{"role": "assistant", "content": "go"}, {"role": "user", "content": LATER[0]}]
                await client.chat.completions.create(model=ctx.model, messages=messages)
        return ProgramResult(exit_code=0, stdout="", stderr="")


def config(url: str, folder: Path | None = None, resume: bool = False, **more: Any) -> EvalConfig:
    """Return the configuration of an evaluation as `vf-eval` makes it."""
    agent = {"harness": {"id": "verifiers_room"}, "runtime": {"type": "subprocess"}, **more.pop("agent", {})}
    timeout = {"timeout": {"read": more.pop("read_s")}} if "read_s" in more else {}
    return EvalConfig.model_validate(
        {
            "env": {"taskset": {"id": "verifiers_room"}, "agent": agent},
            "model": "m",
            "client": {"base_url": url, "api_key_var": "PEERS_KEY", **timeout},
            "push": False,
            "rich": None,
            "output_dir": folder or Path(tempfile.mkdtemp(prefix="peers-")),
            "run": {"dir": "run"},
            "max_concurrent": 4,
            "resume": resume,
            **more,
        }
    )


def evaluated(url: str, num_tasks: int = 1, **more: Any) -> list[Any]:
    """Play an evaluation; return the traces in the order of the tasks."""
    NUM_TASKS[0] = num_tasks
    STARTED.clear()
    logging.disable(logging.CRITICAL)
    episodes = asyncio.run(run_eval(config(url, **more)))
    traces = [trace for episode in episodes for trace in episode.traces]
    return sorted(traces, key=lambda trace: trace.task.data.idx)
