"""Drive a server with OpenEnv's own client; run by a Python that has openenv-core."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from openenv.core.generic_client import GenericEnvClient


async def probe(url: str) -> dict[str, Any]:
    async with GenericEnvClient(base_url=url) as client:
        first = await client.reset(seed=5)
        results = [await client.step({"action": action}) for action in ("go", "stop")]
        state = await client.state()
        again = await client.reset(seed=5)
    return {
        "first": first.observation,
        "steps": [result.observation["text"] for result in results],
        "done": [result.done for result in results],
        "reward": results[-1].reward,
        "step_count": state["step_count"],
        "again": again.observation,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(probe(sys.argv[1]))))
