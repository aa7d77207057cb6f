"""The tiny policy: a Qwen2 model of under a million parameters, its tokenizer, its decode loop."""

from .checkpoint import load_checkpoint, save_checkpoint
from .model import TinyConfig, TinyLM
from .policy import TinyPolicy, load_policy
from .tokenizer import TinyTokenizer

__all__ = [
    "TinyConfig",
    "TinyLM",
    "TinyPolicy",
    "TinyTokenizer",
    "load_checkpoint",
    "load_policy",
    "save_checkpoint",
]
