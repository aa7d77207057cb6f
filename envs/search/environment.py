"""Question answering with a search engine as an environment.

Jin et al., "Search-R1" (arXiv 2503.09516). The agent searches with
`<search>query</search>` and ends with `<answer>text</answer>`; the reward is the
answer's metric, exact match by default.

`info["rewards"]` holds tiers, all of them after every message: `tool_calls` (1 for a
search), `cost` (minus the price of a call), `supporting` (share of the supporting
passages found for the first time, where they are known), `readable` (1 for a message
that is) and `em`, `f1` and `substring` (of the answer). `info["malformed"]` tells of a
message that could not be read.

`reset(options=)`: `expert` puts the next message into info["private"]["expert"],
`answer` the gold answers into info["private"]["answer"], `question_index` picks
the question.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from ...errors import UnknownName, UsageError
from ..core import TextEnv
from ..fingerprint import code_fingerprint
from ..retrieval.bm25 import Bm25Index
from ..retrieval.documents import Hit, Passage, Retriever
from ..tools import command
from .answers import METRICS
from .protocol import INVALID, Answer, Search, information, read
from .questions import QuestionSet

StepResult = tuple[str, float, bool, bool, dict[str, Any]]

MAX_TURNS = 4
TOP_K = 3
BUDGET = 500
_SEARCH = command(
    "search",
    "<search>{query}</search>",
    "ask a search engine for what you do not know; what it finds comes back between "
    "<information> and </information>",
)
_SEARCH_IN = command(
    "search_in", '<search kb="{name}">{query}</search>', "the same in the knowledge base of that name"
)
_ANSWER = command(
    "answer",
    "<answer>{text}</answer>",
    "give the final answer in a few words, without explaining it, e.g. <answer>Lisbon</answer>; "
    "this ends the task",
)


class SearchEnv(TextEnv):
    """A question to be answered with a search engine; the seed decides which.

    Args:
        knowledge: retrievers by name, shared by every session; the first is asked unless a message names one.
        questions: every question.
        chosen: the numbers of the questions to draw from.
        topk: passages per search.
        max_turns: an episode ends after so many turns.
        reward: em, f1 or substring.
        budget: words and punctuation marks of the passages in one reply.
        cost_per_call: the tier `cost` of a search is minus this.
        question_index: always this question, by its number among all questions.

    Raises:
        UnknownName: if there is no such metric.
        UsageError: if a number is out of range.
    """

    def __init__(
        self,
        knowledge: Mapping[str, Retriever],
        questions: QuestionSet,
        chosen: Sequence[int],
        *,
        topk: int = TOP_K,
        max_turns: int = MAX_TURNS,
        reward: str = "em",
        budget: int = BUDGET,
        cost_per_call: float = 0.0,
        question_index: int | None = None,
    ) -> None:
        if reward not in METRICS:
            raise UnknownName("reward", reward, METRICS)
        for name, value in (("topk", topk), ("max_turns", max_turns), ("budget", budget)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self._knowledge = dict(knowledge)
        self._questions = questions
        self._chosen = [self._checked(question_index)] if question_index is not None else chosen
        self._topk, self._max_turns, self._budget = topk, max_turns, budget
        self._metric, self._cost = reward, cost_per_call
        self._private: frozenset[str] = frozenset()
        self._start(self._chosen[0])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Ask a question that the seed, or `options["question_index"]`, decides."""
        super().reset(seed=seed)
        asked = options or {}
        self._private = frozenset(key for key in ("expert", "answer") if asked.get(key))
        number = asked.get("question_index")
        if number is None:
            number = self._chosen[int(self.np_random.integers(len(self._chosen)))]
        self._start(self._checked(number))
        return f"Question: {self._question.text}", {**self._info({}), "tools": self._tools()}

    def step(self, action: str) -> StepResult:
        """Read one message: search, answer, or learn that it was invalid."""
        asked = None if self._over else read(action)
        hits = self._hits(asked) if isinstance(asked, Search) else []
        return self._reply(asked, hits)

    def clone(self) -> Self:
        """Return an independent copy in the same state; knowledge and questions are shared."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    @property
    def fingerprint(self) -> str:
        """Return a hash of the code, the search engine's code, the knowledge and the questions."""
        parts = [code_fingerprint(type(self)), code_fingerprint(Bm25Index)]
        parts += [f"{name} {retriever.digest}" for name, retriever in self._knowledge.items()]
        parts.append(self._questions.digest)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _tools(self) -> list[dict[str, Any]]:
        if len(self._knowledge) == 1:
            return [_SEARCH, _ANSWER]
        names = ", ".join(sorted(self._knowledge))
        elsewhere = {**_SEARCH_IN, "description": f"{_SEARCH_IN['description']}: {names}"}
        return [_SEARCH, elsewhere, _ANSWER]

    def _start(self, number: int) -> None:
        self._number = number
        self._question = self._questions[number]
        self._turn = 0
        self._over = False
        self._score = 0.0
        self._seen: tuple[Passage, ...] = ()  # in the order in which they were found

    def _checked(self, number: object) -> int:
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(self._questions):
            raise UsageError(f"question_index must be from 0 to {len(self._questions) - 1}, got {number!r}")
        return number

    def _hits(self, search: Search) -> list[Hit]:
        retriever = self._retriever(search)
        return retriever.search(search.query, self._topk) if retriever is not None else []

    def _retriever(self, search: Search) -> Retriever | None:
        """Return who is asked; None for a name that nobody bears and for an empty query."""
        if not search.query:
            return None
        return self._knowledge.get(search.kb if search.kb is not None else next(iter(self._knowledge)))

    def _reply(self, asked: Search | Answer | None, hits: list[Hit]) -> StepResult:
        """Answer a message, given what its search found."""
        over = self._over
        self._turn += 1
        tiers = {"readable": float(asked is not None), "tool_calls": 0.0, "cost": 0.0, "supporting": 0.0}
        tiers |= dict.fromkeys(METRICS, 0.0)
        observation, reward = "" if over else INVALID, 0.0
        if isinstance(asked, Answer):
            self._over, observation = True, ""
            scores = {name: metric(asked.text, self._question.answers) for name, metric in METRICS.items()}
            tiers |= scores
            reward = self._score = scores[self._metric]
        elif isinstance(asked, Search):
            observation = self._found(asked, hits, tiers)
        truncated = not self._over and self._turn >= self._max_turns
        info = {**self._info({} if over else tiers), "malformed": not over and asked is None}
        return observation, reward, self._over, truncated, info

    def _found(self, search: Search, hits: list[Hit], tiers: dict[str, float]) -> str:
        before = self._support()
        known = {passage.id for passage in self._seen}
        self._seen += tuple(hit.passage for hit in hits if hit.passage.id not in known)
        tiers |= {"tool_calls": 1.0, "cost": 0.0 - self._cost, "supporting": self._support() - before}
        if search.kb is not None and search.kb not in self._knowledge:
            names = ", ".join(sorted(self._knowledge))
            return f"<information>There is no knowledge base of that name; there are: {names}.</information>"
        return information([hit.passage for hit in hits], self._budget)

    def _support(self) -> float:
        """Return the share of the supporting passages that have been found."""
        wanted = set(self._question.supporting)
        return len(wanted & {passage.id for passage in self._seen}) / len(wanted) if wanted else 0.0

    def _admissible(self) -> list[str] | None:
        """Return the messages that may be chosen from; None: any text."""
        return None

    def _expert(self) -> str:
        """Search for the first passage that is missing, or once where none is known; then answer."""
        question, seen = self._question, {passage.id for passage in self._seen}
        if not question.supporting and self._turn == 0 and self._max_turns > 1:
            return f"<search>{question.text}</search>"
        missing = [place for place, page in enumerate(question.supporting) if page not in seen]
        last = self._turn >= self._max_turns - 1
        if not missing or last:
            return f"<answer>{question.answers[0]}</answer>"
        return (
            f"<search>{self._query(question.supporting[missing[0]], question.queries[missing[0]])}</search>"
        )

    def _query(self, page: str, queries: tuple[str, ...]) -> str:
        """Return the first query that finds a page, or the first."""
        retriever = next(iter(self._knowledge.values()))
        for query in queries:
            if any(hit.passage.id == page for hit in retriever.search(query, self._topk)):
                return query
        return queries[0]

    def _info(self, tiers: dict[str, float]) -> dict[str, Any]:
        info: dict[str, Any] = {
            "admissible": None if self._over else self._admissible(),
            "state_hash": self._state_hash(),
            "rewards": tiers,
            "task": self._question.id,
            "instruction": self._question.text,
            "won": self._score == 1.0,
            "score": self._score,
        }
        private: dict[str, Any] = {}
        if "expert" in self._private and not self._over:
            private["expert"] = self._expert()
        if "answer" in self._private:
            private["answer"] = list(self._question.answers)
        return {**info, "private": private} if private else info

    def _state_hash(self) -> str:
        state = [self._number, self._turn, self._over, self._score, [passage.id for passage in self._seen]]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
