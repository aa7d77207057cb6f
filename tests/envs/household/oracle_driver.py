"""Drive the original engine from a process of its own: one JSON document a line, in and out.

Run by an interpreter that has `textworld[pddl]` and `alfworld`. Requests:
    {"play": game file, "actions": [...]}  -> {"replies": [...], "load_s", "step_s"}
    {"plan": game file}                    -> {"plan": [...]} of its planner, [] where it finds none
    {"logic": true}                        -> {"pddl_domain", "grammar"} of the installed package
Times are of the processor clock. A reply of a step is [feedback, admissible
commands, score, won]; the first is that of reset. What the original raises
comes back as {"error": "Class: text"}.
"""

import contextlib
import json
import os
import sys
import tempfile
import time


def start(path, **infos):
    """Load a game file; return (environment, reply of reset)."""
    from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
    from textworld import EnvInfos
    from textworld.envs import PddlEnv

    env = AlfredInfos(AlfredDemangler(PddlEnv(EnvInfos(won=True, **infos)), shuffle=False))
    env.load(path)
    return env, env.reset()


def play(path, actions):
    """Play one game file and return every reply."""
    started = time.process_time()
    env, state = start(path, admissible_commands=True, score=True)
    loaded = time.process_time()
    replies = [[state["feedback"], state["admissible_commands"], 0, state["won"]]]
    for action in actions:
        state, score, _ = env.step(action)
        replies.append([state["feedback"], state["admissible_commands"], score, state["won"]])
    return {"replies": replies, "load_s": loaded - started, "step_s": time.process_time() - loaded}


def logic():
    """Return the domain and the grammar that the package ships."""
    from pathlib import Path

    from alfworld.info import ALFRED_PDDL_PATH, ALFRED_TWL2_PATH

    return {"pddl_domain": Path(ALFRED_PDDL_PATH).read_text(), "grammar": Path(ALFRED_TWL2_PATH).read_text()}


def answer(request):
    """Answer one request; an error of the original is an answer too."""
    try:
        if "play" in request:
            return play(request["play"], request["actions"])
        if "plan" in request:
            return {"plan": list(start(request["plan"], policy_commands=True)[1]["policy_commands"])}
        return logic()
    except Exception as error:  # noqa: BLE001 - whatever the original raises is the finding
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    """Serve requests until standard input ends; what the original prints goes to standard error."""
    out = sys.stdout
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.environ["ALFWORLD_DATA"] = folder
        for line in sys.stdin:
            out.write(json.dumps(answer(json.loads(line))) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
