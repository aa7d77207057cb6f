"""Where the folder of a run, of its checkpoints or of one of them holds a policy.

RUN/best/update-000040/policy          the best of the evaluations, see trainers.runs.best
RUN/checkpoints/update-000080/policy   what the run goes on from
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from ...errors import CheckpointMissing

BEST, CHECKPOINTS, POLICY = "best", "checkpoints", "policy"
_NAME = re.compile(r"update-(\d{6,})")
_OF_HUB = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def shipped_policy(name: str) -> Path | None:
    """Return the folder of a policy that comes with turnwise, as "demo"; None where none is called so."""
    shipped = Path(str(files("turnwise"))) / "trainers" / "warmstarts"
    return next((folder for folder in shipped.iterdir() if folder.name == name), None)


def policy_folder(path: Path) -> Path:
    """Return the folder of weights that a run, or any folder inside it, stands for.

    Args:
        path: a run, for which its best checkpoint is taken, or the last one if nothing was
            evaluated; RUN/best or RUN/checkpoints, of which the newest is taken; a checkpoint;
            or a folder of weights.

    Raises:
        CheckpointMissing: if it is not one of these, or a run without a checkpoint.
    """
    for own in (path, path / POLICY):
        if (own / "config.json").is_file():
            return own
    for root in (path / BEST, path / CHECKPOINTS, path):
        if found := updates(root):
            return found[-1] / POLICY
    if (path / "recipe.toml").is_file() or (path / CHECKPOINTS).is_dir():
        raise CheckpointMissing(
            f"{path}: a run without a checkpoint yet; expected one in {path / CHECKPOINTS}"
        )
    if not path.is_dir():
        raise CheckpointMissing(
            f"{path}: there is no such folder; expected a run, a checkpoint, a policy or a model"
        )
    raise CheckpointMissing(
        f"{path}: no config.json in it; expected the folder of a run, a checkpoint, a policy or a model"
    )


def model_place(name: str) -> str:
    """Return what a model of the hub's format is loaded by: a folder of weights, or a name of the hub.

    Args:
        name: any folder that `policy_folder` takes, or `owner/model`.

    Raises:
        CheckpointMissing: if it is neither: a folder without a policy, or a path at which nothing is.
    """
    if Path(name).exists() or not _OF_HUB.fullmatch(name):
        return str(policy_folder(Path(name)))
    return name


def updates(root: Path) -> list[Path]:
    """Return the folders of checkpoints in a folder, by the number of their update."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted(found, key=number_of)


def number_of(folder: Path) -> int:
    """Return the number of updates that a checkpoint's folder is named by."""
    return int(folder.name.removeprefix("update-"))
