"""What a span may say of a call: its route, environment, number of items, code of its problem.

Everything else in a body, actions and keys above all, stays out of traces.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.routing import BaseRoute, Route

from ..sessions.service import Service

__all__ = ["Subjects", "code_of"]

_SESSIONS = "/v1/sessions/"
_MAX_PROBLEM_BYTES = 1 << 16


class Subjects:
    """Tell what calls are about.

    Args:
        service: where the sessions live.
        routes: of the control plane, which knows every path.
    """

    def __init__(self, service: Service, routes: Iterable[BaseRoute]) -> None:
        self._sessions = service.sessions
        self._offered = frozenset(service.offer.ids())
        self._paths = frozenset(route.path for route in routes if isinstance(route, Route))

    def route(self, path: str) -> str | None:
        """Return the template of a path, None if there is no such path."""
        if path in self._paths:
            return path
        id, slash, call = path.removeprefix(_SESSIONS).partition("/")
        template = f"{_SESSIONS}{{id}}{slash}{call}"
        return template if id and path.startswith(_SESSIONS) and template in self._paths else None

    def of_path(self, path: str) -> dict[str, str | int]:
        """Describe the session that a path names."""
        id = path[len(_SESSIONS) :].partition("/")[0] if path.startswith(_SESSIONS) else ""
        return self._told({self._env_of(id)})

    def of_document(self, document: dict[str, Any]) -> dict[str, str | int]:
        """Describe the items of a body, or what the body itself names."""
        items = document.get("items", document.get("ids"))
        if not isinstance(items, list):
            return self._told({self._env_of(document)})
        return {"turnwise.items": len(items), **self._told({self._env_of(item) for item in items})}

    def _told(self, env_ids: set[str | None]) -> dict[str, str | int]:
        known = env_ids - {None}
        return {"turnwise.env_id": str(*known)} if len(known) == 1 else {}

    def _env_of(self, item: Any) -> str | None:
        """Return the environment of an item; None if another worker knows it, or nobody."""
        if isinstance(item, dict):
            env_id = item.get("env_id")
            if isinstance(env_id, str):
                return env_id if env_id in self._offered else None
            item = item.get("id")
        session = self._sessions.get(item) if isinstance(item, str) else None
        return None if session is None else session.record.env_id


def code_of(body: bytes) -> str | None:
    """Return the code of a problem; None where the body is none."""
    if len(body) > _MAX_PROBLEM_BYTES:
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, str) else None
