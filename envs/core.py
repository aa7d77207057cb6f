"""What an environment is: text in, text out, Gymnasium's five-tuple.

An author subclasses TextEnv and writes `reset` and `step`:

    class Guess(TextEnv):
        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.secret = int(self.np_random.integers(1, 11))
            return "Guess a number from 1 to 10.", {}

        def step(self, action):
            won = action.strip() == str(self.secret)
            return ("Yes." if won else "No."), float(won), won, False, {"won": won}

Keys that `info` may carry stand in docs/environments.md, what each has to be in info.py; `make`
fills in `state_key` and sorts `admissible`.
"""

from __future__ import annotations

import copy
import math
import signal
import threading
from collections.abc import Callable, Collection
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import gymnasium
import numpy as np
from gymnasium.spaces import Space

from ..errors import EnvironmentFault, UsageError
from .fingerprint import code_fingerprint
from .images import images_of, named
from .seeds import checked_seed

MAX_TEXT_CHARS = 65_536

ENV_ERRORS = (Exception, SystemExit)
"""What the code of an environment may raise; caught where its calls are made and nowhere else."""

Info = dict[str, Any]
EnvT = TypeVar("EnvT", bound="TextEnv")


class Teacher(Protocol):
    """A player that knows one environment and sees no more of it than an agent does."""

    @property
    def subgoal(self) -> str:
        """Return what the last action was a step towards; "" for the task itself."""
        ...

    def act(self, observation: str, admissible: Collection[str]) -> str:
        """Return the action for what is seen now."""
        ...


TeacherFactory = Callable[[str, np.random.Generator], Teacher]
"""Makes the teacher of one episode from its instruction and a source of chance."""


def has_surrogate(text: str) -> bool:
    """Tell whether text holds a lone surrogate, which UTF-8 cannot encode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


class Utf8(Space[str]):
    """The space of every text that UTF-8 can encode, up to a length in characters.

    `gymnasium.spaces.Text` holds only the characters of a charset, and with its
    default charset not even a blank; observations and actions of language
    agents need all of Unicode.

    Args:
        max_chars: the longest text, in characters.
        seed: seed of `sample`.
    """

    def __init__(
        self, max_chars: int = MAX_TEXT_CHARS, seed: int | np.random.Generator | None = None
    ) -> None:
        if max_chars < 1:
            raise UsageError(f"max_chars must be at least 1, got {max_chars}")
        self.max_chars = max_chars
        super().__init__(shape=(), dtype=None, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Draw a short printable ASCII text."""
        length = int(self.np_random.integers(0, min(self.max_chars, 32) + 1))
        return bytes(self.np_random.integers(32, 127, size=length, dtype=np.uint8)).decode("ascii")

    def contains(self, x: Any) -> bool:
        """Tell whether x is a text without lone surrogates and short enough."""
        return isinstance(x, str) and len(x) <= self.max_chars and not has_surrogate(x)

    @property
    def is_np_flattenable(self) -> bool:
        """Say that texts do not flatten into arrays."""
        return False

    def __repr__(self) -> str:
        return f"Utf8({self.max_chars})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Utf8) and self.max_chars == other.max_chars

    def __hash__(self) -> int:
        return hash((Utf8, self.max_chars))


class TextEnv(gymnasium.Env[str, str]):
    """The base of every environment: observation and action are texts.

    The seed given to `reset` decides the task; whatever is random afterwards
    draws from `self.np_random`, which `super().reset(seed=seed)` seeds.
    An environment that waits for something may also offer
    `async step_async(action)` with the meaning of `step`.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 - Gymnasium's name and type
    observation_space: Space[str] = Utf8()
    action_space: Space[str] = Utf8()
    render_mode: str | None = None
    no_expert: str | None = None
    """Why the environment has no expert, where it has none."""
    no_clone: str | None = None
    """Why the environment cannot be cloned, where it cannot; its turns are then played anew."""
    for_operators: tuple[str, ...] = ()
    """Arguments that of a server only the operator may give, since they name code, commands or addresses."""

    @classmethod
    def teacher(cls) -> TeacherFactory | None:
        """Return the maker of those whom agents may imitate before they are trained; None without one."""
        return None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Seed the generator; subclasses call this first and return (observation, info)."""
        super().reset(seed=seed, options=options)
        return "", {}

    def clone(self) -> Self:
        """Return an independent copy in the same state with the same future."""
        return copy.deepcopy(self)

    def reseed(self, seed: int) -> None:
        """Give the environment fresh randomness from here on; its state stays."""
        self.np_random = np.random.default_rng(seed)

    @property
    def fingerprint(self) -> str:
        """Return a short hash of the code that decides what the environment does."""
        return code_fingerprint(type(self))


class Checked(gymnasium.Wrapper[str, str, str, str], Generic[EnvT]):
    """An environment that is held to the contract and whose info is completed.

    Every text is checked for lone surrogates and length, every reward for being one
    finite number, every five-tuple for its shape; `state_key` is filled in and
    `admissible` sorted. It closes the environment once, at the end of a `with` block too.

    Raises:
        EnvironmentFault: naming the environment, the call and the value.
    """

    def __init__(self, env: EnvT, name: str, *, begun: bool = False, shows: bool = False) -> None:
        super().__init__(env)
        self.text_env = env
        self.name = name
        self._begun, self._shows, self._closed = begun, shows, False  # shows: it may give pictures

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the environment itself."""
        return self.text_env.fingerprint

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Start an episode; see gymnasium.Env.reset.

        Raises:
            UsageError: if the seed is not a whole number from 0 below 2**62.
        """
        seed = checked_seed(seed)
        self._begun = True
        try:
            result = self.env.reset(seed=seed, options=options)
        except BaseException as error:
            raise_as_fault(f"{self.name}.reset", error)
            raise
        if not (isinstance(result, tuple) and len(result) == 2):
            raise self._fault("reset", f"returned {_short(result)}", "(observation, info)")
        self._shows = isinstance(result[1], dict) and "images" in result[1]
        return self._text("reset", result[0]), self._info("reset", *result)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take one turn; see gymnasium.Env.step.

        Raises:
            UsageError: before the first reset.
        """
        if not self._begun:
            raise UsageError(f"{self.name}: step before reset: call reset first")
        try:
            result = self.env.step(action)
        except BaseException as error:
            raise_as_fault(f"{self.name}.step", error)
            raise
        return self.accept(result)

    def accept(self, result: object) -> tuple[str, float, bool, bool, Info]:
        """Check what a step returned and complete it."""
        if not (isinstance(result, tuple) and len(result) == 5):
            raise self._fault(
                "step", f"returned {_short(result)}", "(observation, reward, terminated, truncated, info)"
            )
        observation, reward, terminated, truncated, info = result
        return (
            self._text("step", observation),
            self._number("reward", reward),
            self._flag("terminated", terminated),
            self._flag("truncated", truncated),
            self._info("step", observation, info),
        )

    def close(self) -> None:
        """Close the environment, if it is not closed yet."""
        if not self._closed:
            self._closed = True
            super().close()

    def __exit__(self, *_: object) -> Literal[False]:
        """Close the environment at the end of a block."""
        self.close()
        return False

    def clone(self) -> Checked[EnvT]:
        """Return an independent copy in the same state.

        Raises:
            EnvironmentFault: if the environment says that it cannot be cloned.
        """
        if self.text_env.no_clone is not None:
            raise EnvironmentFault(f"{self.name} cannot be cloned: {self.text_env.no_clone}")
        try:
            copy = self.text_env.clone()
        except BaseException as error:
            raise_as_fault(f"{self.name}.clone", error)
            raise
        return Checked(copy, self.name, begun=self._begun, shows=self._shows)

    def _text(self, call: str, text: object) -> str:
        if not isinstance(text, str):
            raise self._fault(call, f"gave the observation {_short(text)}", "a str")
        if not text.isascii() and has_surrogate(text):
            raise self._fault(call, "gave an observation with a lone surrogate", "text that UTF-8 can encode")
        limit = getattr(self.env.observation_space, "max_chars", MAX_TEXT_CHARS)
        if len(text) > limit:
            raise self._fault(call, f"gave an observation of {len(text)} characters", f"at most {limit}")
        return text

    def _number(self, what: str, value: object) -> float:
        number = only_element(value)
        if isinstance(number, int | float) and math.isfinite(number):
            return float(number)
        raise self._fault("step", f"gave the {what} {_short(value)}", "a finite number")

    def _flag(self, what: str, value: object) -> bool:
        flag = only_element(value)
        if isinstance(flag, bool | int) and flag in (0, 1):
            return bool(flag)
        raise self._fault("step", f"gave {_short(value)} as {what}", "True or False")

    def _info(self, call: str, observation: object, info: object) -> Info:
        if not isinstance(info, dict):
            raise self._fault(call, f"gave the info {_short(info)}", "a dict")
        if info.get("admissible") is not None:
            info = {**info, "admissible": self._sorted(call, info["admissible"])}
        images = self._images(call, info) if "images" in info else ()
        return info if "state_key" in info else {**info, "state_key": named(observation, images)}

    def _images(self, call: str, info: Info) -> tuple[str, ...]:
        """Return the pictures of a reply: who cannot see them has to know it from the first one on."""
        if not self._shows:
            expected = "info['images'] with the first observation too, [] where there is no picture yet"
            raise self._fault(call, "gave info['images'], and reset did not", expected)
        try:
            return images_of(info)
        except ValueError as error:
            raise EnvironmentFault(f"{self.name}.{call}: {error}") from error

    def _sorted(self, call: str, admissible: object) -> list[str]:
        """Return the admissible actions in the one order that decoding and seeds rely on."""
        if isinstance(admissible, list | tuple | set | frozenset):
            try:
                "".join(admissible)  # the quickest check that all are texts
            except TypeError:
                pass
            else:
                return sorted(admissible)
        given = f"gave the admissible actions {_short(admissible)}"
        raise self._fault(call, given, "a list of texts or None")

    def _fault(self, call: str, given: str, expected: str) -> EnvironmentFault:
        return EnvironmentFault(f"{self.name}.{call} {given}; expected {expected}")


def raise_as_fault(call: str, error: BaseException) -> None:
    """Raise a fault in place of an error that others would take for something else; else return.

    An end of iteration and what is not an Exception mean something to a generator, an event
    loop or a thread that runs the call; and an error whose text cannot be made helps nobody.

    Raises:
        EnvironmentFault: instead of such an error.
    """
    passes = isinstance(error, Exception | SystemExit) and not isinstance(error, StopIteration)
    passes = passes or from_keyboard(error)
    try:
        str(error)
    except Exception:  # noqa: BLE001 - code of the environment
        passes = False
    if not passes:
        raise EnvironmentFault(f"{call} raised {type(error).__name__}") from error


def from_keyboard(error: BaseException) -> bool:
    """Tell whether an error may be somebody's Ctrl-C, rather than an environment's own doing.

    It is not one on a thread, nor where a handler of the signal is there that says of itself,
    by an attribute `raises_nothing`, that it raises nothing: in a server.
    """
    if not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    return callable(handler) and not getattr(handler, "raises_nothing", False)


def only_element(value: Any) -> Any:
    """Return the element of an array or scalar of numpy that has one; anything else as it is."""
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
