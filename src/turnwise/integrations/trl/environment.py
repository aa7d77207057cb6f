"""Our environments as TRL's: what `GRPOTrainer(environment_factory=...)` takes (TRL 1.16).

    trainer = CreditTrainer(
        model="Qwen/Qwen3-0.6B", train_dataset=Dataset.from_list(tasks(range(1000))),
        environment_factory=environment_factory("calling/office-v1"),
    )

TRL makes one object for each episode of a batch and uses it again; it calls `reset` with the row of
its data set and appends what is returned to the last message of the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ...agents.prompts.config import PromptConfig
from ...api.given import EnvGiven
from ...errors import UsageError
from ..called import SHOWN, Called
from .methods import method_of


class Environment:
    """An environment in TRL's form: every public method but `reset` and `get_reward` is a tool.

    Attributes:
        called: what is behind it, with the turns of the episode.
    """

    given: ClassVar[tuple[EnvGiven, Mapping[str, Any], PromptConfig]]

    def __init__(self) -> None:
        self.called = Called(*self.given)

    def reset(self, *, seed: int | None = None, **row: Any) -> str:
        """Start the task of a row; TRL shows what is returned to the model."""
        if seed is None:
            raise UsageError(
                "a row without a seed, which decides the task: make the data set of "
                "turnwise.integrations.trl.tasks(range(1000)), or add a column `seed`"
            )
        return self.called.reset(int(seed), row.get("options"))

    def get_reward(self) -> float | None:
        """Return the sum of the rewards; None where the environment broke, which TRL leaves out."""
        return None if self.called.end == "error" else self.called.total


def environment_factory(
    env: EnvGiven, kwargs: Mapping[str, Any] | None = None, prompt: PromptConfig = SHOWN
) -> type[Environment]:
    """Return the class whose objects are episodes of an environment, for TRL.

    Args:
        env: an id, `module:Class`, `file.py:Class`, or a class. Its tools are those of its first
            reply for seed 0; where there are none there is one tool, `act(action)`.
        kwargs: its arguments.
        prompt: how its states are shown.

    Raises:
        UnknownName: if there is no such environment or argument.
        UsageError: if it shows pictures, or a tool has a name that no method can have.
    """
    given = (env, dict(kwargs or {}), prompt)
    probe = Called(*given)
    try:
        probe.reset(0)
    finally:
        probe.close()
    if "images" in probe.info:
        raise UsageError(f"{probe.name} shows pictures (info['images']), which are not given to TRL")
    methods = {str(tool["name"]): method_of(tool, _call) for tool in probe.tools}
    name = re.sub(r"\W", "_", probe.name.rpartition(":")[2])
    return type(name, (Environment,), {**methods, "given": given, "__doc__": f"Episodes of {probe.name}."})


def tasks(seeds: Iterable[int], system: str = "") -> list[dict[str, Any]]:
    """Return the rows of a data set, one task each: `datasets.Dataset.from_list(tasks(range(1000)))`.

    The seed stands in a column, which reaches `reset`, and in the message of the user, which is
    all that a rollout function is given.

    Args:
        seeds: of the tasks.
        system: a message before the task.
    """
    before = [{"role": "system", "content": system, "seed": None}] if system else []
    return [
        {"prompt": [*before, {"role": "user", "content": "", "seed": seed}], "seed": seed} for seed in seeds
    ]


def _call(environment: Environment, name: str, arguments: dict[str, Any]) -> str:
    return environment.called.call(name, arguments)
