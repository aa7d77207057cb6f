"""An environment of an OpenEnv server as one of ours.

    turnwise eval --env turnwise.envs.adapters.openenv:OpenEnv -k url=http://HOST:PORT ...

It cannot be cloned, and replays only as well as its server repeats itself.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from typing import Any, NoReturn

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from ...errors import EnvironmentFault, ServerUnreachable, UsageError
from ..core import TextEnv

_MAX_MESSAGE_BYTES = 100 << 20


class OpenEnv(TextEnv):
    """An environment that an OpenEnv server keeps.

    Args:
        url: the server, e.g. http://127.0.0.1:8000; its websocket is at URL/ws.
        action_key: the member of its action that takes the text; where the text
            is a JSON object it is sent as it is.
        observation_key: the member of its observation to show; None shows all of
            it as JSON where it has more than one.
        timeout_s: how long an answer may take.

    Raises:
        ServerUnreachable: if the server does not answer.
        EnvironmentFault: if it answers with an error.
    """

    no_expert = "the server does not say what the best action is"
    no_clone = "its state is on the other side"
    for_operators = ("url",)

    def __init__(
        self,
        url: str,
        action_key: str = "action",
        observation_key: str | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        if not url.startswith(("http://", "https://", "ws://", "wss://")):
            raise UsageError(f"url {url!r}: expected http://HOST:PORT")
        self.url = url.rstrip("/").replace("http", "ws", 1) if url.startswith("http") else url.rstrip("/")
        self.action_key, self.observation_key, self.timeout_s = action_key, observation_key, timeout_s
        self._open = ExitStack()
        self._socket: ClientConnection | None = None

    @property
    def fingerprint(self) -> str:
        """Return a hash of the address: the code is on the other side."""
        return hashlib.sha256(f"{self.url} {self.action_key} {self.observation_key}".encode()).hexdigest()[
            :16
        ]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode; the options go to the server's reset."""
        super().reset(seed=seed)
        data = dict(options or {})
        if seed is not None:
            data["seed"] = seed
        answer = self._ask("reset", data)
        return self._shown(answer), self._info(answer)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one turn."""
        answer = self._ask("step", self._action(action))
        reward = float(answer.get("reward") or 0.0)
        return self._shown(answer), reward, bool(answer.get("done")), False, self._info(answer)

    def close(self) -> None:
        """Close the connection."""
        self._socket = None
        self._open.close()

    def _action(self, text: str) -> dict[str, Any]:
        if text.lstrip().startswith("{"):
            try:
                document = json.loads(text)
            except json.JSONDecodeError:
                document = None
            if isinstance(document, dict):
                return document
        return {self.action_key: text}

    def _ask(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._socket is None:
                self._socket = self._open.enter_context(
                    connect(
                        f"{self.url}/ws",
                        max_size=_MAX_MESSAGE_BYTES,
                        open_timeout=self.timeout_s,
                        proxy=None,
                    )
                )
            self._socket.send(json.dumps({"type": kind, "data": data}))
            answer = json.loads(self._socket.recv(timeout=self.timeout_s))
        except (OSError, WebSocketException) as error:
            self.close()
            raise ServerUnreachable(f"OpenEnv server {self.url}: {type(error).__name__}: {error}") from error
        except json.JSONDecodeError as error:
            self._refuse(f"an answer that is no JSON: {error}")
        payload = answer.get("data")
        if answer.get("type") != "observation" or not isinstance(payload, dict):
            self._refuse(str(payload)[:300])
        return dict(payload)

    def _refuse(self, detail: str) -> NoReturn:
        raise EnvironmentFault(f"OpenEnv server {self.url} answered: {detail}")

    def _shown(self, answer: dict[str, Any]) -> str:
        observation = answer.get("observation")
        if isinstance(observation, dict):
            if self.observation_key is not None:
                observation = observation.get(self.observation_key)
            elif len(observation) == 1:
                (observation,) = observation.values()
        return observation if isinstance(observation, str) else json.dumps(observation, sort_keys=True)

    def _info(self, answer: dict[str, Any]) -> dict[str, Any]:
        observation = answer.get("observation")
        return {"openenv": observation} if isinstance(observation, dict) else {}
