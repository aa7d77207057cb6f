"""How a policy turns logits into tokens, and how a learner replays it.

loop.py: many rows, one forward pass a round; engine.py: what it is given.
sampling.py: temperature, min-p, top-k, top-p and the draw. masking.py: what a second policy lets be drawn.
shaping.py: biases, penalties, a least length. randomness.py: random numbers of a key.
trie.py, planning.py, tagging.py: what a constraint lets be said. scoring.py: logprobs of given tokens.
local.py: the base of policies with a model in this process; caching.py: of those that cache.
replay.py: the sampling transformation again, differentiable.
"""

from .randomness import uniforms
from .replay import Entropy, filtered, replay
from .sampling import Draw, SamplingRows, sample
from .trie import TokenTrie, TrieCache

__all__ = [
    "Draw",
    "Entropy",
    "SamplingRows",
    "TokenTrie",
    "TrieCache",
    "filtered",
    "replay",
    "sample",
    "uniforms",
]
