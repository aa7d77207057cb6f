"""TinyTokenizer: byte-level BPE trained on the text of environments.

Any text comes back unchanged from encode and decode, since every byte is a
token. A blank belongs to the word that follows it, so the words of a domain are
mostly one token. Environments speak in set phrases around the names of things,
so merges may cross blanks within the words that lead up to a name and its number
("You arrive at| cabinet| 1|. On the| cabinet| 1|, you see a| mug| 1"), as in
SuperBPE (arXiv 2503.13423); names and numbers stay apart, so that a policy can
carry them from one place to another. Household observations take about half the
tokens they take with merges inside words alone. Conversations are rendered as

    <|task|>system <|obs|>user <|act|>assistant<|end|> ...      (without blanks)

and a prompt ends with <|act|>, where the assistant speaks. Markers inside the
text of a message are characters like any other, never tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from ...errors import CheckpointError, UsageError
from ..types import FinishReason, Message

PAD, END, TASK, OBSERVATION, ACTION = SPECIAL_TOKENS = (
    "<|pad|>",
    "<|end|>",
    "<|task|>",
    "<|obs|>",
    "<|act|>",
)
_MARKERS = {"system": TASK, "user": OBSERVATION, "assistant": ACTION}
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}<|task|>{{ message['content'] }}"
    "{%- elif message['role'] == 'user' -%}<|obs|>{{ message['content'] }}"
    "{%- else -%}<|act|>{{ message['content'] }}<|end|>"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|act|>{%- endif -%}"
)
# A piece is the run of words before "name number", or a word, a number, signs, blanks.
# The possessive quantifiers keep hostile text linear.
_PIECES = (
    r"(?:[^\p{L}\p{N}\n]*+\p{L}++){1,16}(?= \p{L}+ \p{N})"
    r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"
)


class TinyTokenizer:
    """What turns texts and conversations into tokens and back.

    Args:
        tokenizer: a byte-level tokenizer that holds the special tokens at 0 to 4.

    Raises:
        UsageError: if the special tokens are not there, or texts can hold them.
    """

    opens_thought = takes_calls = False

    def __init__(self, tokenizer: Any) -> None:
        for number, token in enumerate(SPECIAL_TOKENS):
            if tokenizer.token_to_id(token) != number:
                raise UsageError(f"tokenizer: the special token {token} must be number {number}")
        # Markers in the text of an environment must not become markers of the conversation.
        tokenizer.encode_special_tokens = True
        if min(tokenizer.encode("".join(SPECIAL_TOKENS), add_special_tokens=False).ids) < len(SPECIAL_TOKENS):
            raise UsageError(
                "tokenizer: a text that names a special token has it; mark these tokens as special"
            )
        self._tokenizer = tokenizer
        self.end_id = SPECIAL_TOKENS.index(END)
        self.stop_ids: frozenset[int] = frozenset()
        self.pad_id = SPECIAL_TOKENS.index(PAD)
        self._marker_ids = {role: SPECIAL_TOKENS.index(token) for role, token in _MARKERS.items()}
        # In the byte-level alphabet each character of a token stands for one byte.
        names = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
        self._num_bytes = [0 if name in SPECIAL_TOKENS else len(name) for name in names]
        self._encode_cached = lru_cache(maxsize=65_536)(self._encode)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int = 1024) -> TinyTokenizer:
        """Learn merges from texts; the same texts give the same tokenizer.

        Args:
            texts: observations, actions and tasks of the training split.
            vocab_size: the most tokens, at least 261 (all bytes and the special tokens).

        Raises:
            UsageError: if vocab_size is too small.
        """
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        least = len(alphabet) + len(SPECIAL_TOKENS)
        if vocab_size < least:
            raise UsageError(
                f"vocab_size {vocab_size}: expected at least {least}, one for each byte and marker"
            )
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_PIECES), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=sorted(alphabet),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> TinyTokenizer:
        """Read a tokenizer.json.

        Raises:
            CheckpointError: naming the file and what is wrong with it.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path}: cannot be read: {error}") from error
        return cls.from_json(text, str(path))

    @classmethod
    def from_json(cls, text: str, source: str = "tokenizer.json") -> TinyTokenizer:
        """Read the content of a tokenizer.json; `source` names it in errors.

        Raises:
            CheckpointError: if it is not a tokenizer of ours.
        """
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"{source}: not a tokenizer: {error}") from error
        try:
            return cls(tokenizer)
        except UsageError as error:
            raise CheckpointError(f"{source}: {error}; expected one made by TinyTokenizer.train") from error

    def to_json(self) -> str:
        """Return the content of a tokenizer.json."""
        return str(self._tokenizer.to_str(pretty=True))

    @property
    def vocab_size(self) -> int:
        """Return the number of tokens."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text; texts seen before come from a bounded cache."""
        return self._encode_cached(text)

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def char_ends(self, ids: Sequence[int], text: str) -> tuple[int, ...]:
        """Return [L] where each token ends in `text`, the start of what the tokens spell."""
        if text.isascii():
            ends = accumulate(self._num_bytes[token] for token in ids)
            return tuple(min(end, len(text)) for end in ends)
        # A character may be spread over tokens: it ends with the last of them.
        prefixes = (self.decode(ids[: count + 1]).rstrip("\ufffd") for count in range(len(ids) - 1))
        ends = accumulate((min(len(prefix), len(text)) for prefix in prefixes), max)
        return (*ends, len(text)) if ids else ()

    def encode_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Render a conversation up to the place where the assistant speaks."""
        ids: list[int] = []
        for message in messages:
            ids.append(self._marker_ids[message.role])
            ids.extend(self.encode(message.content))
            if message.role == "assistant":
                ids.append(self.end_id)
        ids.append(self._marker_ids["assistant"])
        return tuple(ids)

    def encode_reply(self, messages: Sequence[Message], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's tokens: its end if it was cut off, then the messages."""
        start = () if finish_reason == "stop" else (self.end_id,)
        return start + self.encode_prompt(messages)
