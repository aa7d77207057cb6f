"""The trainer: rollout, credit, update, evaluation, checkpoint, again.

The state of a run between two updates is small and explicit (RunState, the
learner, the weights), and everything random is a function of the recipe's seed
and the number of the update. A run that was interrupted at any moment therefore
goes on as if it had not been.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from time import perf_counter
from typing import Any

import torch

from ..agents.control import DONE, Control
from ..agents.gateway.harness import HarnessRollout
from ..agents.rollout import Rollout
from ..agents.types import Trajectory
from ..errors import CheckpointError, TrainingError, TurnwiseError
from ..servers.client import SessionClient
from .assign import trainable
from .credit import describe
from .learner.credit_memory import CreditMemory
from .learner.sequences import Floats, Lag, PackedBatch
from .learner.thread import LearnerThread
from .learner.update import Learner
from .policies import TrainedPolicy
from .recipe import Recipe
from .rollouts.collect import Collected, Collector, Collects
from .rollouts.mixture import choices_of
from .runs import checkpoint
from .runs import folder as rundir
from .runs.attending import attend
from .runs.best import Chosen, best_of, keep_best
from .runs.bottleneck import bottleneck
from .runs.console import RunDisplay
from .runs.held_out import evaluate_held_out
from .runs.held_out_kept import Keeping
from .runs.journals import Journals
from .runs.log import RunLog, choose
from .runs.played import check_failures, note_environments
from .runs.remembered import Remembered
from .runs.state import RunState, stops
from .runs.statistics import batch_statistics, rollout_statistics, staleness
from .runs.timeline import Timeline, spent
from .sections import TrainSection
from .validate import Bound

log = logging.getLogger(__name__)


class Trainer:
    """One run between its first update and its last.

    Args:
        recipe: what to do.
        bound: the parts that it names.
        log: of the run, in its folder.
        client: where the environments are.
        trained: the policy.
        learner: updates the policy's weights.
        display: where progress is shown.
        state: where the run stands.
        remembered: what its parts remember.
        control: what is asked of it while it goes on; None where nobody can ask.
        stored: gives episodes that are learned from in place of a rollout; None: they are played.
    """

    def __init__(
        self,
        recipe: Recipe,
        bound: Bound,
        log: RunLog,
        client: SessionClient,
        trained: TrainedPolicy,
        learner: Learner,
        display: RunDisplay,
        state: RunState | None = None,
        remembered: Remembered | None = None,
        control: Control | None = None,
        stored: Collects | None = None,
    ) -> None:
        self.control = control
        self.recipe, self.run_folder, self.client = recipe, log.run, client
        self.trained, self.learner, self.display = trained, learner, display
        self.state = state or RunState()
        remembered = remembered or Remembered()
        self.credit = remembered.credit
        self.log, self._thread = log, LearnerThread(self.display.say)
        self.journals = Journals(log.run, recipe, trained.model, display.say, self._thread)
        self._play: Rollout = HarnessRollout(recipe.harness) if recipe.harness.command else self.journals.play
        self.assigner = bound.assigner
        self.is_offline = stored is not None
        self.collector: Collects = stored or Collector(
            client,
            trained.policy,
            bound.rollouts,
            recipe.env,
            recipe.rollout,
            recipe.prompt,
            recipe.train,
            remembered.samplers,
            self._play,
            remembered.tasks,
            remembered.in_flight,
        )
        self.timeline = Timeline()
        self._saved = -1
        self._between_updates = True  # False while the weights are in motion

    async def run(self) -> RunState:
        """Train to the end; if that is cut short, save the last complete update where there is one.

        Raises:
            TrainingError: if the run cannot go on; the last checkpoint stays valid.
            ServerError: if the environments cannot be reached any more.
            Stopped: if somebody has asked it to stop.
        """
        try:
            while True:
                if self.control is not None:
                    await attend(self, self.control)
                stop = self._stops()
                if self._evaluation_is_due(bool(stop)):
                    await self._evaluate()
                    stop = self._stops()
                if stop or self.state.update % self.recipe.train.save_every == 0:
                    await self.save()
                if stop:
                    self.display.say(f"done after {self.state.update} updates: {stop}")
                    if self.control is not None:
                        self.control.note(DONE, stop)
                    return self.state
                await self._update()
        except (asyncio.CancelledError, TurnwiseError) as cause:
            if self._between_updates and not isinstance(cause, CheckpointError):
                await self.save()
            raise
        finally:
            self._thread.close()
            await self.collector.aclose()

    async def save(self) -> None:
        """Write a checkpoint of the last complete update, if it has none, in the learner's thread."""
        number, collector = self.state.update, self.collector
        if self._saved == number:
            return
        self._saved = number
        in_flight = collector.in_flight(number)
        remembered = Remembered(collector.states, collector.tasks, self.credit, in_flight)
        await self._thread.run(partial(self._checkpoint, asdict(self.state), remembered))

    def _checkpoint(self, state: dict[str, Any], remembered: Remembered) -> None:
        """Write a checkpoint of how all stood when it was asked for; weights do not move meanwhile."""
        checkpoint.save(
            rundir.checkpoints(self.run_folder),
            state["update"],
            state=state,
            learner={
                "learner": self.learner.state_dict(),
                "torch_rng": torch.get_rng_state(),
                **self.trained.state(),
            },
            save_policy=self.trained.save,
            save_more=remembered.save,
            keep=self.recipe.train.keep,
        )
        self.journals.drop(state["update"], state["evaluated"])

    @property
    def num_updates(self) -> int:
        """Return how many updates are done."""
        return self.state.update

    def limit(self, train: TrainSection) -> None:
        """End by other limits from here on; a resumed run finds them in its recipe."""
        self.recipe = replace(self.recipe, train=train)
        self.collector.train = train
        self.learner.total_updates = train.num_updates
        rundir.write_recipe(self.run_folder, self.recipe)

    def _stops(self) -> str:
        """Return why the run is over; empty while it is not."""
        return stops(self.recipe.train, self.state)

    def _evaluation_is_due(self, last: bool) -> bool:
        section, state = self.recipe.eval, self.state
        if section.episodes == 0 or state.evaluated == state.update:
            return False
        return last or state.update == 0 or bool(section.every and state.update % section.every == 0)

    async def _evaluate(self) -> None:
        recipe = self.recipe
        await self.trained.sync.push(self.state.update)
        keeping = Keeping(self.run_folder, self.state.update, recipe.log)
        asked = self.client, self.trained.policy, recipe.env, recipe.rollout, recipe.prompt, recipe.eval
        async with self.journals.of(self.state.update, "eval"):
            total = recipe.eval.episodes * len(choices_of(recipe.env))
            shown = self.display.counting(f"evaluation after update {self.state.update}", total)
            figures = await evaluate_held_out(*asked, keeping, self._play, recipe.harness.command, shown)
        entry = {"kind": "eval", "update": self.state.update, **figures}
        self.state.evaluated = self.state.update
        self.state.success_rate = figures["eval/success_rate"]
        self._write({**entry, "train_seconds": self.state.train_seconds})
        self.display.evaluated(entry)
        await self._thread.run(partial(self._keep, Chosen.of(self.state.update, figures), keeping))
        if recipe.train.target_success and self.state.success_rate is None:
            raise TrainingError(
                f"train.target_success = {recipe.train.target_success:g} needs success, and the environment "
                'does not say info["won"]; let it, or set train.target_success = 0'
            )

    def _keep(self, chosen: Chosen, keeping: Keeping) -> None:
        """Keep the policy that was evaluated if it is the best, and of evaluations what is asked."""
        keep_best(self.run_folder, chosen, self.trained.save)
        best = best_of(self.run_folder)
        keeping.prune(None if best is None else best.update)

    async def _update(self) -> None:
        started = perf_counter()
        number = self.state.update
        # a push empties the caches: a resumed run must find them as an uninterrupted one
        self.timeline.to("sync")
        synced = await self.trained.sync.push(number)
        self.timeline.to("wait")
        async with self.journals.of(number, "train") as journal:
            collected = await self.collector.collect(number)
        self._check(collected.played)
        self._between_updates = False
        learned, credit = await self._thread.run(partial(self._learn, collected))
        self.timeline.to("")
        entry = {"kind": "update", "update": number + 1, **learned, **synced.figures()}
        entry |= {**journal.resumed.figures(), **spent(self.timeline.take(), entry)}
        entry["time/bottleneck"] = bottleneck(entry, self.recipe)
        entry["step_time"] = perf_counter() - started
        state = self.state
        state.update = number + 1
        state.train_seconds += entry["step_time"]
        state.num_tokens += collected.stats.tokens
        state.num_turns += collected.stats.turns
        self.collector.states, self.collector.tasks, self.credit = collected.states, collected.tasks, credit
        self._between_updates = True
        section = self.recipe.log
        if not self.is_offline:  # what was stored before needs no second copy
            chosen = choose(collected.chosen, section.trajectories, section.sampled)
            await self._thread.run(partial(self.log.trajectories, number + 1, chosen))
        self._write({**entry, "train_seconds": state.train_seconds, "total_tokens": state.num_tokens})
        self.display.update(self._share(), {**entry, "train_seconds": state.train_seconds})

    def _learn(self, collected: Collected) -> tuple[dict[str, Any], CreditMemory]:
        """Turn what was collected into an update; return the log's figures, and what credit remembers."""
        trajectories = trainable(collected.chosen, self.recipe.train.allow_single)
        if not trajectories:
            raise TrainingError(f"update {self.state.update}: no group has two episodes to compare")
        self.trained.sampled(self.state.update)
        self.timeline.to("credit")
        learner, assigner = self.learner, self.assigner
        number, ahead = self.state.update, self.recipe.train.staleness
        batch = assigner.pack(trajectories, Lag.at(number, ahead))
        critic = learner.critic
        states = learner.read(trajectories)
        values = critic.columns(states) if critic and states else {}
        reference_N = self._reference(batch)
        if self.is_offline:
            batch = learner.as_stored(batch, reference_N)
        if reference_N is not None and assigner.estimator.against_reference:
            log_ratio_N = learner.logprobs(batch) - reference_N
            values |= assigner.against_reference(trajectories, batch, log_ratio_N)
        values |= self.credit.columns(assigner.estimator, trajectories, learner.logprobs)
        progress = self.recipe.train.progress(self.state.update)
        assigned = assigner.assign(trajectories, batch, values, reference_N, progress, self.credit.state)
        self.timeline.to("learner")
        stands = critic is not None and self.state.update < critic.config.first_updates
        figures = {} if stands else learner.update(batch, assigned.advantage_N, reference_N=reference_N)
        if critic and states:
            figures |= critic.fit(states, assigned.credit)
        entry = {
            **batch_statistics([each for each in collected.played if not each.aided]),
            **rollout_statistics(collected.stats),
            **self.trained.policy.take_figures(),
            **collected.figures,
            **describe(assigned.table, assigned.credit),
            **assigned.figures,
            **figures,
            "rollout/causes": dict(collected.stats.causes.most_common(3)),
            "rollout/left_out": len(collected.chosen) - len(trajectories),
            **staleness(trajectories, number, ahead),
        }
        return entry, self.credit.after(assigner.estimator, assigned.state, trajectories)

    def _reference(self, batch: PackedBatch) -> Floats | None:
        """Return what the reference says of each target [N], where anybody asks."""
        asked = self.learner.objective.needs_reference or self.assigner.needs_reference
        return self.learner.reference_logprobs(batch) if asked else None

    def _check(self, trajectories: Sequence[Trajectory]) -> None:
        """Stop if too many rollouts failed, or an environment is another than before."""
        known, number = self.state.fingerprints, self.state.update
        check_failures(trajectories, self.recipe.train.max_failed, number)
        if note_environments(known, trajectories, number):
            rundir.record(
                self.run_folder, environment=" + ".join(known), fingerprint=" + ".join(known.values())
            )

    def note(self, entry: dict[str, Any]) -> None:
        """Write a line of the log that is no update, and show what it says."""
        self._write({**entry, "update": self.state.update})
        self.display.say(f"update {self.state.update + 1}: {entry['said']}")

    def show(self, text: str) -> None:
        """Show what the update under way is at."""
        self.display.under_way(f"update {self.state.update + 1}: {text}")

    def _write(self, entry: dict[str, Any]) -> None:
        self.log.append(entry)
        self.state.log_lines += 1

    def _share(self) -> float:
        """Return how much of the run is done, by the stop rule that comes first."""
        train = self.recipe.train
        shares = [self.state.update / max(1, train.num_updates)]
        if train.max_seconds:
            shares.append(self.state.train_seconds / train.max_seconds)
        return max(shares)
