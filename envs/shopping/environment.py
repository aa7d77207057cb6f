"""The shop as an environment: an instruction, a search engine, pages, a purchase.

Yao et al., "WebShop: Towards Scalable Real-World Web Interaction with Grounded
Language Agents" (arXiv 2207.01206). Actions are `search[words]` and
`click[text]`; the reward comes with `click[buy now]` and lies in [0, 1].

`info["admissible"]` lists `click[...]` for everything that can be clicked. On the
search page it is None, since any words can be searched for there; with `choices`
it lists a `search[...]` for every run of the instruction's own words (see
`queries`). (Searching works on the other pages too, as in the original, and for
any words, without being listed.)

`info["rewards"]` holds tiers, each given once an episode, when it is first
reached: `found` (the goal's product is listed), `opened` (its page is shown),
`chosen` (share of the wanted options that became right), `outcome` (the score)
and `perfect` (10 for a score of exactly 1, the literature's training reward).

`reset(options=)`: `expert` puts the next action into info["private"]["expert"],
`answer` the wanted purchase into info["private"]["answer"], `goal_index` picks
the goal.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Self, get_args

from ...errors import UnknownName, UsageError
from ..core import TextEnv
from ..fingerprint import code_fingerprint
from ..retrieval.bm25 import Bm25Index
from ..tools import command
from .catalogue import Catalogue
from .expert import expert_action
from .goals import Goal
from .pages import Mode, render
from .queries import queries_of
from .scoring import matched_options, reward
from .session import Visit, buttons, follow, show

MAX_TURNS = 15
SUCCESS_REWARD = 10.0
_TOOLS = (
    command("search", "search[{words}]", "look for products"),
    command("click", "click[{text}]", "follow a button, a product or an option of the page"),
)


class ShoppingEnv(TextEnv):
    """A shop with a goal that the seed decides.

    Args:
        catalogue: shared by every session of a process; never copied.
        goals: every goal.
        groups: the numbers of the goals to draw from: first a group, then a goal of it.
        mode: `text` or `text_rich`.
        goal_index: always this goal, by its number among all goals.
        strict: match options by name and exact value.
        max_turns: an episode ends after so many turns.
        choices: list searches on the search page, for agents that choose from a list.
        goals_digest: what the goals are, where neither code nor catalogue decides it.

    Raises:
        UnknownName: if there is no such mode.
        UsageError: if goal_index or max_turns is out of range.
    """

    _visit: Visit
    _turn: int
    _right: float  # share of the wanted options that have been right at some time

    def __init__(
        self,
        catalogue: Catalogue,
        goals: Sequence[Goal],
        groups: Sequence[Sequence[int]],
        *,
        mode: Mode = "text",
        goal_index: int | None = None,
        strict: bool = False,
        max_turns: int = MAX_TURNS,
        choices: bool = False,
        goals_digest: str = "",
    ) -> None:
        if mode not in get_args(Mode):
            raise UnknownName("mode", mode, get_args(Mode))
        if max_turns < 1:
            raise UsageError(f"max_turns must be at least 1, got {max_turns}")
        self._catalogue = catalogue
        self._goals = goals
        self._groups = [[self._checked(goal_index)]] if goal_index is not None else groups
        self._mode = mode
        self._strict = strict
        self._max_turns = max_turns
        self._choices = choices
        self._goals_digest = goals_digest
        self._private: frozenset[str] = frozenset()
        self._start(self._groups[0][0])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start a visit for a goal that the seed, or `options["goal_index"]`, decides."""
        super().reset(seed=seed)
        asked = options or {}
        self._private = frozenset(key for key in ("expert", "answer") if asked.get(key))
        number = asked.get("goal_index")
        if number is None:
            group = self._groups[int(self.np_random.integers(len(self._groups)))]
            number = group[int(self.np_random.integers(len(group)))]
        self._start(self._checked(number))
        return self._observe(), {**self._info({}), "tools": list(_TOOLS)}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take one action; what means nothing on the page costs a turn and changes nothing."""
        before, over = self._right, self._visit.page == "done"
        self._turn += 1
        self._visit = follow(self._visit, action, self._catalogue)
        terminated = self._visit.page == "done"
        bought = 0.0
        if terminated and not over:
            bought = self._score = self._value()
        tiers = {} if over else self._tiers(before, bought)
        truncated = not terminated and self._turn >= self._max_turns
        return self._observe(), bought, terminated, truncated, self._info(tiers)

    def clone(self) -> Self:
        """Return an independent copy in the same state; the catalogue is shared."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    @property
    def fingerprint(self) -> str:
        """Return a hash of the code, the search engine's code, the catalogue and the goals."""
        parts = [code_fingerprint(type(self)), code_fingerprint(Bm25Index), self._catalogue.digest]
        parts.append(self._goals_digest)
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]

    def _start(self, number: int) -> None:
        self._number = number
        self._goal = self._goals[number]
        self._visit = Visit()
        self._turn = 0
        self._score = 0.0
        self._right = 0.0
        self._reached: frozenset[str] = frozenset()

    def _checked(self, number: object) -> int:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(self._goals):
            raise UsageError(f"goal_index must be from 0 to {len(self._goals) - 1}, got {number!r}")
        return number

    def _observe(self) -> str:
        return render(show(self._visit, self._goal.instruction, self._catalogue, self._score), self._mode)

    def _value(self) -> float:
        product = self._catalogue.products[self._visit.asin]
        price = self._catalogue.prices[self._visit.asin]
        parts = reward(self._goal, product, dict(self._visit.options), price, strict=self._strict)
        return float(parts["reward"])

    def _tiers(self, before: float, bought: float) -> dict[str, float]:
        visit, goal = self._visit, self._goal
        reached = set(self._reached)
        if visit.page == "results" and goal.asin in visit.listed:
            reached.add("found")
        if visit.page == "item" and visit.asin == goal.asin:
            reached |= {"opened"}
            if goal.options:
                right = matched_options(goal.options, dict(visit.options), strict=self._strict)
                self._right = max(before, len(right) / len(goal.options))
        new = reached - self._reached
        self._reached = frozenset(reached)
        return {
            "found": float("found" in new),
            "opened": float("opened" in new),
            "chosen": self._right - before,
            "outcome": bought,
            "perfect": SUCCESS_REWARD if bought == 1.0 else 0.0,
        }

    def _info(self, tiers: dict[str, float]) -> dict[str, Any]:
        visit = self._visit
        info: dict[str, Any] = {
            "admissible": self._admissible(),
            "state_hash": self._state_hash(),
            "rewards": tiers,
            "task": f"{self._goal.asin}/{self._number}",
            "instruction": self._goal.instruction,
            "won": self._score == 1.0,
            "score": self._score,
        }
        private: dict[str, Any] = {}
        if "expert" in self._private and visit.page != "done":
            private["expert"] = expert_action(
                self._goal, visit, self._catalogue, strict=self._strict, listed=self._choices
            )
        if "answer" in self._private:
            options = self._goal.options
            wanted = dict(options) if isinstance(options, dict) else list(options)
            private["answer"] = {"asin": self._goal.asin, "options": wanted}
        return {**info, "private": private} if private else info

    def _admissible(self) -> list[str] | None:
        if self._visit.page != "search":
            return sorted(f"click[{text}]" for text in buttons(self._visit, self._catalogue))
        if not self._choices:
            return None
        return sorted(f"search[{query}]" for query in queries_of(self._goal.instruction))

    def _state_hash(self) -> str:
        visit = self._visit
        state = [
            self._number, visit.page, visit.query, visit.number, sorted(visit.opened), visit.asin,
            visit.options, visit.sub, self._turn, self._right, sorted(self._reached),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
