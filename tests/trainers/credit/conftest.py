"""Golden batches as turn tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnwise.credit import TurnTable

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


class Golden:
    """Read golden files: cases, tables of their trajectories, flat expected values."""

    @staticmethod
    def cases(name: str) -> list[dict[str, Any]]:
        cases: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text())["cases"]
        return cases

    @staticmethod
    def flat(values: list[list[Any]]) -> NDArray[Any]:
        return np.array([value for trajectory in values for value in trajectory])

    @staticmethod
    def table(case: dict[str, Any], goal: str | None = None) -> TurnTable:
        """Build the table; `goal` replaces the last next observation where the return is above 0."""
        rows = [
            {
                "group": trajectory["group"],
                "trajectory": trajectory["traj"],
                "reward": trajectory["rewards"][t],
                "state_key": trajectory["obs"][t],
                "valid": trajectory["valid"][t],
                "episode_return": trajectory["episode_return"],
                "next_state_key": Golden._next(trajectory, t, goal),
            }
            for trajectory in case["trajectories"]
            for t in range(len(trajectory["obs"]))
        ]
        return TurnTable.from_columns(**{name: [row[name] for row in rows] for name in rows[0]})

    @staticmethod
    def _next(trajectory: dict[str, Any], t: int, goal: str | None) -> str:
        if t + 1 < len(trajectory["obs"]):
            return str(trajectory["obs"][t + 1])
        return goal if goal and trajectory["episode_return"] > 0 else str(trajectory.get("final_obs", "end"))


@pytest.fixture(scope="session")
def golden() -> type[Golden]:
    return Golden
