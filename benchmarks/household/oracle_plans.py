"""Ask the original engine about game files: its intro, its planner's plan, whether our walkthrough wins.

Run by an interpreter that has `textworld[pddl]` and `alfworld`:

    .oracle/bin/python benchmarks/household/oracle_plans.py FILE...

One JSON line a file.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

os.environ.setdefault("ALFWORLD_DATA", tempfile.gettempdir())


def answer(path: str) -> dict[str, object]:
    """Load a game, have it planned from the start, then follow the file's walkthrough."""
    from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
    from textworld import EnvInfos
    from textworld.envs import PddlEnv

    engine = PddlEnv(EnvInfos(won=True, admissible_commands=True, policy_commands=True))
    env = AlfredInfos(AlfredDemangler(engine, shuffle=False))
    env.load(path)
    started = time.perf_counter()
    state = env.reset()
    seconds = time.perf_counter() - started
    intro, steps = state.feedback, list(state["policy_commands"])
    engine.request_infos = EnvInfos(won=True, admissible_commands=True)  # no new plan at each step
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - runs under any old Python too
        walkthrough = json.load(file)["walkthrough"]
    for command in walkthrough:
        state, _, _ = env.step(command)
    return {
        "intro": intro,
        "plan": steps,
        "plan_length": len(steps),
        "reset_s": seconds,
        "walkthrough_wins": bool(state["won"]),
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(json.dumps(answer(name)) + "\n")
        sys.stdout.flush()
