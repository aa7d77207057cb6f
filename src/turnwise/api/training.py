"""`turnwise.train`: a recipe is trained in a folder, which is read as a `Run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import UsageError
from ..tables import frame
from ..trainers.recipe import Recipe, load
from ..trainers.reports.report import summarise
from ..trainers.runs.folder import is_run, recipe_of
from ..trainers.runs.log import read_log
from ..trainers.train import train as run_recipe
from . import loops
from .given import EnvGiven, env_of

Overrides = Sequence[str] | Mapping[str, Any]
Places = str | Path | Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of training, finished or not, as its folder tells it."""

    folder: Path

    @property
    def agent(self) -> str:
        """Return the name by which `evaluate` and `turnwise eval` take its best policy."""
        return f"ckpt:{self.folder}"

    @property
    def recipe(self) -> Recipe:
        """Return the recipe that it follows, with every value."""
        return load(str(recipe_of(self.folder)))

    def rows(self, kind: Literal["update", "eval"] = "update") -> list[dict[str, Any]]:
        """Return the lines of its log: updates, or evaluations on held-out tasks.

        Raises:
            UsageError: if nothing is logged yet, or the log is broken.
        """
        return [entry for entry in read_log(self.folder) if entry["kind"] == kind]

    def to_pandas(self, kind: Literal["update", "eval"] = "update") -> Any:
        """Return the lines of its log as a pandas.DataFrame.

        Raises:
            UsageError: if nothing is logged yet, or pandas is not installed.
        """
        return frame(self.rows(kind))

    def summary(self) -> dict[str, Any]:
        """Return its figures: success before and after training, updates, seconds, tokens."""
        return summarise(self.folder)


def load_run(folder: str | Path) -> Run:
    """Open the folder of a run.

    Raises:
        UsageError: if it is not one.
    """
    path = Path(folder)
    if not is_run(path):
        raise UsageError(f"{path}: is not the folder of a run; expected what turnwise.train has made")
    return Run(path)


def load_recipe(
    recipe: str | Path | Recipe,
    overrides: Overrides = (),
    *,
    env: EnvGiven | None = None,
    seed: int | None = None,
    server: str | None = None,
    trajectories: Places = (),
) -> Recipe:
    """Return a recipe, with values of it changed.

    Args:
        recipe: a name of `turnwise recipes`, a file, or a recipe that is only to be changed.
        overrides: {"optim.learning_rate": 1e-4}, or texts as of `--set`; not with a Recipe.
        env: another environment; a class is played in this process.
        seed: of the run.
        server: the address of a running server.
        trajectories: stored episodes to learn from: runs, evaluations, files.

    Raises:
        UnknownName: for an unknown recipe, section or key, with the closest ones.
        UsageError: if a value has another type, or a class is to be played by a server.
    """
    if isinstance(recipe, Recipe) and overrides:
        raise UsageError("overrides go with the name or the file of a recipe; change a Recipe by replace")
    loaded = recipe if isinstance(recipe, Recipe) else load(str(recipe), overrides)
    if env is not None:
        name = env_of(env, server or loaded.server.url or None)
        loaded = replace(loaded, env=replace(loaded.env, id=name))
        if not isinstance(env, str):
            loaded = replace(loaded, server=replace(loaded.server, spawn=False))
    if seed is not None:
        loaded = replace(loaded, train=replace(loaded.train, seed=seed))
    if server is not None:
        loaded = replace(loaded, server=replace(loaded.server, url=server))
    if places := [trajectories] if isinstance(trajectories, str | Path) else list(trajectories):
        named = tuple(str(Path(place).resolve()) for place in places)
        loaded = replace(loaded, offline=replace(loaded.offline, trajectories=named))
    return loaded


def train(
    recipe: str | Path | Recipe | None = None,
    out: str | Path | None = None,
    overrides: Overrides = (),
    *,
    env: EnvGiven | None = None,
    seed: int | None = None,
    server: str | None = None,
    trajectories: Places = (),
    resume: bool = False,
    previous: bool = False,
    ray: str = "",
) -> Run:
    """Train an agent by a recipe: rollouts, credit for each turn, updates, held-out evaluations.

        run = turnwise.train("tiny", "runs/lights", env=Lights, seed=1)
        print(run.summary()["after"])
        turnwise.evaluate(Lights, run.agent, episodes=50)

    `train` does so in scripts and in notebooks, `train_async` in a coroutine, whose loop goes on; where
    that is cancelled, the last complete update is saved as after Ctrl-C.

    Args:
        recipe: a name of `turnwise recipes`, a file, or a Recipe; None, with `resume`, is that of the run.
        out: the folder of the run; runs/RECIPE-SEED by default.
        overrides: {"optim.learning_rate": 1e-4}, or texts as of `--set`.
        env: another environment; a class is played in this process.
        seed: of the run.
        server: the address of a running server.
        trajectories: stored episodes to learn from in place of a rollout: runs, evaluations made with `out`,
            files of trajectories, chats with rewards (docs/offline.md).
        resume: go on from the last checkpoint in `out`.
        previous: go on from the checkpoint before it, if that is broken.
        ray: HOST:PORT of the head of a cluster of Ray, which holds the processes of the run (docs/scale.md).

    Raises:
        UsageError: if something is named that is not there, or the folder is taken; nothing is written.
        CheckpointError: if a checkpoint is missing, broken or foreign.
        TrainingError: if the run cannot go on.
        KeyboardInterrupt: after Ctrl-C; the last complete update was saved.
        Stopped: if somebody has asked it to stop; the last complete update was saved.
    """
    if recipe is None:
        if out is None or not (resume or previous):
            raise UsageError("which recipe? name one, or give `out` and resume=True to go on with a run")
        recipe = recipe_of(Path(out))
    loaded = load_recipe(recipe, overrides, env=env, seed=seed, server=server, trajectories=trajectories)
    folder = default_folder(recipe, loaded) if out is None else Path(out)
    if ray:
        from ..trainers.launch.run import train_held

        train_held(loaded, folder, ray, resume=resume, previous=previous)
        return Run(folder)
    loops.anywhere(lambda: run_recipe(loaded, folder, resume=resume, previous=previous, run=loops.complete))
    return Run(folder)


def default_folder(recipe: str | Path | Recipe, loaded: Recipe) -> Path:
    """Return the folder of a run that is given none: runs/RECIPE-SEED."""
    name = "recipe" if isinstance(recipe, Recipe) else Path(recipe).stem
    return Path("runs") / f"{name}-{loaded.train.seed}"


train_async = loops.unblocked(train)
