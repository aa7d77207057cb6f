"""The policy that is trained: weights under the learner, and the engine that samples with them.

kinds.py: what a kind is, the registry, `load_trained`. mask.py: a second policy, which follows slowly.
Kinds: tiny.py a transformer of ours, transformers.py a language model in this process,
vllm.py one that engines of vLLM sample. How weights reach the engine: ../sync.
"""

from . import tiny, transformers, vllm
from .kinds import (
    Asked,
    Kind,
    TrainedPolicy,
    agent_settings,
    get,
    load_reference,
    load_trained,
    names,
    register,
)
from .transformers import adapted, cache_tokens, load_lm

__all__ = [
    "Asked",
    "Kind",
    "TrainedPolicy",
    "adapted",
    "agent_settings",
    "cache_tokens",
    "get",
    "load_lm",
    "load_reference",
    "load_trained",
    "names",
    "register",
    "tiny",
    "transformers",
    "vllm",
]
