"""What a learner asks of a language model, and models of the transformers library that answer it.

causal.py        CausalLM: hidden states first, logits where needed
transformers.py  TransformersLM
"""

from .causal import CausalLM
from .transformers import TransformersLM, without_bars

__all__ = ["CausalLM", "TransformersLM", "without_bars"]
