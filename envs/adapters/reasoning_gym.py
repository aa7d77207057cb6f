"""A data set of reasoning-gym as an environment: `reasoning-gym:leg_counting`.

    turnwise eval --env reasoning-gym:leg_counting -k 'config={"max_animals": 5}' --agent AGENT

The observation is the question, the action the answer, also between `<answer>` and `</answer>`, and the
reward is reasoning-gym's score of it. Tasks are made of numbers, so that there is no end of them
(Stojanovski et al., arXiv 2505.24760).
"""

from __future__ import annotations

import ast
import copy
import inspect
import random
import re
import textwrap
import threading
from typing import Any, Self

from ...errors import UnknownName, UsageError
from ..core import MAX_TEXT_CHARS, Info
from ..retrieval.draws import draw
from .named import NamedEnv

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_NUM_TASKS = 1_000_000
_RUNS = ("eval", "exec", "parse_expr", "sympify")
_SPLITS = ("all", "train", "seen", "test")
_ONE_AT_A_TIME = threading.RLock()
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    SyntaxError,
    RecursionError,
)
"""What the code of data sets raises for texts that are no answers of theirs."""


class ReasoningGym(NamedEnv):
    """A question of a data set of reasoning-gym; the seed decides which.

    Args:
        split: all; train (80 % of the tasks); seen and test (10 % each), other tasks of the same kind.
        config: settings of the data set, as reasoning-gym names them; without seed and size.
        attempts: how many answers may be tried; after a wrong one the question stands again.
        evaluates: take a data set that evaluates answers as Python code to score them, too.

    Raises:
        UsageError: if reasoning-gym is not installed or refuses the settings, or the data set evaluates
            answers.
        UnknownName: if it has no such data set, with the closest names.
    """

    package, module = "reasoning-gym", "reasoning_gym"
    for_operators = ("evaluates",)

    def __init__(
        self,
        split: str = "train",
        config: dict[str, Any] | None = None,
        attempts: int = 1,
        evaluates: bool = False,
    ) -> None:
        if split not in _SPLITS:
            raise UnknownName("split", split, _SPLITS)
        if attempts < 1:
            raise UsageError(f"attempts must be at least 1, got {attempts}")
        self._split, self._attempts, self._config = split, attempts, dict(config or {})
        self._ask(0)
        if not evaluates and _evaluates(type(self._set)):
            raise UsageError(
                f"{self.named} evaluates answers as Python code, and an answer may be anything: play it "
                "where that does no harm, as in a container, and say so with -k evaluates=true"
            )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Ask the question that the seed decides."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(_NUM_TASKS))
        while self._split not in ("all", _part(number)):
            number = int(self.np_random.integers(_NUM_TASKS))
        self._asked = bool((options or {}).get("expert"))
        self._ask(number)
        return self._question(), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Score one answer."""
        if self._over:
            return "", 0.0, True, False, self._info()
        self._tried += 1
        found = _ANSWER.findall(action)
        self._score = self._scored(found[-1].strip() if found else action.strip())
        reward = self._score if self._over else 0.0
        said = "" if self._over else f"That is not right.\n\n{self._question()}"
        return said[:MAX_TEXT_CHARS], reward, self._over, False, self._info()

    def clone(self) -> Self:
        """Return an independent copy in the same state; nothing changes the data set that both have."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    def _scored(self, answer: str) -> float:
        """Return the score of an answer; one that the data set cannot read is wrong."""
        try:
            return float(self._set.score_answer(answer, self._entry))
        except _UNREADABLE:
            return 0.0

    @property
    def _over(self) -> bool:
        return self._score >= 1.0 or self._tried >= self._attempts

    def _ask(self, number: int) -> None:
        """Make a task; a data set that draws from Python's one generator has its own state of it."""
        with _ONE_AT_A_TIME:
            others = random.getstate()
            random.seed(number)
            try:
                self._set = self._made(number)
                self._entry = dict(self._set[0])
            finally:
                random.setstate(others)
        self._number, self._tried, self._score = number, 0, 0.0

    def _made(self, number: int) -> Any:
        """Return the data set of one question: many make all of theirs at once."""
        package = self.imported()
        known = package.factory.DATASETS
        if self.named not in known:
            raise UnknownName("data set of reasoning-gym", self.named, known)
        if taken := self._config.keys() & {"seed", "size"}:
            raise UsageError(f"config {sorted(taken)}: the seed of a task decides these; leave them out")
        try:
            return package.create_dataset(self.named, seed=number, size=1, **self._config)
        except (TypeError, ValueError, AssertionError) as error:
            raise UsageError(f"{self.named} refuses config {self._config}: {error}") from error

    def _question(self) -> str:
        return str(self._entry["question"])[:MAX_TEXT_CHARS]

    def _info(self) -> Info:
        info: Info = {
            "admissible": None,
            "instruction": "Answer the question.",
            "task": f"{self.named}/{self._number}",
            "state_key": f"{self._question()}\n{self._tried}",
            "won": self._score >= 1.0,
            "score": self._score,
        }
        answer = self._entry.get("answer")
        if self._asked and isinstance(answer, str):
            info["private"] = {"expert": f"<answer>{answer}</answer>"}
        return info


def _evaluates(kind: type[Any]) -> bool:
    """Tell whether a data set runs answers to score them: Python's eval, or sympy's parser, which calls it.

    A composite one scores by others, of which any may.
    """
    if kind.__name__ == "CompositeDataset":
        return True
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind.score_answer)))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return any(
        ast.unparse(call.func).rpartition(".")[2] in _RUNS
        and not ast.unparse(call.args[0]).startswith(("entry[", "metadata["))
        for call in calls
    )


def _part(number: int) -> str:
    """Return the split that a task belongs to."""
    bucket = draw(f"reasoning-gym task {number}", 10)
    return "train" if bucket < 8 else "seen" if bucket < 9 else "test"
