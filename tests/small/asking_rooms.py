"""A taskset of verifiers with a tool, and a user who asks twice; verifiers finds it by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import verifiers.v1 as vf

__all__ = ["AskingEnv", "AskingRooms"]


class RoomData(vf.TaskData):
    secret: str


class Wall(vf.Toolset[vf.ToolsetConfig, vf.State]):
    TOOL_PREFIX = None

    @vf.tool
    def read(self, letters: int) -> str:
        """Read the wall."""
        return "sesame"[:letters]


class RoomConfig(vf.TaskConfig):
    wall: bool = False


class RoomsConfig(vf.TasksetConfig):
    task: RoomConfig = RoomConfig()
    rooms: int = 3


class Room(vf.Task[RoomData, vf.State, RoomConfig]):
    @classmethod
    def toolsets(cls, config: Any) -> list[Any]:
        return [Wall(vf.ToolsetConfig())] if config.wall else []

    @vf.reward
    async def opened(self, trace: vf.Trace) -> float:
        return float(self.data.secret in str(trace.root_reply or trace.nodes[-1].message.content))


class AskingRooms(vf.Taskset[Room, RoomsConfig]):
    def load(self) -> Iterable[Room]:
        for number in range(self.config.rooms):
            data = RoomData(name=f"room {number}", prompt=f"Room {number}. Which word?", secret="sesame")
            yield Room(data, self.config.task)


class AskingConfig(vf.EnvConfig):
    player: vf.AgentConfig = vf.AgentConfig()
    dies: bool = False


class AskingEnv(vf.Env[AskingConfig]):
    async def run(self, task: Any, agents: Any) -> None:
        async with agents.player.interaction(task) as interaction:
            segment = await interaction.turn()
            if self.config.dies:
                raise RuntimeError("the room fell in")
            if "sesame" not in segment.last_reply:
                await interaction.turn("No. Try again.")
        interaction.trace.record_metric("asked", 1)


if __name__ == "__main__":
    Wall.run()
