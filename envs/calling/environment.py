"""`calling/office-v1`: carry out a request by calling functions; graded by state, answer and calls.

The agent writes `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` and
reads `<tool_response>...</tool_response>`, with a result or an error; it ends with
`<answer>text</answer>`, which is compared where the request asks for something. Tags
inside a thought mean nothing (envs.calling.messages).

The reward comes with the answer: 1 if the office is in the state that the request
asks for, nothing else changed, and the answer is right. `grade="calls"` also asks
that the calls that changed something are exactly those of the solution.

`info["rewards"]` holds tiers, all of them after every message: `tool_calls` (1 for a
call), `error` (1 for one that failed), `progress` (share of the solution's calls made
for the first time) and `state`, `answer` and `calls` (0 or 1 at the end). `info["malformed"]`
tells of a message in which no call could be read.

`reset(options=)`: `expert` puts the next message into info["private"]["expert"],
`answer` the solution into info["private"]["answer"], `task_number` picks the task.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any, Literal, Self, get_args

from ...errors import UnknownName, UsageError
from ..core import TextEnv
from ..retrieval.draws import draw
from ..search.answers import exact_match
from ..tools import command
from .api import FUNCTIONS
from .functions import CallError
from .messages import FORM, UNREAD, answer_of, call_of
from .state import TODAY, WEEK
from .tasks import FAMILIES, HELD_OUT, Call, Task, make_task

Grade = Literal["state", "calls"]

MAX_TURNS = 12
_ANSWER = command(
    "answer", "<answer>{text}</answer>", "answer the request, or say that it is done; this ends it"
)
_NUM_TASKS = 100_000
_TIERS = ("tool_calls", "error", "progress", "state", "answer", "calls")
_SPLITS = ("all", "train", "seen", "unseen", "test")


class OfficeEnv(TextEnv):
    """An office of contacts, events, files and orders to work in; the seed decides the task.

    Args:
        split: all; train and seen (other tasks of the same families); unseen (families that training
            never meets); test (tasks of every family that no other split holds).
        family: only tasks of one family.
        grade: state, or calls to ask for the solution's own changes as well.
        max_turns: an episode ends after so many turns.
        show_functions: list the functions in the first observation; `info["tools"]` always has them.
        task_number: always this task, from 0 to 99 999.
        world_seed: another seed is another set of tasks.

    Raises:
        UnknownName: if there is no such split, family or grade.
        UsageError: if a number is out of range, or the split has no task of the family.
    """

    _over: bool

    def __init__(
        self,
        split: str = "train",
        family: str | None = None,
        grade: str = "state",
        max_turns: int = MAX_TURNS,
        show_functions: bool = True,
        task_number: int | None = None,
        world_seed: int = 0,
    ) -> None:
        if grade not in get_args(Grade):
            raise UnknownName("grade", grade, get_args(Grade))
        if max_turns < 1:
            raise UsageError(f"max_turns must be at least 1, got {max_turns}")
        self._split, self._families = split, _families_of(split, family)
        self._grade, self._max_turns = grade, max_turns
        self._show_functions, self._world_seed = show_functions, world_seed
        self._fixed = None if task_number is None else _checked(task_number)
        self._private: frozenset[str] = frozenset()
        self._start(self._fixed or 0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start a task that the seed, or `options["task_number"]`, decides."""
        super().reset(seed=seed)
        asked = options or {}
        self._private = frozenset(key for key in ("expert", "answer") if asked.get(key))
        number = asked.get("task_number", self._fixed)
        while number is None:
            drawn = int(self.np_random.integers(_NUM_TASKS))
            number = drawn if self._split in ("all", _part(drawn), "unseen") else None
        self._start(_checked(number))
        tools = [*(function.schema() for function in FUNCTIONS.values()), _ANSWER]
        return self._opening(), {**self._info({}), "tools": tools}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Read one message: a call, the answer, or something that is neither."""
        if self._over:
            return "", 0.0, True, False, self._info({})
        self._turn += 1
        observation, reward, unread, tiers = "", 0.0, False, dict.fromkeys(_TIERS, 0.0)
        answer = answer_of(action)
        if answer is not None:
            self._over = True
            tiers |= self._grades(answer)
            wanted = [tiers["state"], tiers["answer"], *([tiers["calls"]] if self._grade == "calls" else [])]
            reward = self._score = min(wanted)
        else:
            observation, unread = self._call(action, tiers)
        truncated = not self._over and self._turn >= self._max_turns
        return observation, reward, self._over, truncated, {**self._info(tiers), "malformed": unread}

    def clone(self) -> Self:
        """Return an independent copy in the same state."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        twin._office = self._office.copy()
        twin._changes = list(self._changes)
        twin._left = list(self._left)
        return twin

    def _start(self, number: int) -> None:
        self._task: Task = make_task(self._world_seed, number, self._families)
        self._office = self._task.office.copy()
        self._changes: list[Call] = []  # calls that changed the office
        self._left = list(self._task.plan)
        self._turn = 0
        self._over = False
        self._score = 0.0

    def _opening(self) -> str:
        days = ", ".join(f"{day} {date}" for day, date in WEEK.items())
        text = f"Request: {self._task.instruction}\nToday is {TODAY}. This week: {days}."
        if not self._show_functions:
            return text
        functions = "\n".join(function.signature for function in FUNCTIONS.values())
        return f"{text}\nFunctions:\n{functions}\nTo act, {FORM}."

    def _call(self, action: str, tiers: dict[str, float]) -> tuple[str, bool]:
        """Make the call of a message; whatever is wrong with it is said in the reply.

        Returns:
            the reply, and whether no call could be read.
        """
        unread = False
        try:
            call = call_of(action)
            result: Any = {"result": FUNCTIONS[call.name].run(self._office, **call.arguments)}
        except CallError as error:
            unread = error.code in UNREAD
            tiers["error"] = 1.0
            result = {"error": error.code, "detail": error.detail}
        else:
            if FUNCTIONS[call.name].changes:
                self._changes.append(call)
            if call in self._left:
                self._left.remove(call)
                tiers["progress"] = 1 / len(self._task.plan)
        tiers["tool_calls"] = float(not unread)
        return f"<tool_response>{json.dumps(result)}</tool_response>", unread

    def _grades(self, answer: str) -> dict[str, float]:
        wanted = [call for call in self._task.plan if FUNCTIONS[call.name].changes]
        same_calls = sorted(map(_key, self._changes)) == sorted(map(_key, wanted))
        expected = self._task.answer
        return {
            "state": float(self._office.canonical() == self._task.goal),
            "answer": 1.0 if expected is None else exact_match(answer, [expected]),
            "calls": float(same_calls),
        }

    def _info(self, tiers: dict[str, float]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "admissible": None,
            "state_hash": self._state_hash(),
            "rewards": tiers,
            "task": f"{self._task.family}/{self._task.number}",
            "instruction": self._task.instruction,
            "won": self._score == 1.0,
            "score": self._score,
        }
        private: dict[str, Any] = {}
        if "expert" in self._private and not self._over:
            private["expert"] = self._expert()
        if "answer" in self._private:
            calls = [{"name": call.name, "arguments": call.arguments} for call in self._task.plan]
            private["answer"] = {"calls": calls, "text": self._task.answer}
        return {**info, "private": private} if private else info

    def _expert(self) -> str:
        """Make the next call of the solution that is missing, then answer."""
        if self._left:
            call = self._left[0]
            body = json.dumps({"name": call.name, "arguments": call.arguments})
            return f"<tool_call>{body}</tool_call>"
        return f"<answer>{self._task.answer if self._task.answer is not None else 'done'}</answer>"

    def _state_hash(self) -> str:
        calls = [[call.name, call.arguments] for call in [*self._changes, *self._left]]
        state = [
            self._task.family,
            self._task.number,
            self._turn,
            self._over,
            self._office.canonical(),
            calls,
        ]
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def _key(call: Call) -> str:
    return json.dumps([call.name, call.arguments], sort_keys=True)


def _families_of(split: str, family: str | None) -> tuple[str, ...]:
    if split not in _SPLITS:
        raise UnknownName("split", split, _SPLITS)
    if family is not None and family not in FAMILIES:
        raise UnknownName("family", family, FAMILIES)
    held = {"train": False, "seen": False, "unseen": True}.get(split)
    kept = tuple(name for name in FAMILIES if family in (None, name) and held in (None, name in HELD_OUT))
    if not kept:
        raise UsageError(
            f"split {split!r} has no task of family {family!r}; held out are {', '.join(HELD_OUT)}"
        )
    return kept


def _part(number: int) -> str:
    """Return the split that a task number belongs to: 80 % train, 10 % seen, 10 % test."""
    bucket = draw(f"calling task {number}", 10)
    return "train" if bucket < 8 else "seen" if bucket < 9 else "test"


def _checked(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _NUM_TASKS:
        raise UsageError(f"task_number must be from 0 to {_NUM_TASKS - 1}, got {number!r}")
    return number
