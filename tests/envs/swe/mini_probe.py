"""Let mini-swe-agent's scripted model play tasks of a server; run by a Python that has mini-swe-agent.

Arguments: the example's folder, the server's URL; on standard input a list of lists of commands.
"""

from __future__ import annotations

import json
import sys

sys.path.insert(0, sys.argv[1])

from mini_swe_agent import SUBMIT, play
from minisweagent.models.test_models import DeterministicModel, make_output

results = []
for seed, commands in enumerate(json.load(sys.stdin)):
    said = [*commands, f"echo {SUBMIT}"]
    model = DeterministicModel(
        outputs=[make_output(line[:40], [{"command": line}]) for line in said], cost_per_call=0.0
    )
    for output in model.config.outputs:
        output["extra"]["cost"] = 0.0
    results.append(play(sys.argv[2], seed, model, split="all"))
print(json.dumps(results))
