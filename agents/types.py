"""What flows from a rollout to a trainer: messages, generations, turns, trajectories.

Everything is frozen and slotted. Shapes in comments: [L] generated tokens,
[P] prompt tokens, [T] turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from ..ends import FAULTS, End
from .sampling import NEUTRAL, NO_MASK, Mask, Sampling

Role = Literal["system", "user", "assistant", "tool"]
Constraint = Literal["none", "admissible", "listed"]
"""Say anything; one of the admissible actions; one of them where the environment lists any."""
Style = Literal["tags", "plain", "plan"]
FinishReason = Literal["stop", "length", "filtered", "error"]
Support = tuple[tuple[int, ...] | None, ...]
EMPTY_SUPPORT: Support = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Args:
        role: who speaks; "tool" is the answer to a call.
        content: the text.
        tool_calls: calls that an assistant makes beside it, as chat APIs write them.
        tool_call_id: of the call that a tool answers.
        images: PNG files as base64 texts, shown before the text (envs.images).
    """

    role: Role
    content: str
    tool_calls: tuple[dict[str, Any], ...] = ()
    tool_call_id: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a generation's tokens: [start, end) of its `token_ids`."""

    role: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class VersionSpan:
    """The policy version that generated the tokens [start, end)."""

    version: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Masked:
    """What a mask policy took from a message: sums over the tokens that were drawn under it.

    Args:
        version: of the mask policy: the one of the policy that it was set to.
        steps: tokens that were drawn.
        hidden: shares of the tokens in question that were masked.
        mass: what the policy gave these, in probability.
        forbids: how often its own likeliest token was among them.
    """

    version: int
    steps: int = 0
    hidden: float = 0.0
    mass: float = 0.0
    forbids: int = 0


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What a policy is asked for: one message.

    Either `messages` or `prompt_ids` is given. `key` names the random numbers:
    the same key, prompt and weights give the same generation, whatever else is
    in the batch. In a rollout it is (seed of the run, seed of the task, episode,
    member of the group, turn). `conversation` names a growing prompt, so that a policy may
    keep its key-value cache from turn to turn; it is a hint, never a condition.
    """

    messages: tuple[Message, ...] = ()
    prompt_ids: tuple[int, ...] | None = None  # [P]
    images: tuple[str, ...] = ()  # all pictures of the prompt, in their order
    admissible: tuple[str, ...] | None = None
    suggestions: tuple[str, ...] = ()  # actions to draw from, where none are listed as admissible
    constraint: Constraint = "none"
    style: Style = "plain"  # what stands around the action that a constraint asks for
    max_tokens: int = 64
    sampling: Sampling = NEUTRAL
    mask: Mask = NO_MASK
    stop: tuple[str, ...] = ()
    key: tuple[int, ...] = ()
    turn: int = 0  # how many turns the episode has had
    observation: str = ""  # what the environment showed last, in its own words
    instruction: str = ""  # the task in the environment's own words
    conversation: str | None = None
    tools: tuple[dict[str, Any], ...] = ()  # functions that may be called in the model's own form
    max_calls: int = 1  # how many calls of a message are made
    template: Mapping[str, Any] = field(default_factory=dict)  # arguments of the chat template
    opened: bool | None = None  # whether the prompt ends inside a thought; None: not known
    private: dict[str, Any] = field(default_factory=dict)  # for the expert only


@dataclass(frozen=True, slots=True)
class Generation:
    """What a policy said, in text and in tokens.

    `logprobs` are those of the distribution that sampled: after temperature,
    top-k, top-p, the mask and the constraint. `support[i]` holds the tokens that could
    have been sampled at place i (None: the whole vocabulary), so a learner can
    replay the same distribution; a support of one token is a forced token.
    A policy without tokens (an endpoint, a script) leaves the token fields empty.
    What an endpoint filtered (`finish_reason`) was withheld: it is no fault of the agent's form.
    """

    text: str
    prompt_ids: tuple[int, ...] = ()  # [P]
    token_ids: tuple[int, ...] = ()  # [L]
    logprobs: tuple[float, ...] = ()  # [L]
    support: Support = EMPTY_SUPPORT  # [L], or empty: the whole vocabulary everywhere
    versions: tuple[VersionSpan, ...] = ()
    masked: Masked | None = None  # None: no mask was asked for
    temperature: float = 1.0
    finish_reason: FinishReason = "stop"
    entropy: tuple[float, ...] = ()  # [L] nats, of the sampling distribution
    char_ends: tuple[int, ...] = ()  # [L] where each token ends in `text`, if the policy knows
    usage: dict[str, float] = field(default_factory=dict)  # tokens and cost, where an endpoint bills
    reasoning: str = ""  # what was thought, where an endpoint tells it apart from the text
    tool_calls: tuple[dict[str, Any], ...] = ()  # calls made instead of a text, as the endpoint gave them

    @property
    def num_tokens(self) -> int:
        """Return how many tokens were generated, by the endpoint's count where it keeps them."""
        return len(self.token_ids) or int(self.usage.get("completion_tokens", 0))

    @property
    def num_prompt_tokens(self) -> int:
        """Return how many tokens the prompt had, by the endpoint's count where it keeps them."""
        return len(self.prompt_ids) or int(self.usage.get("prompt_tokens", 0))


@dataclass(frozen=True, slots=True)
class Step:
    """One of several calls of a message, as a step of the environment; fields mean what they do in a turn."""

    observation: str
    state_key: str
    action: str
    reward: float
    rewards: dict[str, float] = field(default_factory=dict)
    malformed: bool = False
    inadmissible: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One agent message and the environment's reply: the unit of everything.

    `observation`, `state_key` and `info` are those the action was taken in;
    `reward`, `rewards` and `next_state_key` belong to the reply.

    A message that makes several calls is one turn of several `steps`: the agent decides once, in
    the state that it is shown, before any of the calls is answered. All its tokens are in that
    turn, whose `action` is all calls, whose reward and tiers are their sums, and whose
    next state is the last one's. Steps as turns of their own would put rows without a token, in states
    in which nobody decided, into the groups and averages of credit; tokens divided among them would
    compare what was called blindly with what was called after looking.
    """

    index: int
    observation: str
    state_key: str
    action: str
    reward: float
    next_state_key: str
    generation: Generation = field(default_factory=lambda: Generation(text=""))
    spans: tuple[Span, ...] = ()
    rewards: dict[str, float] = field(default_factory=dict)
    malformed: bool = False  # the action could not be read from the message
    inadmissible: bool = False  # the action was read, but the environment does not offer it
    agent: str = ""
    switch: bool | None = None  # whether a plan-execute agent set a new subgoal; None: another agent
    subgoal: str = ""  # the one in force when the action was taken
    info: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)  # what annotators say of the turn
    prompt: tuple[Message, ...] = ()  # what was asked in words, where the rollout keeps it
    steps: tuple[
        Step, ...
    ] = ()  # those of a message that made several calls; empty: the turn is its only step
    seconds: float = field(default=0.0, compare=False)  # until the environment had answered; 0: not known

    def apart(self) -> tuple[Turn, ...]:
        """Return its steps as turns of their own; the first has what was said and what was known."""
        if not self.steps:
            return (self,)
        first = replace(self, steps=())
        later = replace(first, generation=Generation(""), spans=(), prompt=(), info={})
        keys = [step.state_key for step in self.steps[1:]] + [self.next_state_key]
        turns = (first, *[later] * (len(keys) - 1))
        return tuple(map(_taking, turns, self.steps, keys))

    @property
    def valid(self) -> bool:
        """Tell whether the action was readable and admissible."""
        return not (self.malformed or self.inadmissible)


def _taking(turn: Turn, step: Step, after: str) -> Turn:
    return replace(
        turn,
        observation=step.observation,
        state_key=step.state_key,
        action=step.action,
        reward=step.reward,
        rewards=step.rewards,
        next_state_key=after,
        malformed=step.malformed,
        inadmissible=step.inadmissible,
    )


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One episode as data; a failed rollout is one too, with its cause in `error`.

    Trajectories of one `group` share task and seed. Those that
    end by the machine's fault (turnwise.ends) stay out of every statistic.
    """

    env_id: str
    task: str
    task_seed: int
    group: str
    turns: tuple[Turn, ...]  # [T]
    end: End
    final_observation: str = ""
    final_prompt_ids: tuple[int, ...] = ()  # [P] the next prompt, where the episode was cut off and it fits
    instruction: str = ""
    fingerprint: str = ""
    success: bool | None = None
    score: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)  # further figures of the environment
    patch: dict[str, Any] = field(default_factory=dict)  # file -> what became of it, where files are changed
    error: str | None = None
    member: int = 0  # its place in the group
    parent: str | None = None  # trees: the name of the trajectory this one branched from
    branch_turn: int | None = None  # trees: the first turn of its own
    sampled_by: tuple[int, ...] = ()  # [T] trees: the member that sampled each turn; empty: this one
    seconds: float = 0.0
    policy_version: int = 0
    session: str = field(
        default="", compare=False
    )  # the one that it was played in, where the rollout keeps it
    given: int = 0  # its first turns that were given to it, and that no policy sampled
    hint: str = ""  # words that its prompts held, and those of others did not
    learned: bool = (
        True  # False: others of its group are compared with it, and its tokens are not learned from
    )

    @property
    def name(self) -> str:
        """Return the trajectory's name inside its batch: its group and its place there."""
        return f"{self.group}#{self.member}"

    @property
    def own_turns(self) -> tuple[Turn, ...]:
        """Return the turns that were played for it: those not given, in a tree those since it branched."""
        return self.turns[max(self.given, self.branch_turn or 0) :]

    @property
    def aided(self) -> bool:
        """Tell whether it was helped: by turns that were given to it, or by words in its prompts."""
        return self.given > 0 or bool(self.hint)

    @property
    def episode_return(self) -> float:
        """Return the undiscounted sum of rewards."""
        return sum(turn.reward for turn in self.turns)

    @property
    def counts(self) -> bool:
        """Tell whether the trajectory enters statistics: it did not fail for the machine's reasons."""
        return self.end not in FAULTS


class Encoder(Protocol):
    """What renders conversations into tokens.

    `encode_prompt` renders a whole conversation up to the place where the
    assistant speaks; `encode_reply` renders only what follows the assistant's
    tokens: the end of its message, the new messages, and the next place to speak.
    """

    @property
    def opens_thought(self) -> bool | None:
        """Tell whether the assistant speaks from inside a thought; None if that is not known."""
        ...

    @property
    def takes_calls(self) -> bool:
        """Tell whether messages may hold calls, and the role "tool" answers them."""
        ...

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens [P]."""
        ...

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        ...


def common_prefix(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many tokens or messages two lists have in common at their start."""
    length = min(len(first), len(second))
    if first[:length] == second[:length]:
        return length
    return next(place for place in range(length) if first[place] != second[place])
