"""What a learner asks of a language model, and models of the transformers library that answer it.

causal.py        CausalLM: hidden states first, logits where needed
transformers.py  TransformersLM
hub.py           whether the hub can be asked for a model
complete.py      whether a checkpoint holds all weights of its model
agreement.py     whether a model computes for us what it computes itself
lora.py          adapters on such models
seeing.py        pictures for models that take them, and the engine that runs one
rows.py          the cache of a batch of conversations
growing.py       keys and values that a token is added to without copying them
conversations.py what is kept of them between batches
"""

from .causal import CausalLM
from .conversations import RowConversations
from .rows import CacheUse, KeptRow, Rows
from .transformers import TransformersLM, without_bars

__all__ = ["CacheUse", "CausalLM", "KeptRow", "RowConversations", "Rows", "TransformersLM", "without_bars"]
