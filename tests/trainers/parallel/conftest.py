"""Ranks of a learner, started once for all tests of a module, and what they are asked.

With TURNWISE_LEARNERS=2,4 and TURNWISE_LEARNER_UPDATES=10 the same tests run at length (make test-learners).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "learner"), str(Path(__file__).parent)]

WORLDS = [int(number) for number in os.environ.get("TURNWISE_LEARNERS", "2").split(",")]


@pytest.fixture(scope="module", params=WORLDS)
def group(request: pytest.FixtureRequest) -> Iterator[object]:
    """Return a group of ranks whose rank 0 is this process."""
    from turnwise.trainers.launch.config import LaunchSection
    from turnwise.trainers.parallel.launch import ranks

    with ranks(LaunchSection(learners=request.param, timeout_s=60)) as group:
        yield group
