"""Plain Gymnasium environments: taken as they are, wrapped, or refused with what to do.

1. Texts, dicts with a text, and Discrete actions with names pass every check as file.py:Class.
2. A registered id of Gymnasium is an environment for make, the command line, a server and a teacher.
3. What has no text or no names is refused in one line that says what to give, and is closed.
4. Names map to numbers from the start of the space; a mask rules actions out; no name, no turn.
5. What cannot be copied says so, and a server's fork plays its turns anew.
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Text

import turnwise
from turnwise.envs import teacher_of
from turnwise.envs.check import check_environment
from turnwise.errors import EnvironmentFault, UsageError
from turnwise.servers.client import RemoteEnv
from turnwise.servers.isolation.arguments import parse_rules
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.problems import Refused

Result = tuple[Any, Any, Any, Any, dict[str, Any]]


class Doors(gymnasium.Env[Any, Any]):
    """Open the door behind which the prize is, in two tries."""

    observation_space = Text(1000)
    action_space: Any = Text(100)
    names: ClassVar = ("left", "middle", "right")

    def __init__(self, label: str = "door") -> None:
        self.label, self.num_closed = label, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        assert options is None, "it knows of no options"
        self.prize, self.tried = self.names[int(self.np_random.integers(3))], np.zeros(3, dtype=np.int8)
        return f"Three {self.label}s.", {"odds": np.float64(1 / 3)}

    def step(self, action: Any) -> Result:
        won = action == self.prize
        if action in self.names:
            self.tried[self.names.index(action)] = 1
        over = bool(won or self.tried.sum() == 2)
        return f"Tried {self.tried.sum()}.", np.array([float(won)]), np.bool_(over), False, {"won": won}

    def close(self) -> None:
        self.num_closed += 1


class Numbered(Doors):
    """Doors with numbers from 5, of which those tried are locked."""

    action_space = Discrete(3, start=5)
    action_names: ClassVar = ["left", "middle", "right"]

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = super().reset(**arguments)
        return observation, {**info, "action_mask": 1 - self.tried}

    def step(self, action: Any) -> Result:
        *rest, info = super().step(self.names[action - 5])
        return (*rest, {**info, "action_mask": 1 - self.tried})  # type: ignore[return-value]


class Pictured(Numbered):
    """Numbered doors with a picture beside the text."""

    observation_space: Any = Dict({"picture": Box(0, 1, (2,)), "words": Text(1000)})

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = super().reset(**arguments)
        return {"picture": np.zeros(2), "words": observation}, info

    def step(self, action: Any) -> Result:
        observation, *rest = super().step(action)
        return ({"picture": np.ones(2), "words": observation}, *rest)  # type: ignore[return-value]


class Nameless(Numbered):
    """Numbered doors that nobody has named."""

    action_names: ClassVar[Any] = None


class Seen(Doors):
    """Doors that are only to be seen."""

    observation_space: Any = Box(0, 1, (2,))


class Captioned(Doors):
    """Doors with two texts."""

    observation_space: Any = Dict({"above": Text(9), "below": Text(9)})


class Locked(Doors):
    """Doors that hold what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


class Shared(Numbered):
    """Doors of which copies share a state, as they do where the state is another process's."""

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        self.num_turns = 0
        return super().reset(**arguments)

    def step(self, action: Any) -> Result:
        self.num_turns += 1
        return (f"Turn {self.num_turns}.", *super().step(action)[1:])

    def __deepcopy__(self, memo: object) -> Shared:
        return self


class Declared(Shared):
    """The same, and it says so."""

    no_clone = "the doors are of stone"


def place(cls: type) -> str:
    return f"{__file__}:{cls.__name__}"


def outcomes(cls: type, **kwargs: Any) -> dict[str, str]:
    return {verdict.name: verdict.outcome for verdict in check_environment(place(cls), kwargs, seeds=(0, 1))}


@pytest.mark.parametrize("cls", [Doors, Pictured, Locked, Declared])
def test_it_passes_every_check(cls: type) -> None:
    found = outcomes(cls)
    assert "failed" not in found.values()
    assert found["clone equals replay"] == ("skipped" if cls in (Locked, Declared) else "passed")


def test_a_copy_that_is_none_is_found_out() -> None:
    verdicts = {v.name: v for v in check_environment(place(Shared), seeds=(0, 1))}
    assert verdicts["clone equals replay"].outcome == "failed"
    assert "no_clone = 'REASON'" in verdicts["clone equals replay"].detail


def test_names_are_numbers_from_the_start_of_the_space() -> None:
    with turnwise.make(place(Numbered)) as env:
        observation, info = env.reset(seed=3, options={"expert": True})
        assert (observation, info["state_key"]) == ("Three doors.", "Three doors.")
        assert info["admissible"] == ["left", "middle", "right"]
        prize = env.unwrapped.env.unwrapped.prize  # type: ignore[attr-defined]
        wrong = next(name for name in Doors.names if name != prize)
        observation, reward, over, _, info = env.step(wrong)
        assert (observation, reward, over) == ("Tried 1.", 0.0, False)
        assert info["admissible"] == [name for name in Doors.names if name != wrong]
        told, reward, over, _, again = env.step(wrong)
        assert (told, reward, over) == (f"There is no action {wrong!r} here.\n\nTried 1.", 0.0, False)
        assert again == info
        assert again["state_key"] == "Tried 1."
        assert env.step(prize)[1:3] == (1.0, True)


@pytest.mark.parametrize(
    ("cls", "kwargs", "words"),
    [
        (Nameless, {}, ["Discrete(3, start=5) without names", "give names=[...]"]),
        (Nameless, {"names": ["left", "right"]}, ["expected 3 different ones"]),
        (Nameless, {"names": ["left", "left", "right"]}, ["expected 3 different ones"]),
        (Nameless, {"names": "abc"}, ["expected a list of texts"]),
        (Seen, {}, ["observations of Box(0.0, 1.0, (2,), float32)", "text=FUNCTION"]),
        (Captioned, {}, ["give text=KEY, one of ['above', 'below']"]),
        (Captioned, {"text": "beside"}, ["no text under 'beside'", "one of ['above', 'below']"]),
    ],
)
def test_what_has_no_text_or_no_names_is_refused(
    cls: type, kwargs: dict[str, Any], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []
    monkeypatch.setattr(Doors, "close", lambda self: closed.append(self))
    with pytest.raises(UsageError) as refusal:
        turnwise.make(cls, **kwargs)
    message = str(refusal.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert len(closed) == 1


def test_arguments_of_the_adapter_and_of_the_environment() -> None:
    with turnwise.make(place(Nameless), names=["a", "b", "c"], label="gate") as env:
        assert env.reset(seed=1)[0] == "Three gates."
        assert env.step("b")[0] == "Tried 1."
    with turnwise.make(place(Captioned), text="below") as env, pytest.raises(EnvironmentFault, match="Three"):
        env.reset(seed=1)  # the class promised a dict


def test_an_operator_names_the_actions_and_clients_cannot() -> None:

    rules = parse_rules([f'{place(Nameless)}:names=["a", "b", "c"]'])
    catalogue = Catalogue([place(Nameless)], arguments=rules)
    assert catalogue.admit(place(Nameless), {"label": "lid"}) == {"label": "lid", "names": ["a", "b", "c"]}
    with pytest.raises(Refused, match="operator's"):
        catalogue.admit(place(Nameless), {"names": ["x", "y", "z"]})


def test_an_id_of_gymnasium(tmp_path: Any) -> None:
    gymnasium.register("plain/Doors-v3", f"{__name__}:Numbered", max_episode_steps=1)
    try:
        with turnwise.make("plain/Doors-v3", label="lid") as env:
            assert env.reset(seed=3)[0] == "Three lids."
            assert env.step("left")[3] is True  # the limit of Gymnasium's own registry
        assert teacher_of("plain/Doors-v3") is None
        (listed,) = Catalogue(["plain/Doors-v3"]).listing()
        assert (listed["version"], list(listed["kwargs"])) == (3, ["label", "names", "text"])
        assert listed["no_expert"] == "a plain Gymnasium environment has none"
    finally:
        del gymnasium.registry["plain/Doors-v3"]
    with pytest.raises(UsageError, match="no_such_module"):
        turnwise.make("no_such_module:Doors-v3")


def test_a_subclass_of_the_adapter_says_how() -> None:
    lake = "FrozenLake-v1"

    class Lake(turnwise.TextAdapter):
        def __init__(self) -> None:
            names = ["left", "down", "right", "up"]
            super().__init__(gymnasium.make(lake), names=names, text=lambda place: f"Field {place}.")

    with turnwise.make(Lake) as env:
        assert env.reset(seed=0)[0] == "Field 0."
        copy = env.clone()
        assert [env.step("down")[0] for _ in range(9)] == [copy.step("down")[0] for _ in range(9)]


@pytest.mark.parametrize("cls", [Doors, Locked])
def test_a_server_serves_it(cls: type) -> None:
    with RemoteEnv("local:", place(cls)) as env:
        env.reset(seed=3)
        assert env.step("left")[0] == "Tried 1."
        assert env.last_reply is not None


def test_fingerprints_tell_names_and_wrappers_apart() -> None:
    def fingerprint(**kwargs: Any) -> str:
        return turnwise.make(Nameless, **kwargs).fingerprint

    assert fingerprint(names=["a", "b", "c"]) == fingerprint(names=["a", "b", "c"])
    assert fingerprint(names=["a", "b", "c"]) != fingerprint(names=["a", "c", "b"])
