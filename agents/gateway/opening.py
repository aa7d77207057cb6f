"""How an episode is asked for over HTTP, and what is told of one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ...errors import UsageError
from ..rollout.config import TaskItem
from .asked import Refusal
from .episode import Episode
from .house import Opening

_MEMBERS = frozenset(
    {"request_id", "env_id", "kwargs", "options", "seed", "group", "member", "episode", "session",
     "instruction", "state_key"}
)  # fmt: skip
_MAX_CHARS = 65_536
HARNESS = "harness"
"""What the environment of an episode is called where rewards are posted."""


def read_opening(document: Mapping[str, Any]) -> Opening:
    """Read the body of POST /episodes.

    Raises:
        Refusal: naming the member that is unknown or of the wrong form.
    """
    if unknown := sorted(set(document) - _MEMBERS):
        raise _wrong(f"unknown member {unknown[0]!r}; expected some of {', '.join(sorted(_MEMBERS))}")
    texts = {}
    for name in ("request_id", "env_id", "group", "session", "instruction"):
        value = document.get(name, "")
        if not isinstance(value, str) or len(value) > _MAX_CHARS:
            raise _wrong(f"{name}: expected a text of at most {_MAX_CHARS} characters")
        texts[name] = value
    numbers = {name: document.get(name, 0) for name in ("seed", "episode", "member")}
    member = {} if "member" in document else {"member": None}  # which the gateway numbers
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            raise _wrong(f"{name}: expected a whole number from 0")
    for name in ("kwargs", "options"):
        if not isinstance(document.get(name, {}), dict):
            raise _wrong(f"{name}: expected an object")
    key = document.get("state_key")
    if key is not None and not isinstance(key, str):
        raise _wrong("state_key: expected a text")
    try:
        task = TaskItem(
            texts["env_id"] or HARNESS, document.get("kwargs", {}), options=document.get("options", {}),
            group=texts["group"], **{**numbers, **member},
        )  # fmt: skip
    except UsageError as error:
        raise _wrong(str(error)) from error
    played = bool(texts["env_id"]) and not texts["session"]
    name = texts["request_id"] or secrets.token_urlsafe(16)
    return Opening(task, name, played, texts["session"], texts["instruction"], key)


def standing(episode: Episode, host: str) -> dict[str, Any]:
    """Return where an episode stands.

    Args:
        episode: the one.
        host: by which it was asked.
    """
    place = f"http://{host}/episodes/{episode.id}"
    tally, session = episode.tally, episode.session
    return {
        "id": episode.id,
        "base_url": f"{place}/v1",
        "url": place,
        "instruction": episode.instruction,
        "session": session.reply.id if session else None,
        "observation": session.reply.observation if session else None,
        "calls": tally.calls,
        "side_calls": tally.side_calls,
        "end": tally.end,
        "return": tally.episode_return,
        "success": tally.success,
    }


def _wrong(detail: str) -> Refusal:
    return Refusal(422, "invalid_request", detail)
