"""Trajectories in ATIF, the interchange format that other frameworks' verifiers, viewers and trainers read.

Source: Harbor's description of the format (ATIF v1.7, harborframework.com/docs) and its package on the
Python index, whose models accept what is written here. The first step is the user's: what the
environment showed first. Each turn is one step of the agent, with what the environment answered as
its observation, one result for each call that was made. Rewards, keys and marks that the format has no
place for stand in `extra`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..files import write_whole
from .types import Trajectory, Turn

SCHEMA_VERSION = "ATIF-v1.7"


def to_atif(
    trajectory: Trajectory, *, agent: str, version: str, model: str | None = None, session: str = ""
) -> dict[str, Any]:
    """Return a trajectory as ATIF's JSON.

    Args:
        trajectory: the episode.
        agent: the name of what acted.
        version: of what acted.
        model: the model behind it.
        session: the run that it belongs to.
    """
    turns = trajectory.turns
    shown = [turn.observation for turn in turns[1:]] + [trajectory.final_observation]
    first = turns[0].observation if turns else trajectory.final_observation
    steps: list[dict[str, Any]] = [{"step_id": 1, "source": "user", "message": first}]
    for number, (turn, answer) in enumerate(zip(turns, shown, strict=True), start=2):
        steps.append(_step(number, turn, answer))
    about = {
        "env_id": trajectory.env_id,
        "task": trajectory.task,
        "task_seed": trajectory.task_seed,
        "end": trajectory.end,
        "success": trajectory.success,
        "score": trajectory.score,
        "return": trajectory.episode_return,
        "error": trajectory.error,
        "parent": trajectory.parent,
        "branch_turn": trajectory.branch_turn,
        "metrics": trajectory.metrics,
        "given": trajectory.given or None,
        "hint": trajectory.hint,
    }
    return {
        "schema_version": SCHEMA_VERSION,
        **({"session_id": session} if session else {}),
        "trajectory_id": trajectory.name,
        "agent": {"name": agent, "version": version, **({"model_name": model} if model else {})},
        "steps": steps,
        "final_metrics": _totals(trajectory, len(steps)),
        "extra": _said(about),
    }


def write_atif(
    folder: str | Path,
    trajectories: Iterable[Trajectory],
    *,
    agent: str,
    version: str,
    model: str | None = None,
) -> list[Path]:
    """Write one JSON file an episode, named by its place; return the files.

    Raises:
        OSError: if a file cannot be written; each is written whole or not at all.
    """
    written: list[Path] = []
    for place, trajectory in enumerate(trajectories):
        document = to_atif(trajectory, agent=agent, version=version, model=model, session=Path(folder).name)
        path = Path(folder) / f"trajectory-{place:06d}.json"
        write_whole(path, json.dumps(document, indent=1).encode() + b"\n")
        written.append(path)
    return written


def _step(number: int, turn: Turn, answer: str) -> dict[str, Any]:
    generation = turn.generation
    calls = [_call(call, f"turn-{turn.index}-{place}") for place, call in enumerate(generation.tool_calls)]
    results: list[dict[str, Any]] = [{"content": step.observation} for step in turn.steps[1:]]
    results.append({"content": answer})
    if len(calls) == 1 or turn.steps:
        for result, call in zip(results, calls, strict=False):
            result["source_call_id"] = call["tool_call_id"]
    extra = {
        "action": turn.action,
        "reward": turn.reward,
        "rewards": turn.rewards,
        "state_key": turn.state_key,
        "malformed": turn.malformed,
        "inadmissible": turn.inadmissible,
        "agent": turn.agent,
    }
    return {
        "step_id": number,
        "source": "agent",
        "message": generation.text or turn.action,
        **({"reasoning_content": generation.reasoning} if generation.reasoning else {}),
        **({"tool_calls": calls} if calls else {}),
        "observation": {"results": results},
        **({"metrics": metrics} if (metrics := _metrics(turn)) else {}),
        "extra": _said(extra),
    }


def _call(call: Mapping[str, Any], default: str) -> dict[str, Any]:
    """Return a call as an endpoint gave it in ATIF's form; arguments that are no object are kept as text."""
    function = call.get("function") or {}
    given = function.get("arguments")
    try:
        arguments = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        arguments = given
    return {
        "tool_call_id": str(call.get("id") or default),
        "function_name": str(function.get("name") or ""),
        "arguments": dict(arguments) if isinstance(arguments, Mapping) else {"text": str(given or "")},
    }


def _metrics(turn: Turn) -> dict[str, Any]:
    generation = turn.generation
    prompt = len(generation.prompt_ids) or int(generation.usage.get("prompt_tokens", 0))
    found = {
        "prompt_tokens": prompt,
        "completion_tokens": generation.num_tokens,
        "cost_usd": generation.usage.get("cost"),
        "prompt_token_ids": list(generation.prompt_ids),
        "completion_token_ids": list(generation.token_ids),
        "logprobs": list(generation.logprobs),
    }
    return {name: value for name, value in found.items() if value}


def _totals(trajectory: Trajectory, steps: int) -> dict[str, Any]:
    each = [_metrics(turn) for turn in trajectory.turns]
    return {
        "total_prompt_tokens": sum(metrics.get("prompt_tokens", 0) for metrics in each),
        "total_completion_tokens": sum(metrics.get("completion_tokens", 0) for metrics in each),
        "total_cost_usd": sum(metrics.get("cost_usd", 0.0) for metrics in each),
        "total_steps": steps,
    }


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in values.items() if value is not None and value != "" and value != {}
    }
