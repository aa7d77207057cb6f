"""Figures in OpenEnv: a collection of episodes of which a part fails, and its resume."""

from __future__ import annotations

import contextlib
import io
import tempfile
from typing import Any

from faults import Found, main
from openenv.core.harness.collect import CollectRunner, RolloutSerializer
from openenv.core.harness.rollout import (
    MCPHarnessAdapter,
    ModelStepResult,
    ResourceSession,
    ResourceSessionFactory,
    VerifyResult,
)
from openenv.core.llm_client import LLMResponse

TRAINERS = "advantages, updates and weights are the trainer's"
DEAD: set[int] = set()
STARTED: list[int] = []


class Session(ResourceSession):  # type: ignore[misc]
    """A room that is won by speaking."""

    def initial_messages(self) -> list[Any]:
        return [{"role": "user", "content": "go"}]

    def list_tools(self) -> list[Any]:
        return []

    def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        raise AssertionError("it has no tools")

    def verify(self, transcript: list[Any], final_state: Any | None = None) -> VerifyResult:
        return VerifyResult(env_reward=1.0, done=True)

    def close(self) -> None:
        pass


class Rooms(ResourceSessionFactory[Session]):  # type: ignore[misc]
    """Rooms of which some die."""

    def create(self, task: Any, seed: int | None = None, episode_id: str | None = None) -> Session:
        STARTED.append(task)
        if task in DEAD:
            raise RuntimeError("the environment died")
        return Session()


def _play(folder: str) -> Any:
    STARTED.clear()
    runner = CollectRunner(
        session_factory=Rooms(), harness_adapter=MCPHarnessAdapter(), serializer=RolloutSerializer(folder),
        tasks=range(100),
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        return runner.run(
            model_step=lambda messages, tools, sampling: ModelStepResult(LLMResponse("go")), num_episodes=100
        )


def dying() -> Found:
    found = Found("core.harness.collect.CollectRunner.run, twice")
    folder = tempfile.mkdtemp(prefix="peers-")
    DEAD.update(range(40, 70))
    result = _play(folder)
    came = f"success {result.success_rate:.2f} over {result.num_collected}, {result.num_failed} failed"
    found.add(
        "the rate", (result.success_rate, result.num_collected, result.num_failed) == (1.0, 70, 30), came
    )
    DEAD.clear()
    _play(folder)
    found.add("resume", sorted(STARTED) == sorted(range(40, 70)), f"plays {len(STARTED)} again")
    return found


if __name__ == "__main__":
    main(
        "figures",
        "openenv",
        {
            "a group with an error": TRAINERS,
            "sizes of micro batches": TRAINERS,
            "new weights between turns": TRAINERS,
            "interrupted generations": TRAINERS,
            "an environment that dies": dying,
        },
    )
