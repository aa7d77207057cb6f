"""Nobody gets out of a box, takes more than its limits, or harms another: each try on each backend.

`benchmarks/sandbox/abuse.py` writes the same as a table, beside a bare `docker run`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnwise.envs.sandbox import Backend, Spec

sys.path.insert(0, str(Path(__file__).parent))

from case import Case
from judge import CASES, LIMITS, facts, judge


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with facts(tmp_path_factory.mktemp("abuse")) as prepared:
        yield prepared


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 50


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_does_not_succeed(case: Case, backend: Backend, known: dict[str, str]) -> None:
    async def body() -> str:
        spec = Spec(limits=LIMITS)
        async with await backend.start(spec) as box, await backend.start(spec) as other:
            return await judge(case, box, other, known)

    assert asyncio.run(body()) in ("refused", "contained"), case.attempt
