"""Warm start: a policy cloned from demonstrations on training tasks.

A tiny policy is new or goes on; a model of the Hugging Face format learns to answer in our form (supervised
fine-tuning). A new tokenizer and all weights see the training split only. A cloning that was interrupted
goes on where it was when the same is asked for again. With a limit of steps alone
the result is a function of recipe and seed, bit for bit; a limit of seconds
makes it depend on the machine.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from ... import __version__
from ...agents.models import CausalLM
from ...agents.policies import AgentSettings, write_settings
from ...agents.tiny.model import TinyLM
from ...agents.tiny.previous_token import look_back
from ...agents.types import Style, Trajectory
from ...errors import TrainingError
from ...files import write_whole
from ...shown import UNKNOWN, percent
from ...streams import Stream, rng
from ..learner.sequences import pack
from ..policies import agent_settings
from ..policies import get as get_kind
from ..recipe import Recipe
from ..rollouts.mixture import choices_of, draw_choices, names_of
from ..rollouts.tasks import HELD_OUT
from ..runs.checkpoint import file_digest
from ..runs.statistics import failed_share
from ..sections import EnvSection, WarmstartSection
from .cloning import SMALL, Report, clone, measure
from .copying import learn_copying
from .demonstrations import collect
from .resume import CloningCheckpoint
from .stored import read_stored
from .students import Student, load_student, new_student, source_of

_HELD_BACK = 0.1  # share of demonstrations that are not cloned but measured on


@dataclass(frozen=True, slots=True)
class Cloned:
    """What a warm start came to."""

    num_demonstrations: int
    num_won: int | None  # None: the environment does not say
    num_steps: int
    loss: float | None  # nats a token, on demonstrations held back; None without cloning
    accuracy: float | None  # share of their tokens given more than half the probability
    seconds: float
    slip: float = 0.0  # chance per turn that something random was played

    def __str__(self) -> str:
        """Return it in half a line."""
        won = UNKNOWN if self.num_won is None else self.num_won
        slips = f", {percent(self.slip, 0)} of their turns at random" if self.slip else ""
        cloning = f"{self.num_steps} steps of cloning" if self.num_steps else "none of them cloned"
        return f"{self.num_demonstrations} demonstrations ({won} won{slips}), {cloning}, {self.seconds:.0f} s"


def warm_start(
    recipe: Recipe,
    out: Path,
    report: Report = lambda text, share: None,
    *,
    start: Path | None = None,
    stored: Sequence[Path] = (),
) -> Cloned:
    """Make a policy from demonstrations and write it into a folder, whole or not at all.

    Args:
        recipe: [env], [policy], [warmstart], [prompt], [rollout], [optim] and [train] are read.
        out: the folder; an existing one is replaced.
        report: called with what is being done and how much of it is done, 0 to 1.
        start: a policy to go on from, with its tokenizer, or a run for its best; by default a new tiny
            policy, or the model that the recipe names.
        stored: files or folders of trajectories that are learned from in place of a teacher's.

    Raises:
        UsageError: if no model is named, or the environment lacks what the teacher needs.
        TrainingError: if no demonstration succeeded, or cloning diverged.
        CheckpointError: if what it begins with cannot be loaded.
    """
    source, started = source_of(recipe, start), perf_counter()
    student = load_student(recipe, source)
    section, prompt, seed = recipe.warmstart, recipe.prompt, recipe.train.seed
    settings = agent_settings(prompt, recipe.rollout)
    played = read_stored(stored, prompt) if stored else _played(recipe, report)
    played = _counting(played, recipe.train.max_failed)
    chosen = _worth_cloning(played, section.only_won)
    student = student or new_student(recipe, played)
    encoded = student.encode(chosen, prompt, settings)
    depends = _depends(recipe, source, stored)
    checkpoint = CloningCheckpoint(out, depends)
    if section.copy_steps and not source and not checkpoint.begun and isinstance(student.model, TinyLM):
        look_back(student.model)
        learn_copying(student.model, section, seed, report)
    steps, loss, accuracy = _clone_and_measure(student.model, encoded, recipe, report, checkpoint)
    known = [trajectory.success for trajectory in played if trajectory.success is not None]
    won = sum(known) if known else None
    slip = section.slip if chosen else 0.0  # without anybody to imitate every turn is random
    cloned = Cloned(len(played), won, steps, loss, accuracy, perf_counter() - started, slip)
    _save(student, settings, _document(recipe, source, depends["start"], cloned), out)
    checkpoint.done()
    return cloned


def _played(recipe: Recipe, report: Report) -> list[Trajectory]:
    section, prompt, seed = recipe.warmstart, recipe.prompt, recipe.train.seed
    thinks = section.thoughts and get_kind(recipe.policy.kind).language_model
    style: Style = "plan" if thinks else prompt.style
    return play_demonstrations(recipe.env, section, style, recipe.rollout.max_turns, seed, report)


def _document(recipe: Recipe, base: str, start: str | None, cloned: Cloned) -> dict[str, Any]:
    """Return what warmstart.json says beside the weights."""
    return {
        "environment": names_of(recipe.env),
        "settings": asdict(recipe.warmstart),
        "base": base,
        "start": start,
        "seed": recipe.train.seed,
        "demonstrations": cloned.num_demonstrations,
        "won": cloned.num_won,
        "steps": cloned.num_steps,
        "loss": cloned.loss,
        "accuracy": cloned.accuracy,
    }


def _counting(played: Sequence[Trajectory], max_failed: float) -> list[Trajectory]:
    """Return the demonstrations that did not fail; refuse to go on if too many did."""
    failed = failed_share(played)
    if failed > max_failed:
        cause = next(trajectory.error for trajectory in played if not trajectory.counts)
        raise TrainingError(
            f"{100 * failed:.0f} % of the demonstrations failed, train.max_failed allows "
            f"{100 * max_failed:.0f} %. The first cause: {cause}"
        )
    return [trajectory for trajectory in played if trajectory.counts]


def _worth_cloning(played: Sequence[Trajectory], only_won: bool) -> list[Trajectory]:
    """Return the demonstrations to clone: those that teach, and if asked only those not lost."""
    taught = [trajectory for trajectory in played if any(turn.info["taught"] for turn in trajectory.turns)]
    chosen = [trajectory for trajectory in taught if trajectory.success is not False] if only_won else taught
    if taught and not chosen:
        raise TrainingError(
            f"none of {len(taught)} demonstrations succeeded: raise warmstart.episodes, lower "
            "warmstart.slip, or set warmstart.only_won = false"
        )
    return chosen


def _depends(recipe: Recipe, source: str, stored: Sequence[Path]) -> dict[str, Any]:
    """Name everything that the steps of a cloning depend on."""
    sections = (recipe.env, recipe.policy, recipe.warmstart, recipe.prompt, recipe.rollout)
    weights = Path(source) / "model.safetensors"
    return {
        "sections": [asdict(section) for section in sections],
        "seed": recipe.train.seed,
        "start": (file_digest(weights) if weights.is_file() else source) if source else None,
        "stored": [str(place.resolve()) for place in stored],
        "version": __version__,
    }


def _clone_and_measure(
    model: CausalLM,
    encoded: Sequence[Trajectory],
    recipe: Recipe,
    report: Report,
    checkpoint: CloningCheckpoint,
) -> tuple[int, float | None, float | None]:
    """Clone what can be learned; without any, the policy stays as it was initialised."""
    section, seed = recipe.warmstart, recipe.train.seed
    taught = [trajectory for trajectory in encoded if pack([trajectory]).num_targets]
    if not taught or section.max_steps == 0:
        cause = (
            "warmstart.max_steps is 0"
            if taught
            else "warmstart.teacher is none"
            if section.teacher == "none"
            else "the environment has no teacher to imitate, and what was won was won by chance"
        )
        report(f"nothing to clone, the policy starts untrained: {cause}", 1.0)
        return 0, None, None
    memory = recipe.optim if get_kind(recipe.policy.kind).language_model else SMALL
    num_held = int(len(taught) * _HELD_BACK)
    held, cloned = taught[:num_held], taught[num_held:]
    steps = clone(model, cloned, section, seed, report, checkpoint, memory)
    return steps, *measure(model, pack(held or cloned), memory)


def play_demonstrations(
    env: EnvSection, section: WarmstartSection, style: Style, max_turns: int, seed: int, report: Report
) -> list[Trajectory]:
    """Play the demonstrations of a recipe, each environment of a mixture with its own teacher.

    Raises:
        UsageError: if an environment lacks what its teacher needs.
    """
    highest = env.num_tasks or HELD_OUT
    tasks = rng(seed, Stream.DEMONSTRATIONS).integers(0, highest, size=section.episodes).tolist()
    choices = draw_choices(choices_of(env), len(tasks), rng(seed, Stream.DEMONSTRATED_WORLDS))
    played: dict[int, Trajectory] = {}
    finished = count(1)
    for choice in dict.fromkeys(drawn.id for drawn in choices):
        places = [place for place, drawn in enumerate(choices) if drawn.id == choice]
        trajectories = collect(
            choice,
            choices[places[0]].train_kwargs,
            [tasks[place] for place in places],
            teacher=section.teacher,
            max_turns=max_turns,
            slip=section.slip,
            teach_slips=section.teach_slips,
            style=style,
            done=lambda: report("demonstrations", next(finished) / section.episodes),
        )
        played |= dict(zip(places, trajectories, strict=True))
    return [played[place] for place in range(len(tasks))]


def _save(student: Student, settings: AgentSettings, document: dict[str, Any], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        student.save(temporary)
        write_settings(temporary, settings)
        weights = temporary / "model.safetensors"  # a model of several files has an index beside them
        document = {**document, "sha256": file_digest(weights) if weights.is_file() else None}
        write_whole(temporary / "warmstart.json", json.dumps(document, indent=2, sort_keys=True).encode())
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
