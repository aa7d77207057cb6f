"""The tiny policy: a Qwen2 model of under a million parameters that trains on a CPU.

model.py: the model. tokenizer.py: its tokens. checkpoint.py: both in a folder. policy.py: the
policy, with conversations.py what it has of each: cache.py keys and values, slots.py who owns which of them.
previous_token.py: a start from which copying is learned fast.
"""

from .checkpoint import is_tiny, load_checkpoint, save_checkpoint
from .model import TinyConfig, TinyLM
from .policy import TinyPolicy, load_policy
from .tokenizer import TinyTokenizer

__all__ = [
    "TinyConfig",
    "TinyLM",
    "TinyPolicy",
    "TinyTokenizer",
    "is_tiny",
    "load_checkpoint",
    "load_policy",
    "save_checkpoint",
]
