"""A plain Gymnasium environment as one of ours: text in, text out.

`turnwise.make` wraps an environment that is no TextEnv in a TextAdapter by itself, so that

    turnwise check my_env.py:MyEnv
    turnwise eval --env FrozenLake-v1 ...

take it as it is where its observations are texts (or dicts that hold one) and its actions
are texts or have names. Otherwise a class of one's own says how:

    class Lake(TextAdapter):
        def __init__(self):
            super().__init__(
                gymnasium.make("FrozenLake-v1"),
                names=["left", "down", "right", "up"],
                text=lambda place: f"You stand on field {place}.",
            )
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

from ...errors import EnvironmentFault, UsageError
from ..core import Info, TextEnv, Utf8, only_element
from ..fingerprint import code_fingerprint

ToText = Callable[[Any], str]

_OURS = ("expert",)
"""Options of a reset that only a TextEnv knows."""


class TextAdapter(TextEnv):
    """A plain Gymnasium environment whose observations and actions are made texts.

    An action that has no such name changes nothing and earns nothing. `admissible` are the
    names, but for those that `info["action_mask"]` rules out; `state_key` is the observation.
    It is cloned by deepcopy; where that fails, or the environment says `no_clone`, turns are
    played anew instead.

    Args:
        env: the environment; it is closed with the adapter.
        names: the names of Discrete actions in order; `env.action_names` by default.
        text: what makes a text of an observation, or the key of the text in a dict; where a
            dict holds one text alone, that one by default.

    Raises:
        UsageError: if it has no text to show or no names of actions, with what to do.
    """

    no_expert = "a plain Gymnasium environment has none"

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        names: Sequence[str] | None = None,
        text: ToText | str | None = None,
    ) -> None:
        if not isinstance(env, gymnasium.Env):
            raise UsageError(f"TextAdapter got {type(env).__name__}; expected a gymnasium.Env")
        self.env = env
        self.no_clone = attribute_of(env, "no_clone")
        self._text: ToText | None = text if callable(text) else None
        self._key = None if callable(text) else _checked_key(env, text)
        self._numbers = _numbers(env, attribute_of(env, "action_names") if names is None else names)
        self._seen, self._info = "", Info()

    @property
    def fingerprint(self) -> str:
        """Return a hash of the code of the environment and the adapter, and of the names."""
        code = code_fingerprint(type(self.env.unwrapped)), code_fingerprint(type(self))
        parts = [*code, str(self.env), list(self._numbers or ()), self._key]  # the first with its wrappers
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Start an episode; options that only a TextEnv knows stay here."""
        super().reset(seed=seed)
        options = {name: value for name, value in (options or {}).items() if name not in _OURS}
        observation, info = self.env.reset(seed=seed, options=options or None)
        return self._show(observation, info)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take one turn; an action that there is not changes nothing."""
        given: Any = action
        if self._numbers is not None:
            if action not in self._info.get("admissible", self._numbers):
                told = f"There is no action {action[:100]!r} here.\n\n{self._seen}"[: Utf8().max_chars]
                return told, 0.0, False, False, dict(self._info)
            given = self._numbers[action]
        observation, reward, terminated, truncated, info = self.env.step(given)
        number, terminated, truncated = map(only_element, (reward, terminated, truncated))
        shown, info = self._show(observation, info)
        return shown, number, terminated, truncated, info

    def clone(self) -> Self:
        """Return an independent copy in the same state.

        Raises:
            EnvironmentFault: if the environment cannot be copied, which `no_clone` says from then on.
        """
        try:
            return super().clone()
        except Exception as error:
            self.no_clone = f"deepcopy raised {type(error).__name__}: {error}"
            raise EnvironmentFault(f"{self.env} cannot be cloned: {self.no_clone}") from error

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness; it is drawn from where it uses `np_random`."""
        self.env.unwrapped.np_random = np.random.default_rng(seed)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def _show(self, observation: Any, info: Any) -> tuple[str, Info]:
        self._seen = self._text_of(observation)
        info = plain(dict(info))
        if self._numbers is not None:
            mask = info.get("action_mask") or [1] * len(self._numbers)
            info["admissible"] = [name for name, allowed in zip(self._numbers, mask, strict=True) if allowed]
        self._info = {"state_key": self._seen, **info}
        return self._seen, dict(self._info)

    def _text_of(self, observation: Any) -> str:
        if self._text is not None:
            return self._text(observation)
        shown = observation
        if self._key is not None:
            shown = observation.get(self._key) if isinstance(observation, Mapping) else None
        if not isinstance(shown, str):
            where = "" if self._key is None else f" under {self._key!r}"
            raise EnvironmentFault(
                f"{self.env} gave the observation {_short(observation)}; expected a text{where}"
            )
        return str(shown)


def attribute_of(env: gymnasium.Env[Any, Any], name: str) -> Any:
    """Return an attribute of an environment or of one that it wraps; None without it."""
    return env.get_wrapper_attr(name) if env.has_wrapper_attr(name) else None


def plain(value: Any) -> Any:
    """Return a value with the arrays and scalars of numpy in it as plain lists, numbers and texts."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _numbers(env: gymnasium.Env[Any, Any], names: Any) -> dict[str, int] | None:
    """Return name -> number of the actions; None where they are texts themselves."""
    space = getattr(env, "action_space", None)
    if _holds_text(space):
        return None
    if not isinstance(space, Discrete):
        raise UsageError(
            f"{env} has actions of {space}; expected texts or Discrete: write a gymnasium.ActionWrapper "
            "that takes texts, or a turnwise.TextEnv"
        )
    cure = (
        """give names=[...] as an argument (-k 'names=["off", "on"]' on the command line, in a recipe in """
        "env.train_kwargs and env.eval_kwargs) or to turnwise.TextAdapter, or the class action_names"
    )
    if names is None:
        raise UsageError(f"{env} has actions of {space} without names: {cure}")
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"names of actions {_short(names)}: expected a list of texts")
    if len(set(names)) != len(names) or len(names) != space.n:
        raise UsageError(f"names of actions {_short(names)}: expected {space.n} different ones for {space}")
    return {name: int(space.start) + place for place, name in enumerate(names)}


def _checked_key(env: gymnasium.Env[Any, Any], key: str | None) -> str | None:
    """Return where the text of an observation stands; None where it is one itself."""
    space = getattr(env, "observation_space", None)
    if key is None and _holds_text(space):
        return None
    parts = space.spaces if isinstance(space, gymnasium.spaces.Dict) else {}
    texts = [name for name, part in parts.items() if _holds_text(part)]
    if key is None and len(texts) == 1:
        return texts[0]
    if key is not None and key in texts:
        return key
    cure = "make a subclass of turnwise.TextAdapter that gives text=FUNCTION, from an observation to a text"
    if texts:
        cure = f"give text=KEY, one of {texts}"
    given = "" if key is None else f" and no text under {key!r}"
    raise UsageError(f"{env} has observations of {_short(space)}{given}; expected one text: {cure}")


def _holds_text(space: Any) -> bool:
    return space is None or isinstance(space, Utf8 | gymnasium.spaces.Text)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
