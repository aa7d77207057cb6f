"""The journals of a run: what was played since its last checkpoint, an update or evaluation a file."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from ... import __version__
from ...agents.models import CausalLM
from ...agents.policy import Policy
from ...agents.prompts.config import PromptConfig
from ...agents.rollout import Journal, RolloutConfig, RolloutResult, TaskItem, rollout
from ...agents.rollout.gate import Gate
from ...agents.rollout.journal_file import JournalFile, read
from ...agents.rollout.rollout import OnTrajectory
from ...agents.rollout.schedule import BranchingPlan
from ...servers.client import SessionClient
from ..learner.thread import LearnerThread
from ..recipe import Recipe, dump
from .alike import decided
from .folder import turns_of

log = logging.getLogger(__name__)

What = Literal["train", "eval"]
_FORMAT, _VERSION = "turnwise-rollout-journal", 1
_SAMPLED = 4096  # of each tensor: an optimizer step moves nearly all of its numbers


class Journals:
    """What keeps the turns of a run, and gives them back to one that is resumed.

    A journal belongs to the recipe, the update and the weights that its turns were played with; one of
    others is left out, and its turns are played again.

    Args:
        run: its folder.
        recipe: of the run; log.turns_mb bounds all files together.
        model: whose weights play.
        say: tells the user what goes on.
        thread: reads what was kept, and what the weights are: either may take long.
    """

    def __init__(
        self,
        run: Path,
        recipe: Recipe,
        model: CausalLM,
        say: Callable[[str], None],
        thread: LearnerThread,
    ) -> None:
        self._folder, self._model, self._say = turns_of(run), model, say
        self._recipe, self._thread = recipe, thread
        self._journal: Journal | None = None

    @asynccontextmanager
    async def of(self, update: int, what: What) -> AsyncIterator[Journal]:
        """Keep what is played meanwhile, after what an earlier process has kept of it."""
        self._journal = journal = await self._thread.run(partial(self._open, update, what))
        try:
            yield journal
        finally:
            journal.close()
            self._journal = None
        if journal.resumed.figures():
            self._say(f"{_named(update, what)}: {journal.resumed}")

    async def play(
        self,
        client: SessionClient,
        policy: Policy,
        tasks: Sequence[TaskItem],
        config: RolloutConfig | None = None,
        on_trajectory: OnTrajectory | None = None,
        plan: BranchingPlan | None = None,
        *,
        prompt: PromptConfig | None = None,
        seed: int = 0,
        with_prompts: bool = False,
        gate: Gate | None = None,
    ) -> RolloutResult:
        """Play tasks as `rollout` does, under the journal that is open."""
        return await rollout(
            client, policy, tasks, config, on_trajectory, plan,
            prompt=prompt, seed=seed, with_prompts=with_prompts, gate=gate, journal=self._journal,
        )  # fmt: skip

    def drop(self, update: int, evaluated: int) -> None:
        """Remove the journals of what a checkpoint holds.

        Args:
            update: how many updates are done.
            evaluated: after which of them the last evaluation took place.
        """
        for path in self._folder.glob("update-*.turns"):
            number, _, what = path.name.removeprefix("update-").removesuffix(".turns").partition("-")
            done = evaluated if what == "eval" else update - 1
            if number.isdigit() and int(number) <= max(done, update - 1):
                path.unlink(missing_ok=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _open(self, update: int, what: What) -> Journal:
        path = self._folder / f"update-{update:06d}-{what}.turns"
        others = sum(each.stat().st_size for each in self._folder.glob("*.turns") if each != path)
        room = int(self._recipe.log.turns_mb * 1e6) - others
        ahead = what == "train" and self._recipe.train.staleness > 0  # of no one update, nor of its weights
        if room <= 0 or ahead:
            return Journal()
        header = self._header(update, what)
        found = read(path)
        if found is None:
            return Journal(JournalFile(path, header, room))
        other = [name for name, value in header.items() if found.header.get(name) != value]
        journal = Journal(records=found.records)
        if other:
            lost = journal.num_turns
            self._say(
                f"{_named(update, what)}: the {lost} turns kept in {path} are played again, since they were "
                f"played with {' and '.join(_SHOWN.get(name, f'another {name}') for name in other)}"
            )
            journal = Journal(JournalFile(path, header, room))
            journal.resumed.lost_turns = lost
            return journal
        if found.torn:
            log.info("%s: its end is torn, what is whole is read", path)
        return Journal(JournalFile(path, header, room, found.num_bytes), found.records)

    def _header(self, update: int, what: What) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "turnwise": __version__,
            "recipe": decided(dump(self._recipe)),
            "update": update,
            "what": what,
            "weights": weights_word(self._model),
        }


_SHOWN: Mapping[str, str] = {"weights": "other weights", "turnwise": "another version of turnwise"}


def _named(update: int, what: What) -> str:
    return f"update {update + 1}" if what == "train" else f"evaluation after update {update}"


def sessions_of(run: Path) -> list[str]:
    """Return the sessions of episodes that were under way when a run was killed."""
    found = (read(path) for path in sorted(turns_of(run).glob("*.turns")))
    return [id for each in found if each is not None for id in Journal(records=each.records).sessions]


def weights_word(model: CausalLM) -> str:
    """Return a word that tells weights apart after any step of an optimizer: of a sample of each tensor."""
    digest = hashlib.blake2b(digest_size=16)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            flat = weight.detach().reshape(-1)
            stride = max(1, flat.numel() // _SAMPLED)
            digest.update(name.encode())
            digest.update(flat[::stride][:_SAMPLED].float().cpu().numpy().tobytes())
    return digest.hexdigest()
