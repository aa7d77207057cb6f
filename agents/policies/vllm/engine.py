"""What an engine of vLLM can be asked: token ids in and out, logprobs, weights.

Shapes: [P] prompt tokens, [L] generated tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....errors import PolicyError
from ...sampling import Sampling
from ...types import Message


class EngineGone(PolicyError):
    """An engine that died, hangs, or cannot be reached."""


class EngineRefused(PolicyError):
    """An engine that answered, and said no."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One message that an engine is asked for.

    Args:
        prompt_ids: [P].
        sampling: sent whole, so that no default of the server acts.
        max_tokens: of the message.
        stop_ids: tokens that end it.
        stop: texts that end it.
    """

    prompt_ids: tuple[int, ...]
    sampling: Sampling
    max_tokens: int
    stop_ids: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What an engine said.

    Args:
        token_ids: [L].
        logprobs: [L] of the distribution that sampled.
        finish: "stop", "length", or what else ended it.
        versions: (name of the weights, start, end) over the tokens; () if the engine does not say.
        cached: how many tokens of the prompt were not computed anew; -1 if the engine does not say.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str
    versions: tuple[tuple[str, int, int], ...] = ()
    cached: int = -1


@dataclass(frozen=True, slots=True)
class Facts:
    """What an engine says of itself.

    Args:
        model: the folder or name of its model.
        context_tokens: the longest prompt and message together; 0 if it does not say.
        version: the name of its weights.
        shape: of its model, e.g. architectures, hidden_size, tie_word_embeddings; {} without our extension.
    """

    model: str
    context_tokens: int
    version: str
    shape: Mapping[str, Any] = field(default_factory=dict)


class Engine(ABC):
    """An engine of vLLM, wherever it runs.

    Attributes:
        name: for errors.
    """

    name: str = "vllm"

    @abstractmethod
    async def generate(self, asked: Asked) -> Said:
        """Say one message.

        Raises:
            EngineGone: if it died or hangs.
            EngineRefused: if it refuses the request.
        """

    @abstractmethod
    async def score(self, ids: Sequence[int], start: int) -> tuple[float, ...]:
        """Return the logprobs of ids[start:] under the weights alone: no sampling, no cached prefix."""

    @abstractmethod
    async def facts(self) -> Facts:
        """Say what it is."""

    @abstractmethod
    async def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the tokens of a conversation by the engine's own chat template."""

    @abstractmethod
    async def pause(self) -> None:
        """Freeze what is under way; nothing is computed until `resume`."""

    @abstractmethod
    async def resume(self) -> None:
        """Go on with what was frozen."""

    @abstractmethod
    async def load(self, folder: str) -> None:
        """Take the weights of the safetensors files of a folder."""

    @abstractmethod
    async def load_adapter(self, name: str, folder: str) -> None:
        """Answer with a LoRA adapter from now on, under a name that is new."""

    def started_anew(self) -> None:  # noqa: B027 - most have nothing to forget
        """Take note that it holds nothing any more that it was sent."""

    @abstractmethod
    async def set_version(self, name: str) -> None:
        """Name the weights that it has now."""

    @abstractmethod
    async def reset_cache(self) -> None:
        """Forget all keys and values, those of frozen requests too, which are then computed anew.

        Raises:
            EngineRefused: if some are kept.
        """

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to release
        """Release what is held."""
