"""Assign credit to trajectories that another trainer stored, and write them back.

Two shapes of JSON lines are read:

trl   one line a completion: {"prompt": ..., "completion": [messages], "reward": 1.0}.
      Lines with the same prompt form a group; every assistant message is a turn,
      what came before it is its state; the reward belongs to the last turn.
verl  one line a turn: {"uid": group, "traj_uid": trajectory, "anchor_obs": state,
      "rewards": reward, "is_action_valid": true, ...}, in the order of the turns.

A line of the first shape gets "advantages", one number an assistant message; a
line of the second gets "advantage". Everything else is kept as it was.

    python foreign_trajectories.py verl rollouts.jsonl credited.jsonl --method gigpo --set mode=mean

A file of the second shape to try it on lies beside this one: rollouts.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from turnwise.credit import TurnTable, get

Line = dict[str, Any]


def table_of_trl(lines: list[Line]) -> TurnTable:
    """Build a table of completions: a turn is an assistant message, its state the message before."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("group", "trajectory", "reward", "state_key", "action")
    }
    for place, line in enumerate(lines):
        messages = line["completion"]
        spoken = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        for i in spoken:
            columns["group"].append(json.dumps(line["prompt"], sort_keys=True))
            columns["trajectory"].append(place)
            columns["reward"].append(float(line["reward"]) if i == spoken[-1] else 0.0)
            columns["state_key"].append(messages[i - 1]["content"] if i else "")
            columns["action"].append(messages[i]["content"])
    return TurnTable.from_columns(**columns)


def table_of_verl(lines: list[Line]) -> TurnTable:
    """Build a table of turns, one a line."""
    return TurnTable.from_columns(
        group=[line["uid"] for line in lines],
        trajectory=[line["traj_uid"] for line in lines],
        reward=[float(line["rewards"]) for line in lines],
        state_key=[line["anchor_obs"] for line in lines],
        valid=[bool(line.get("is_action_valid", True)) for line in lines],
    )


def assign(shape: str, lines: list[Line], method: str, params: dict[str, Any]) -> list[Line]:
    """Return the lines with their advantages."""
    table = table_of_trl(lines) if shape == "trl" else table_of_verl(lines)
    advantage = get(method)(table, **params).advantage.tolist()
    if shape == "verl":
        return [{**line, "advantage": value} for line, value in zip(lines, advantage, strict=True)]
    given: dict[int, list[float]] = {place: [] for place in range(len(lines))}
    for code, value in zip(table.trajectory.tolist(), advantage, strict=True):
        given[table.trajectory_names[code]].append(value)
    return [{**line, "advantages": given[place]} for place, line in enumerate(lines)]


def _parameters(pairs: list[str]) -> dict[str, Any]:
    params = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            params[name] = json.loads(value)
        except json.JSONDecodeError:
            params[name] = value
    return params


def main() -> None:
    """Read, assign, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shape", choices=["trl", "verl"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--method", default="grpo")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    try:
        lines = [json.loads(text) for text in options.source.read_text().splitlines() if text.strip()]
        credited = assign(options.shape, lines, options.method, _parameters(options.set))
    except OSError as error:
        parser.error(f"{options.source}: cannot be read: {error.strerror}")
    except KeyError as error:
        parser.error(
            f"{options.source}: a line has no {error}; expected the keys of {options.shape}, see --help"
        )
    except ValueError as error:
        parser.error(f"{options.source}: {error}")
    draft = options.target.with_suffix(".tmp")
    with draft.open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in credited)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(options.target)


if __name__ == "__main__":
    main()
