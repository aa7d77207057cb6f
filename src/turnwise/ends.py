"""How an episode ends.

terminated: the environment says that it is over. horizon: it had its turns. tokens: the
next prompt and message would not fit. deadline: it had its seconds. error: something
broke, and the cause stands beside it. operator: somebody has taken the session over.
"""

from __future__ import annotations

from typing import Literal, get_args

End = Literal["terminated", "horizon", "tokens", "deadline", "error", "operator"]
ENDS: tuple[End, ...] = get_args(End)
CUT_OFF: frozenset[End] = frozenset({"horizon", "tokens"})
"""The episode could have gone on: what follows its last state has a value."""
MACHINE: frozenset[End] = frozenset({"deadline", "error"})
"""The machine's fault: such an episode may be played again."""
FAULTS: frozenset[End] = MACHINE | {"operator"}
"""No doing of the agent's: such an episode enters no statistic."""
