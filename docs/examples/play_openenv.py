"""Play a hosted benchmark with OpenEnv's client (pip install openenv-core==0.3.0).

TURNWISE_KEY=KEY python play_openenv.py http://127.0.0.1:8000 four-worlds
"""

import asyncio
import os
import sys
from urllib.parse import quote

from openenv.core.generic_client import GenericEnvClient

if len(sys.argv) != 3 or not os.environ.get("TURNWISE_KEY"):
    sys.exit(__doc__)
ADDRESS, BENCHMARK = sys.argv[1:]
KEY = quote(os.environ["TURNWISE_KEY"], safe="")


def act(text: str, info: dict) -> str:
    """Choose an action: here goes your agent."""
    return (info.get("admissible") or ["look"])[0]


async def play() -> str:
    """Play every task of a run; return its id."""
    async with GenericEnvClient(base_url=f"{ADDRESS}/key/{KEY}/openenv/{BENCHMARK}") as client:
        result = await client.reset(agent="first action", config={})  # opens a run, or goes on with it
        while "closed" not in result.observation["info"]:
            while not result.done:
                observation = result.observation
                result = await client.step({"action": act(observation["text"], observation["info"])})
            result = await client.reset()  # the next task
        return str(result.observation["info"]["run"])


print(asyncio.run(play()))
