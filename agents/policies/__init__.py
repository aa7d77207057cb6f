"""Who answers: policies by name, and what one of one's own starts from (../policy.py).

by_name.py: `make_policy`, from the name of an agent. expert.py, random.py, script.py: without weights.
transformers.py: a checkpoint of the Hugging Face format; seeing.py: one that takes pictures.
openai.py: a chat endpoint, with endpoint.py its bounds, dialect.py what it is sent, answers.py what it
says, exchange.py the wire and throttle.py its pace. vllm/: engines of vLLM, in token ids.
settings.py: agent.json beside weights. places.py: which folder of a run has them.
The tiny language model stands in ../tiny.
"""

from ..policy import ActionPolicy, AgentSettings, Policy, PolicyStopped, PromptTooLong, TokenPolicy
from .by_name import make_policy
from .settings import read_settings, write_settings

__all__ = [
    "ActionPolicy",
    "AgentSettings",
    "Policy",
    "PolicyStopped",
    "PromptTooLong",
    "TokenPolicy",
    "make_policy",
    "read_settings",
    "write_settings",
]
