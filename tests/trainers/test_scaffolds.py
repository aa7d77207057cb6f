"""`turnwise new`: what it writes keeps the house's rules and passes its test; nothing is overwritten.

1. Every kind, under the longest name: ruff agrees, plain pytest passes, no word of the template is left. (The
   test of an environment is run by the first tutorial.)
2. The commands that are printed name what was written, also where a folder has a blank.
3. A bad name is refused with the reason and what a good one is; a file that is there stays as it is.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.errors import UsageError
from turnwise.trainers.scaffolds.names import check_name, class_name
from turnwise.trainers.scaffolds.write import SCAFFOLDS, named, write

ROOT = Path(__file__).resolve().parents[2]
RUFF = [sys.executable, "-m", "ruff"]
# turnwise is ours wherever the file lies
HOUSE = ["--config", str(ROOT / "pyproject.toml"), "--config", 'lint.isort.known-first-party=["turnwise"]']


def done(*command: str, cwd: Path) -> str:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=250)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_what_is_written_passes_its_test_and_the_rules_of_the_house(tmp_path: Path) -> None:
    for kind in SCAFFOLDS:
        name = f"my_{kind}_" + "x" * (36 - len(kind))
        written = write(kind, name, tmp_path)
        text = written.file.read_text() + written.test.read_text()
        assert name in text and not re.search(r"(?i)example", text)
        assert len(written.file.read_text().splitlines()) <= 55
    done(*RUFF, "check", *HOUSE, ".", cwd=tmp_path)
    done(*RUFF, "format", "--check", *HOUSE[:2], ".", cwd=tmp_path)
    tests = [file.name for file in tmp_path.glob("test_*.py") if "my_environment" not in file.name]
    assert "9 passed" in done(sys.executable, "-m", "pytest", "-q", "-W", "error", *tests, cwd=tmp_path)


@pytest.mark.parametrize("kind", SCAFFOLDS)
def test_the_commands_that_are_printed_name_what_was_written(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    said = CliRunner().invoke(app, ["new", kind, "mine", "--out", str(folder)])
    assert said.exit_code == 0
    commands = [shlex.split(line.partition(" > ")[0]) for line in said.output.splitlines()[1:]]
    assert commands[0] == ["pytest", str(folder / "test_mine.py")]
    assert len(commands) > 1 and all("{" not in word for words in commands for word in words)
    words = " ".join(word for words in commands[1:] for word in words)
    assert (folder / f"mine{SCAFFOLDS[kind].suffix}").is_file() and f"{folder}/mine" in words


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("environment", "Mine", "lower case letters"),
        ("environment", "my-task", "lower case letters"),
        ("environment", "../task", "lower case letters"),
        ("environment", "1st", "a letter first"),
        ("environment", "a" * 41, "at most 40"),
        ("environment", "mine_", "lower case letters"),
        ("policy", "class", "a word of Python's own"),
        ("policy", "match", "a word of Python's own"),
        ("environment", "random", "would hide .* take another, as my_random"),
        ("benchmark", "numpy", "would hide"),
        ("policy", "test_it", "leave test_ away"),
        ("credit", "gigpo", "comes with turnwise; take another, as my_gigpo"),
        ("recipe", "tiny", "comes with turnwise"),
        ("chooser", "vade", "comes with turnwise"),
        ("recipes", "mine", "did you mean 'recipe'"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_written(kind: str, name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=reason):
        write(kind, name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("of mine")
    with pytest.raises(UsageError, match=f"{there} is there already"):
        write("policy", "mine", tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {there: "of mine"}


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(UsageError, match="is there already"):
        write("policy", "mine", tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"deeper: Not a directory; nothing was written"):
        write("policy", "mine", tmp_path / "file" / "deeper")


def test_words_of_the_template_become_the_name() -> None:
    assert named('class Example: "test_example.py:Example", example(', "my_task") == (
        'class MyTask: "test_my_task.py:MyTask", my_task('
    )
    assert (class_name("my_task_2"), class_name("a")) == ("MyTask2", "A")
    check_name("my_task_2")
