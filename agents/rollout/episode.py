"""One episode: from the reset to the trajectory, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import perf_counter

from ...ends import CUT_OFF, FAULTS, End
from ...envs.tools import Tool, tools_of
from ...errors import EnvironmentFault, PolicyError, ServerError
from ...servers.protocol.types import Reply
from ..policy import PolicyStopped, PromptTooLong
from ..prompts.config import View
from ..prompts.conversation import Context
from ..prompts.explained import read_as
from ..prompts.parse import Reading
from ..types import Encoder, Generation, Style, Trajectory, Turn
from .answers import Answers
from .asking import check_sight, encoder_of, read_message, request_of
from .beginning import given, strayed
from .breaker import TaskRefused
from .config import TaskItem
from .rejoining import Diverged
from .sessions import TakenOver
from .shared import RolloutContext
from .turns import Taken, key_of, outcome, turn_of


class Episode:
    """One attempt at a task while it runs.

    Args:
        shared: what the episodes share.
        slot: the number of the slot, which orders it in lock-step.
        task: what to play.
        answers: what answers it; by default from its beginning.
    """

    def __init__(
        self, shared: RolloutContext, slot: int, task: TaskItem, answers: Answers | None = None
    ) -> None:
        self.shared, self.asked, self.slot, self.task = shared, shared.asked, slot, task
        self.answers = answers or Answers(shared, slot, task)
        self.started = perf_counter()
        self.version = shared.policy.version
        self.encoder: Encoder | None = None
        self.context = Context(self.asked.prompt, None)
        growing = self.asked.prompt.mode == "conversation"
        self.conversation = shared.conversation() if growing else None
        self.turns: list[Turn] = []
        self.member = task.member or 0
        self.sampled_by: list[int] = []  # the member that sampled each turn
        self.parent: Episode | None = None
        self.branch_turn = 0
        self.opened = False
        self.reply = Reply("", "", 0, 0, "")
        self.told: list[Reply] = []  # what answers the last message
        self.instruction = self.task_name = ""
        self.tools: tuple[Tool, ...] = ()
        self.end: End = "error"
        self.error: str | None = None
        self.curable = True  # False: the same would come of it again
        self.diverged = False  # whether it could not go on from its tape
        self.num_given = 0  # turns

    @property
    def key(self) -> tuple[int, ...]:
        """Return the key of the random numbers of the next turn."""
        return (self.shared.seed, self.task.seed, self.task.episode, self.member, len(self.turns))

    @property
    def name(self) -> str:
        """Return what its trajectory will be called."""
        return f"{self.task.group_name}#{self.member}"

    @property
    def style(self) -> Style:
        """Return how messages are read."""
        return read_as(self.asked.prompt.style, self.tools)

    @property
    def reusable(self) -> bool:
        """Tell whether the session ended in a state that the next reset may follow."""
        return self.is_open and self.end not in FAULTS

    @property
    def is_open(self) -> bool:
        """Tell whether it has a session; one that was played back to its end needed none."""
        return self.opened and self.answers.live

    async def open(self) -> None:
        """Start the episode; a failure of this one episode becomes its error."""
        try:
            self.reply = await self.answers.start()
        except TaskRefused as error:
            self._refused(str(error))
            return
        except EnvironmentFault as error:
            self.error = str(error)
            return
        self.opened, self.told = True, [self.reply]
        info = self.reply.info
        check_sight(self.shared.policy, info, self.task.env_id)
        self.instruction = str(info.get("instruction") or "")
        self.tools = tools_of(info.get("tools"))
        self.encoder = encoder_of(self.shared.policy, self.asked.prompt, self.tools, self.task.env_id)
        self.context = Context(self.asked.prompt, self.encoder, self.opened_thought)
        self.task_name = str(info.get("task") or f"{self.task.env_id}#{self.task.seed}")
        if not self._note_failure():
            self.shared.beginnings.made()
        elif info.get("refused"):
            self._refused(str(self.error))

    def _refused(self, reason: str) -> None:
        """End for what playing again does not mend."""
        self.error, self.curable = reason, False
        self.shared.beginnings.refused((self.task.env_id, self.task.seed), reason)

    def branch(self, answers: Answers, reply: Reply | str) -> Episode:
        """Return an episode that goes on from here as another member of the group.

        Args:
            answers: to it, with its slot and the member it is.
            reply: of the session forked from this one's, or why there is none.
        """
        branch = Episode(self.shared, answers.slot, answers.task, answers)
        branch.context = self.context.clone()
        branch.turns, branch.sampled_by = list(self.turns), list(self.sampled_by)
        branch.instruction, branch.task_name = self.instruction, self.task_name
        branch.tools, branch.encoder = self.tools, self.encoder
        branch.parent, branch.branch_turn = self, len(self.turns)
        branch.num_given = self.num_given
        if isinstance(reply, str):
            branch.error = reply
        else:
            branch.reply, branch.told, branch.opened = reply, self.told, True
        return branch

    async def run(self) -> None:
        """Play until something ends the episode."""
        if self.error is not None:
            return
        try:
            async with asyncio.timeout(self.shared.config.deadline_s) as self.answers.deadline:
                await self._play()
        except PolicyStopped:
            raise
        except TakenOver as error:
            self.end, self.error = "operator", str(error)
        except PromptTooLong as error:
            self._out_of_tokens(str(error))
        except Diverged as error:
            self.end, self.error, self.diverged = "error", str(error), True
            self.shared.journal.resumed.diverged(len(self.turns))
        except (TimeoutError, PolicyError, EnvironmentFault, ServerError) as error:
            self.end, self.error = "error", f"{type(error).__name__}: {error}"
            if self.answers.deadline and self.answers.deadline.expired():
                self.end, self.error = "deadline", f"over {self.shared.config.deadline_s:g} s"

    def forget(self) -> None:
        """Let the policy drop what it cached for the episode, and the board that it stood anywhere."""
        self.shared.gate.board.gone(self.name)
        tokens = self.shared.policy.tokens
        if tokens and self.conversation:
            tokens.forget(self.conversation)

    def trajectory(self) -> Trajectory:
        """Return the episode as data."""
        return Trajectory(
            env_id=self.task.env_id,
            task=self.task_name or f"{self.task.env_id}#{self.task.seed}",
            task_seed=self.task.seed,
            group=self.task.group_name,
            turns=tuple(self.turns),
            end=self.end,
            final_observation=self.reply.observation,
            final_prompt_ids=self._final_prompt(),
            instruction=self.instruction,
            fingerprint=self.reply.fingerprint,
            **outcome(self.reply.info, self.end in FAULTS),
            error=self.error,
            seconds=perf_counter() - self.started,
            policy_version=self.version,
            member=self.member,
            parent=self.parent.name if self.parent else None,
            branch_turn=self.branch_turn if self.parent else None,
            sampled_by=tuple(self.sampled_by) if self.parent else (),
            session=self.reply.id if self.shared.with_prompts else "",
            given=self.num_given,
            hint=self.task.beginning.hint,
        )

    def _observe(self) -> None:
        """Show the policy what answers its last message."""
        hint = self.task.beginning.hint
        *earlier, now = (
            View.of(one.observation, one.info, self.instruction, self.tools, hint) for one in self.told
        )
        self.context.observe(now, earlier)

    def _final_prompt(self) -> tuple[int, ...]:
        """Return what the policy would have been shown next, if the episode was cut off and it fits.

        A critic values the state in which such an episode stopped.
        """
        if self.end not in CUT_OFF or not self.encoder or not self.turns:
            return ()
        if not self.context.is_current:
            self._observe()
        prompt_ids = self.context.prompt_ids or ()
        return prompt_ids if len(prompt_ids) <= self.shared.policy.context_tokens else ()

    async def _play(self) -> None:
        config = self.shared.config
        limit = min(config.max_episode_tokens, self.shared.policy.context_tokens)
        if not await self._lead_in():
            return
        while len(self.turns) < config.max_turns:
            if not self.context.is_current:  # that of a branch is from its start
                self._observe()
            if self.context.num_tokens + self.asked.max_tokens > limit:
                self._out_of_tokens(
                    f"a prompt of {self.context.num_tokens} tokens and a message of {self.asked.max_tokens} "
                    f"exceed the limit of {limit}"
                )
                return
            if await self._turn():
                return
        self.end = "horizon"

    async def _lead_in(self) -> bool:
        """Take the turns that are given to the episode; tell whether it can go on from there."""
        beginning = self.task.beginning
        for action in beginning.actions if self.parent is None else ():
            self._observe()
            message = given(action, self.asked.prompt, self.shared.policy, self.context.prompt_ids or ())
            over = await self._act(*message)
            self.num_given = len(self.turns)
            if over:
                break
        if not self.error and self.parent is None:
            self.error = strayed(beginning, self.reply.done, key_of(self.reply)) or None
            self.end, self.curable = "error", self.error is None
        return not self.error

    async def _turn(self) -> bool:
        """Take one turn and tell whether it ended the episode."""
        generation = await self._generate()
        if self.shared.at_message:
            await self.shared.at_message(self, generation)
        return await self._act(generation, self._read(generation))

    async def _act(self, generation: Generation, reading: Reading) -> bool:
        """Act on a message and tell whether that ended the episode."""
        taken = Taken(self.reply, self.reply)
        try:
            failed = await self._take(reading, taken, generation.finish_reason == "filtered")
        finally:  # where the rest of several calls could not be made, those before them were
            if taken.steps:
                self._record(generation, reading, taken)
        if self.reply.done and not failed:
            self.end = "terminated" if self.reply.terminated else self.reply.end or "horizon"
        return self.reply.done or failed

    async def _take(self, reading: Reading, taken: Taken, filtered: bool) -> bool:
        """Take the steps of a message until one ends the episode; tell whether the machine failed."""
        for parsed in reading.steps:
            self.reply, seconds = await self.answers.step(self.reply, parsed.action)
            taken.seconds += seconds
            if self._note_failure():
                return True
            taken.add(parsed, self.reply, filtered)
            if self.reply.done:
                break
        return False

    @property
    def opened_thought(self) -> bool | None:
        """Tell whether messages begin inside a thought; None if that is not known."""
        return self.encoder.opens_thought if self.encoder else self.shared.policy.opens_thought

    def _read(self, generation: Generation) -> Reading:
        most = self.shared.config.max_action_chars
        said = replace(generation, text=self.context.readable(generation.text))
        return read_message(said, self.asked.prompt, self.tools, most, self.opened_thought)

    def _record(self, generation: Generation, reading: Reading, taken: Taken) -> None:
        """Note a turn: the state it was taken in, what was said, and what the environment answered."""
        parsed, pairs = reading.whole, taken.pairs(self.told[-1].observation)
        self.told = taken.replies
        subgoal = parsed.subgoal if parsed.switch else self.context.subgoal
        turn = turn_of(
            taken,
            generation,
            parsed,
            index=len(self.turns),
            style=self.style,
            subgoal=subgoal,
            dropped=self.shared.config.drop_info,
            native=self.asked.prompt.tools == "native",
            prompt=self.context.shown if self.shared.with_prompts else (),
        )
        self.turns.append(turn)
        self.sampled_by.append(self.member)
        self.context.record(*pairs[0], generation, subgoal, reading.calls, pairs[1:])

    async def _generate(self) -> Generation:
        shared, private = self.shared, dict(self.reply.info.get("private") or {})
        request = request_of(
            self.asked,
            shared.config,
            self.context,
            self.reply,
            self.tools,
            key=self.key,
            turn=len(self.turns),
            instruction=self.instruction,
            conversation=self.conversation,
            opened=self.opened_thought,
            private=private if shared.policy.sees_private else {},
        )
        said, self.reply = await self.answers.message(self.reply, request)
        return said

    def _note_failure(self) -> bool:
        """Take over what the service says of a failure of the machine."""
        if self.reply.end not in FAULTS:
            return False
        self.end = self.reply.end
        cause = self.reply.info.get("error", self.reply.end)
        self.error = f"{self.task.env_id} at turn {len(self.turns)}: {cause}"
        return True

    def _out_of_tokens(self, reason: str) -> None:
        """End for lack of tokens; before the first turn that is a fault of the settings."""
        if self.turns:
            self.end = "tokens"
        else:
            self.end, self.error = "error", f"{reason} before the first turn"
            self.curable = False
