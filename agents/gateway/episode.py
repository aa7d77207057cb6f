"""One episode of a harness: its calls are answered, rewards are noted, and in the end it is data."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...ends import End
from ...errors import PolicyError, UsageError
from ..policy import PolicyStopped, TokenPolicy
from ..rollout.config import TaskItem
from ..sampling import NEUTRAL, NO_MASK, Mask, Sampling
from ..types import Constraint, GenerationRequest, Trajectory
from .answers import answer_of
from .asked import Asked, Refusal
from .calls import Call, last_turn, observation_of
from .conversations import Conversations, Place
from .growing import Body, Growing
from .rewards import Reward
from .sealing import Seals
from .sessions import SessionBehind
from .tally import Tally
from .written import Record, trajectory_of

_REMEMBERED = 16  # requests that an equal one may be told from
_MAX_CHARS = 256  # of a token, before it is one: what is longer is refused without being encoded


Read = Callable[[bool], Body]
"""Reads what was sent: in part, if that may be, or whole."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How the policy behind a gateway is asked, whatever clients ask for.

    Args:
        policy: answers.
        max_tokens: of an answer; clients may ask for less.
        sampling: how tokens are drawn.
        constraint: what may be said, of the actions that a session offers.
        max_prompt_tokens: of a prompt and its answer.
        max_calls: of one episode.
        seed: the first part of every key of random numbers.
        with_prompts: whether trajectories keep prompts in words, and the id of their session.
        mask: what a second policy lets be drawn.
    """

    policy: TokenPolicy
    max_tokens: int = 512
    sampling: Sampling = NEUTRAL
    constraint: Constraint = "none"
    max_prompt_tokens: int = 1 << 20
    max_calls: int = 512
    seed: int = 0
    with_prompts: bool = False
    mask: Mask = NO_MASK

    @property
    def limit(self) -> int:
        """Return how long a prompt and its answer may be together, in tokens."""
        return min(self.max_prompt_tokens, self.policy.context_tokens)


@dataclass(eq=False, slots=True)
class Episode:
    """One episode while it goes on, and its trajectory afterwards.

    Args:
        id: in its address; whoever knows it may play.
        task: what is played.
        asking: how the policy is asked.
        seals: of the gateway.
        session: what stands behind it; None where rewards are posted.
        instruction: of the task.
        state_key: of the first state, where it is told.
        on_end: is given the trajectory, once.
    """

    id: str
    task: TaskItem
    asking: Asking
    seals: Seals
    session: SessionBehind | None = None
    instruction: str = ""
    state_key: str | None = None
    on_end: Callable[[Trajectory], None] | None = None
    calls: list[Call] = field(default_factory=list)
    trajectory: Trajectory | None = None
    stopped: PolicyStopped | None = None
    final: Reward | None = None
    out_of_tokens: bool = False
    out_of_calls: bool = False
    closed_with: Tally | None = None
    conversations: Conversations = field(init=False)
    started: float = field(default_factory=time.monotonic)
    touched: float = field(default_factory=time.monotonic)
    posted: dict[int, Reward] = field(default_factory=dict)
    growing: Growing = field(default_factory=Growing)
    _recent: deque[Call] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    version: int = field(init=False)

    def __post_init__(self) -> None:
        self.version = self.asking.policy.version
        self.conversations = Conversations(self.asking.policy, self.seals)

    @property
    def is_over(self) -> bool:
        """Tell whether it is data; calls that still come are side calls."""
        return self.trajectory is not None

    @property
    def is_closed(self) -> bool:
        """Tell whether it answers no more."""
        return self.closed_with is not None

    @property
    def tally(self) -> Tally:
        """Return what it has come to so far, or had when it was closed."""
        if self.closed_with is not None:
            return self.closed_with
        ended, calls = self.trajectory, sum(call.answer is not None for call in self.calls)
        if ended is None:
            return Tally(calls)
        return Tally(calls, calls - len(ended.turns), ended.end, ended.episode_return, ended.success)

    @property
    def is_busy(self) -> bool:
        """Tell whether an answer is under way."""
        return any(call.work is not None for call in self._recent)

    async def ask(self, sent: tuple[str, bytes], retried: bool, read: Read) -> tuple[Call, Body]:
        """Answer a call.

        An equal request while one runs joins it. After the answer it is given that
        answer again where it is said to be a retry, or nobody has taken the first; else it is a new sample.

        Args:
            sent: where, and what.
            retried: whether the client says that it asks again.
            read: reads it, by what it has more than an earlier one if it may.

        Returns:
            the call, and what was read.

        Raises:
            Refusal: if it cannot be answered.
        """
        if self.is_closed:
            raise Refusal(410, "episode_closed", "the episode is closed; open another one")
        self.touched = time.monotonic()
        for call in self._recent:
            if call.sent == sent and (call.work is not None or retried or not call.delivered):
                return await self._joined(call), call.body
        if len(self.calls) >= self.asking.max_calls:
            self.out_of_calls = True
            raise Refusal(
                400, "too_many_calls", f"the episode has had its {self.asking.max_calls} calls: end it"
            )
        body = read(True)
        side = body.asked.side or self.is_over or (self.session is not None and self.session.is_over)
        call = Call(len(self.calls), sent, body, side, int(time.time()))
        self.calls.append(call)
        self._recent.append(call)
        call.work = asyncio.create_task(self._answer(call, read))
        return await self._joined(call), call.body

    def length_of(self, asked: Asked) -> int:
        """Return how many tokens the prompt of a call would have.

        Raises:
            Refusal: if there is nothing to answer, or the template refuses it.
        """
        try:
            return len(Conversations(self.asking.policy, self.seals).place(asked).prompt_ids)
        except PolicyError as error:
            raise Refusal(400, "policy_error", str(error)) from error

    async def _joined(self, call: Call) -> Call:
        if (work := call.work) is not None:
            try:
                await asyncio.shield(work)  # whoever goes away leaves the answer to others
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not work.cancelled() or (task is not None and task.cancelling()):
                    raise
                raise Refusal(503, "closing", "what answers here is being stopped") from None
        self.touched = time.monotonic()
        return call

    async def _answer(self, call: Call, read: Read) -> None:
        try:
            await self._said(call, read)
        except PolicyStopped as error:
            self.stopped = error
            raise Refusal(503, "policy_stopped", str(error)) from error
        except (PolicyError, UsageError) as error:
            raise Refusal(400, "policy_error", str(error)) from error
        finally:
            call.work = None
            if call.answer is None and call in self._recent:
                self._recent.remove(call)

    def _place(self, call: Call, read: Read) -> Place:
        """Return where a call stands; a body that was read in part is read whole where that does not tell."""
        since = call.body.since
        if since is not None:
            before = self.calls[since].place
            found = self.conversations.going_on(call.body.asked, before) if before else None
            if found is not None:
                return found
            call.body = read(False)
        asked, after = call.body.asked, None
        if asked.after is not None:
            named = self.calls[asked.after] if 0 <= asked.after < call.number else None
            if named is None or named.place is None or named.answer is None:
                raise Refusal(404, "unknown_response", f"there is no earlier answer {asked.after}")
            after = named.place, named.answer
        return self.conversations.place(asked, after)

    async def _said(self, call: Call, read: Read) -> None:
        self._check_length(call.body.asked)
        place = self._place(call, read)
        asked, session = call.body.asked, self.session
        call.body = call.body.told()
        call.state_key = session.state_key if session else None
        call.info = dict(session.info) if session else {}
        generation = await self.asking.policy.generate(self._request(call, asked, place))
        opened = place.renderer.encoder.opens_thought
        call.place = place
        call.answer = answer_of(generation, asked.tools, call.number, opened, place.begun or "")
        self.conversations.answered(place, call.answer)

    def _check_length(self, asked: Asked) -> None:
        """Refuse texts that cannot fit, whatever their tokens are."""
        chars = sum(len(message.content) for message in asked.messages)
        if chars > _MAX_CHARS * self.asking.limit:
            raise self._too_long(chars // _MAX_CHARS)

    def _too_long(self, num_tokens: int) -> Refusal:
        self.out_of_tokens = True
        return Refusal(
            400,
            "context_length_exceeded",
            f"prompt is too long: {num_tokens} tokens > {self.asking.limit - 1} maximum; compact the "
            "conversation, or end the episode",
        )

    def _request(self, call: Call, asked: Asked, place: Place) -> GenerationRequest:
        asking, info = self.asking, call.info
        room = asking.limit - len(place.prompt_ids)
        if room < 1:
            raise self._too_long(len(place.prompt_ids))
        admissible = info.get("admissible")
        return GenerationRequest(
            prompt_ids=place.prompt_ids,
            admissible=None if admissible is None else tuple(admissible),
            constraint="none" if call.side else asking.constraint,
            max_tokens=min(asking.max_tokens, asked.max_tokens or asking.max_tokens, room),
            sampling=asking.sampling,
            mask=asking.mask,
            stop=asked.stop,
            key=(asking.seed, self.task.seed, self.task.episode, self.task.member or 0, call.number),
            turn=call.number,
            observation=observation_of(place),
            instruction=self.instruction,
            conversation=f"{self.id[:8]}-{place.line}",
            opened=place.renderer.encoder.opens_thought,
        )

    def reward(self, given: Reward) -> None:
        """Take a reward: for a turn, or the last one, which ends the episode.

        Raises:
            Refusal: 409 if another one was given before; 404 if there is no such turn.
        """
        self.touched = time.monotonic()
        if given.turn is None:
            if self.final is None and not self.is_over:
                self.final = given
                self.finish("terminated")
            elif self.final != given:
                raise Refusal(409, "rewarded", "the episode has ended with another reward")
            return
        earlier = self.posted.get(given.turn)
        if earlier is not None and earlier != given:
            raise Refusal(409, "rewarded", f"turn {given.turn} has another reward already")
        if self.is_over and earlier is None:
            raise Refusal(409, "episode_over", "the episode has ended; its turns get no more rewards")
        if not 0 <= given.turn < len(self.calls) or self.calls[given.turn].answer is None:
            raise Refusal(404, "unknown_turn", f"there is no answered turn {given.turn}")
        self.posted[given.turn] = given

    def stepped(self) -> Call | None:
        """Return the call that a step of the session is for; from now on it is a turn."""
        self.touched = time.monotonic()
        call = last_turn(self.calls)
        if call is not None:
            call.named = True
        return call

    def finish(self, end: End, error: str | None = None) -> Trajectory:
        """End the episode, once, and return it as data.

        Args:
            end: why.
            error: the cause, where something broke.
        """
        if self.trajectory is None:
            record = Record(
                self.task,
                self.calls,
                self.posted,
                self.final,
                self.session,
                self.instruction,
                self.state_key,
                self.version,
                time.monotonic() - self.started,
                self.asking.with_prompts,
            )
            self.trajectory = trajectory_of(record, end, error)
            for line in range(self.conversations.num_lines):
                self.asking.policy.forget(f"{self.id[:8]}-{line}")
            if self.on_end is not None:
                self.on_end(self.trajectory)
        return self.trajectory

    def release(self) -> None:
        """Drop what an episode that is over was made of; it answers no more."""
        trajectory = self.finish("error", "closed before it ended")
        self.closed_with, self.trajectory = self.tally, replace(trajectory, turns=())
        self.calls, self._recent = [], deque()
        self.conversations = Conversations(self.asking.policy, self.seals)
