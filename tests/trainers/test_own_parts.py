"""A method of one's own: what docs/credit.md shows is trained, looked at, and kept beside its run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from turnwise.errors import UsageError
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.user_files import import_parts

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "credit.md").read_text()
SECTION = PAGE.partition("## A method of your own")[2].partition("\n## ")[0]
SMALL = (
    "env.id=household/demo-v0 env.train_kwargs={} env.eval_kwargs={} policy.vocab_size=300 "
    "policy.hidden_size=16 policy.num_layers=1 policy.num_heads=1 policy.num_kv_heads=1 "
    "policy.intermediate_size=16 warmstart.teacher=none warmstart.episodes=2 rollout.num_groups=2 "
    "rollout.group_size=2 rollout.max_turns=3 optim.num_minibatches=1 train.num_updates=1 eval.episodes=0 "
    "log.trajectories=all"
)


def turnwise(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "turnwise", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_page_is_a_whole_method(tmp_path: Path) -> None:
    """The file and the recipe of the page, word for word; only sizes are smaller."""
    (code,) = re.findall(r"```python\n(.*?)```", SECTION, re.S)
    (recipe,) = re.findall(r"```toml\n(.*?)```", SECTION, re.S)
    assert len(code.splitlines()) <= 20
    (tmp_path / "progress.py").write_text(code)
    (tmp_path / "progress.toml").write_text(recipe)
    train = re.search(r"^    turnwise (train .*)$", SECTION, re.M)
    look = re.search(r"`turnwise (credit .*?)`", SECTION)
    assert train is not None
    assert look is not None
    small = [word for setting in SMALL.split() for word in ("--set", setting)]
    turnwise(*train.group(1).split(), *small, cwd=tmp_path)
    run = tmp_path / "runs" / "progress-0"
    (entry,) = read_log(run)
    assert "credit/std" in entry
    assert (run / "parts" / "progress.py").read_text() == code
    assert 'name = "progress"' in (run / "recipe.toml").read_text()
    shown = json.loads(turnwise(*look.group(1).split(), "--json", cwd=tmp_path))
    assert {"progress", "gigpo"} <= set(json.dumps(shown).replace('"', " ").split())


def test_files_that_cannot_be_imported_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no Python file .*none\.py"):
        import_parts([str(tmp_path / "none.py")])
    (tmp_path / "vending.py").touch()
    with pytest.raises(UsageError, match=r"did you mean vending\.py\?"):
        import_parts([str(tmp_path / "vendng.py")])
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_module\n")
    with pytest.raises(UsageError, match=r"broken\.py cannot be imported: ModuleNotFoundError: "):
        import_parts([str(broken)])


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    file = tmp_path / "once_only.py"
    file.write_text(
        "from turnwise.trainers.rollouts import horizon\nhorizon.register('test_once')(lambda update: 3)\n"
    )
    import_parts([str(file)])
    import_parts([str(file), str(file)])
    from turnwise.trainers.rollouts import horizon

    assert horizon.get("test_once")(0) == 3
