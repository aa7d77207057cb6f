"""What a policy is: the methods it writes, and all that it may offer beyond them.

    class Cautious(ActionPolicy):
        def act(self, request: GenerationRequest) -> str:
            return (request.admissible or ("look",))[0]

A subclass of `Policy` writes `generate`; one of `ActionPolicy` writes `act`, and its text
is the action itself; one of `TokenPolicy` renders its own prompts, which grow in tokens.
Everything else has a default here. Nothing is looked for that is not declared here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..errors import PolicyError, TurnwiseError, UsageError
from .prompts.config import EXPLAINED, PromptConfig
from .sampling import Mask
from .types import Constraint, Encoder, FinishReason, Generation, GenerationRequest, Message

UNLIMITED = 1 << 62
_MAX_DEFAULT_TOKENS = 512


class PolicyStopped(PolicyError):
    """A policy that will answer no further request: the rollout must stop.

    Any other PolicyError costs one episode; this one ends the whole rollout: a
    cost cap that is reached, a key that is refused.
    """


class PromptTooLong(PolicyError):
    """A prompt that does not fit the policy's context; the episode ends for lack of tokens."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How a policy is asked: its prompts, the decoding constraint and the length of its messages.

    Raises:
        UsageError: if the constraint does not fit the prompts.
    """

    prompt: PromptConfig
    constraint: Constraint
    max_tokens: int

    def __post_init__(self) -> None:
        if self.prompt.tools == "native" and self.constraint != "none":
            raise UsageError(
                f"tools native and constraint {self.constraint}: a call in the model's own form cannot be "
                "held to a list of actions; use constraint none or tools text"
            )
        if self.prompt.compaction == "summary" and self.constraint != "none":
            raise UsageError(
                f"compaction summary and constraint {self.constraint}: a summary is in free words; use "
                "constraint none or compaction window"
            )


class Policy(ABC):
    """The answerer of requests; batching happens inside.

    A slow answer holds nobody: callers await many requests at once, and the
    policy forms batches of those that wait.

    Attributes:
        name: for reports.
        version: of the weights; it rises with every change of them.
        settings: how it was trained to be asked; None if it was not.
        context_tokens: the longest prompt and message together.
        vocab_size: number of its tokens; 0 if it has none or does not say.
        names_actions: whether its text is the action itself, never tags around it.
        opens_thought: whether its prompts end inside a thought, so that its messages begin in one;
            None if it does not know.
        takes_images: whether it can be shown the pictures of an environment (envs.images).
        sees_private: whether requests carry `info["private"]`.
        repeatable: whether equal requests in equal batches get equal answers.
        reset_options: options that every reset needs, e.g. {"expert": True}.
    """

    name: str = "policy"
    version: int = 0
    settings: AgentSettings | None = None
    context_tokens: int = UNLIMITED
    vocab_size: int = 0
    names_actions: bool = False
    opens_thought: bool | None = None
    takes_images: bool = False
    sees_private: bool = False
    repeatable: bool = True
    reset_options: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request.

        Raises:
            PolicyError: if it cannot; this costs the episode.
        """

    async def score(self, prompt_ids: Sequence[int], continuation_ids: Sequence[int]) -> tuple[float, ...]:
        """Return the policy's own logprob of each continuation token after a prompt [L].

        Raises:
            UsageError: if the policy knows no logprobs of given tokens.
        """
        raise UsageError(f"the policy {self.name!r} has no `score`: it knows no logprobs of given tokens")

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a piece of text, without special tokens.

        Raises:
            UsageError: if the policy has no tokens.
        """
        raise UsageError(f"the policy {self.name!r} has no `encode`: its messages are texts, not tokens")

    @property
    def tokens(self) -> TokenPolicy | None:
        """Return this policy if its prompts are tokens, else None."""
        return None

    def asked(
        self, prompt: PromptConfig | None, constraint: Constraint | None, max_tokens: int | None
    ) -> AgentSettings:
        """Return how it is asked: as given, else as it was trained to be, else with all explained.

        A policy without settings is shown `EXPLAINED` prompts, is not constrained, and says
        at most a sixteenth of its context, 16 to 512 tokens. One that names actions is asked for the
        action alone, whatever is given.
        """
        own = self.settings
        if own is None:
            length = min(_MAX_DEFAULT_TOKENS, max(16, self.context_tokens // 16))
            own = AgentSettings(EXPLAINED, "none", length)
        prompt = prompt or own.prompt
        if self.names_actions:
            prompt = replace(prompt, style="plain")
        return AgentSettings(prompt, constraint or own.constraint, max_tokens or own.max_tokens)

    def check_mask(self, mask: Mask) -> None:
        """Refuse a mask that the policy cannot draw under.

        Raises:
            UsageError: if one is asked for, and the policy keeps no copy of itself to read it off.
        """
        if mask.is_on:
            raise UsageError(
                f"rollout.mask.top_p is {mask.top_p:g}: a mask is read off a second policy, which follows "
                f"slowly, and {self.name!r} holds one; set it to 1.0, or train with policy.kind 'tiny' or "
                "'transformers'"
            )

    @property
    def own_settings(self) -> dict[str, Any]:
        """Return what else decides its answers, for the settings of an evaluation; {} is nothing."""
        return {}

    async def report(self) -> dict[str, Any]:
        """Return what it has to say of its answers, for the result of an evaluation; {} is nothing."""
        return {}

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to release
        """Release what the policy holds."""


class ActionPolicy(Policy):
    """A policy without weights, whose text is the action itself; subclasses write `act`."""

    names_actions = True

    @abstractmethod
    def act(self, request: GenerationRequest) -> str:
        """Return the action.

        Raises:
            PolicyError: if the request lacks what the policy needs.
        """

    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request with the text of an action.

        Raises:
            PolicyStopped: if `act` raises anything else than what it may, or returns no text.
        """
        try:
            action = self.act(request)
        except TurnwiseError:
            raise
        except Exception as error:
            raise PolicyStopped(
                f"{type(self).__name__}.act raised {type(error).__name__}: {error}, in turn {request.turn}; "
                "for what costs one episode alone raise turnwise.errors.PolicyError"
            ) from error
        if not isinstance(action, str):
            raise PolicyStopped(
                f"{type(self).__name__}.act returned {action!r} in turn {request.turn}; expected text"
            )
        return Generation(text=action)


class TokenPolicy(Policy):
    """A policy whose prompts are tokens: they grow without being tokenised again.

    prompt_ids of the next turn = prompt_ids + token_ids + encode_reply(...); it is an
    `Encoder` of conversations.
    """

    @property
    def tokens(self) -> TokenPolicy:
        """Return this policy."""
        return self

    @property
    def takes_calls(self) -> bool:
        """Tell whether messages may hold calls, and the role "tool" answers them."""
        return False

    def encoder(self, tools: Sequence[Mapping[str, Any]], template: Mapping[str, Any]) -> Encoder:
        """Return what renders prompts with functions to call, and with arguments of a chat template.

        Raises:
            UsageError: if the policy has no chat template that takes them.
            PolicyError: if its template does not take them.
        """
        if tools or template:
            raise UsageError(
                f"the policy {self.name!r} has no chat template for functions and arguments; use "
                "prompt.tools = 'text' and an empty prompt.template"
            )
        return self

    @abstractmethod
    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens [P]."""

    @abstractmethod
    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""

    @abstractmethod
    def forget(self, conversation: str) -> None:
        """Drop the cache of a conversation that has ended."""

    def take_figures(self) -> dict[str, float]:
        """Return what the policy has counted since the last call, for a run's log; by default nothing."""
        return {}
