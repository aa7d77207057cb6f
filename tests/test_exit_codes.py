"""One rule for every command: 2 where what was typed cannot be right, 1 where it was tried and failed."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from turnwise.__main__ import main
from turnwise.errors import CheckpointError, CheckpointMissing, UsageError
from turnwise.servers.sessions.journal.records import JournalError, NoJournal
from turnwise.servers.sessions.journal.sqlite import SqliteJournal

PLAYED = ("eval", "--env", "household/demo-v0", "--episodes", "1", "--agent")


def run(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["turnwise", *arguments])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*PLAYED, "ckpt:nowhere"), "there is no such folder"),
        ((*PLAYED, "ckpt:empty"), "no config.json in it"),
        ((*PLAYED, "ckpt:begun"), "a run without a checkpoint yet"),
        ((*PLAYED, "hf:./nowhere"), "there is no such folder"),
        ((*PLAYED, "hf:~/models/nowhere"), "there is no such folder"),
        ((*PLAYED, "hf:empty"), "no config.json in it"),
        ((*PLAYED, "script:nowhere"), "there is no such file"),
        ((*PLAYED, "nowhere.py:Agent"), "no Python file"),
        ((*PLAYED, "random", "--split", "trian"), "did you mean 'train'"),
        (("train", "tiny", "--set", "policy.checkpoint=nowhere"), "there is no such folder"),
        (("train", "--resume", "--out", "nowhere"), "nowhere"),
        (("warmstart", "--recipe", "tiny", "--from", "nowhere", "--out", "out"), "there is no such folder"),
        (("export", "nowhere", "--out", "out"), "no recipe.toml in it"),
        (("report", "nowhere"), "expected the folder of a run"),
        (("credit", "nowhere"), "nowhere"),
        (("regrade", "nowhere"), "no such file or folder"),
        (("atif", "nowhere", "--out", "out"), "nowhere"),
        (("tasks", "nowhere"), "no such file or folder"),
        (("journal", "nowhere"), "there is no journal"),
        (("journal", "text"), "not a database"),
        (("journal", "foreign.db"), "not a journal of turnwise"),
        (("check", "nowhere.py:Env"), "no Python file"),
        (("play", "household/nowhere-v0"), "unknown environment"),
        (("envs", "household/nowhere-v0"), "unknown environment"),
        (("fit", "nowhere"), "unknown recipe"),
        (("serve", "--config", "nowhere"), "No such file"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_what_is_not_there_or_something_else_is_wrong_usage(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "begun/checkpoints"):
        Path(folder).mkdir(parents=True)
    Path("text").write_text("no database at all, but long enough to be read as one" * 20)
    with sqlite3.connect("foreign.db") as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    assert run(arguments, monkeypatch) == 2
    assert said in capsys.readouterr().err
    assert not {"out", "nowhere"} & {path.name for path in tmp_path.iterdir()}


def test_what_is_there_and_damaged_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken").mkdir()
    Path("broken/config.json").write_text("{")
    assert run((*PLAYED, "ckpt:broken"), monkeypatch) == 1
    SqliteJournal(Path("later.db")).close()
    with sqlite3.connect("later.db") as db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
    db.close()
    assert run(("journal", "later.db"), monkeypatch) == 1


def test_what_is_missing_is_both_a_wrong_argument_and_what_it_was_for() -> None:
    assert issubclass(CheckpointMissing, UsageError) and issubclass(CheckpointMissing, CheckpointError)
    assert issubclass(NoJournal, UsageError) and issubclass(NoJournal, JournalError)
