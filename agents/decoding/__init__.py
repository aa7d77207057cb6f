"""How a policy turns logits into tokens, and how a learner replays it."""

from .randomness import uniforms
from .replay import replay
from .sampling import Draw, SamplingRows, sample
from .trie import TokenTrie, TrieCache

__all__ = ["Draw", "SamplingRows", "TokenTrie", "TrieCache", "replay", "sample", "uniforms"]
