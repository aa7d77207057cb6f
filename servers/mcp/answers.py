"""A reply of an environment as what a tool answers: a text, pictures, and values beside them.

What a model is to see is the text; handle, turn and what may be done stand once more as values for programs.
Reward, success and state key are in `_meta`, which hosts do not show to models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...envs.images import images_of
from ...envs.tools import bare
from ..protocol.types import Reply

META = "turnwise/reply"
OVER = "The episode is over."
_MAX_ACTIONS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answers.

    Args:
        text: what a model is to see.
        images: PNG files as base64 texts.
        values: the same for programs.
        meta: what no model is to see.
    """

    text: str
    images: tuple[str, ...]
    values: dict[str, Any]
    meta: dict[str, Any]


def answer_of(reply: Reply, *, begins: bool, listed: bool) -> Answer:
    """Return the answer of a tool.

    Args:
        reply: of the session.
        begins: whether it begins the episode, so that handle and task are told.
        listed: whether actions are told where the environment lists them.
    """
    info = reply.info
    values: dict[str, Any] = {
        "handle": reply.id,
        "turn": reply.turn,
        "observation": reply.observation,
        "done": reply.done,
    }
    instruction = str(info.get("instruction") or "")
    said = [f"Handle: {reply.id}", f"Task: {instruction}" if instruction else ""] if begins else []
    if begins and instruction:
        values["instruction"] = instruction
    actions = list(info.get("admissible") or ())[:_MAX_ACTIONS]
    said.append(bare(reply.observation))
    if listed and actions and not reply.done:
        values["actions"] = actions
        said.append("You may: " + "; ".join(actions))
    said.append(OVER if reply.done else "")
    shown = {key: info[key] for key in ("won", "score", "rewards", "state_key") if key in info}
    meta: dict[str, Any] = {
        META: {"episode": reply.episode, "reward": reply.reward, "end": reply.end, **shown}
    }
    return Answer("\n\n".join(filter(None, said)), images_of(info), values, meta)
