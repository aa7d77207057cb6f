"""An environment of two doors, an agent that heeds lessons, and a writer that finds them, for tests."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from turnwise import TextEnv
from turnwise.agents.policy import Policy
from turnwise.agents.types import Generation, GenerationRequest

COLOURS = ("red", "green", "blue")


class Doors(TextEnv):
    """One door of three; the right one has the colour of the sign, which says it in another language."""

    SIGNS: ClassVar = dict(zip(("rot", "verde", "bleu"), COLOURS, strict=True))

    def __init__(self, split: str = "train") -> None:
        self.split = split

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.sign = list(self.SIGNS)[(seed or 0) % 3]
        return f"The sign says {self.sign}.", self.info(None)

    def info(self, won: bool | None) -> dict[str, Any]:
        return {"instruction": "open the right door", "task": self.sign, "admissible": list(COLOURS),
                "state_key": self.sign, "won": bool(won)}  # fmt: skip

    def step(self, action: str):
        won = action == self.SIGNS[self.sign]
        return ("It opens." if won else "It is a wall."), float(won), True, False, self.info(won)


class Reader(Policy):
    """An agent that opens a door by its member, unless a lesson of its prompt names the sign."""

    name = "reader"

    def __init__(self) -> None:
        self.answered = 0

    async def generate(self, request: GenerationRequest) -> Generation:
        self.answered += 1
        sign = re.findall(r"The sign says (\w+)", request.messages[-1].content)[-1]
        system = request.messages[0].content if request.messages[0].role == "system" else ""
        lesson = re.search(rf"Sign {sign}: open (\w+)", system)
        member = request.key[3]
        said = lesson[1] if lesson else COLOURS[member % 3]
        return Generation(f"<action>{said}</action>")


class Author(Policy):
    """A writer that reads what is shown to it, and answers each of the four questions from that alone.

    Args:
        fail: a word; questions that hold it raise what is given instead of an answer.
    """

    name = "author"

    def __init__(self, fail: str = "", error: Exception | None = None) -> None:
        self.fail, self.error = fail, error
        self.questions: list[str] = []

    async def generate(self, request: GenerationRequest) -> Generation:
        system, told = (message.content for message in request.messages)
        self.questions.append(told)
        if self.fail and self.error and self.fail in system:
            raise self.error
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.001}
        return Generation(self.answer(system, told), usage=usage)

    def answer(self, system: str, told: str) -> str:
        if "Sum up one attempt" in system:
            sign = re.findall(r"The sign says (\w+)", told)[0]
            done = re.findall(r"done: .*?<?(red|green|blue)", told)[0]
            return f"Saw {sign}, opened {done}."
        if "Several attempts" in system:
            good = re.search(r"reward 1\):\nSaw (\w+), opened (\w+)", told)
            return f"<Experiences>\n1. Sign {good[1]}: open {good[2]}\n</Experiences>" if good else "none"
        known = dict(re.findall(r"Sign (\w+): open (\w+)", told.partition("New lessons")[0]))
        if "Compare each new lesson" in system:
            new = re.findall(r"Sign (\w+): open (\w+)", told.partition("New lessons")[2])
            found = [{"operation": "NONE" if sign in known else "ADD", "id": None,
                      "content": f"Sign {sign}: open {door}"} for sign, door in new]  # fmt: skip
            return f"So:\n```json\n{json.dumps(found)}\n```"
        rows = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        once = {row["content"]: row for row in rows}
        return f"```json\n{json.dumps(list(once.values()))}\n```"
