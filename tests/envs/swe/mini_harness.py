"""mini-swe-agent with prompts that are short enough for a tiny policy; run by a Python that has it.

Argument: the folder of the example, whose environment is taken.
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, sys.argv[1])

from mini_swe_agent import TurnwiseEnvironment
from minisweagent.agents.default import DefaultAgent
from minisweagent.models.litellm_textbased_model import LitellmTextbasedModel

env = TurnwiseEnvironment(os.environ["TURNWISE_URL"], 0, session=os.environ["TURNWISE_SESSION"])
model = LitellmTextbasedModel(
    model_name="openai/turnwise",
    cost_tracking="ignore_errors",
    observation_template="{{output.output[:200]}}",
)
agent = DefaultAgent(
    model, env, system_template="Repair the code.", instance_template="{{task[:300]}}", step_limit=6
)
print(agent.run(env.instruction))
