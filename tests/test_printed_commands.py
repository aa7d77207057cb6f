"""Every command that turnwise tells a person to type is one that it has, and the first ones run.

Collected are the commands of code fences and code spans in the documents, and in the texts of the
source those between backticks and, of commands, on a line of their own: help, the demo's last lines.
"""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from graph import sources
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.commands import demo

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [
    file
    for folder in ("envs", "servers", "agents", "trainers", "src/turnwise/commands")
    for file in sources(ROOT / folder)
]
_FENCE = re.compile(r"```\w*\n(.*?)```", re.S)
_ALONE = re.compile(r"(?m)^ *(?:\$ )?(?:OMP_NUM_THREADS=1 )?((?:turnwise|make|pip install) .+)$")
_SPAN = re.compile(r"`((?:turnwise|make|pip install) [^`]+)`")
_INSTALL = re.compile(r"pip install '[^']+'")
_COMMAND = typer.main.get_command(app)


def literals(file: Path) -> Iterator[str]:
    """Yield the texts of a source file; what an f-string fills in is a word."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def printed() -> list[tuple[str, str]]:
    """Return (file, command) of everything that is printed."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        alone = [
            line for fence in _FENCE.findall(text) for line in _ALONE.findall(fence.replace("\\\n", " "))
        ]
        found += [(document.name, line) for line in [*alone, *_SPAN.findall(_FENCE.sub("", text))]]
    for file in SOURCES:
        for text in literals(file):
            alone = _ALONE.findall(text) if file.parent.name == "commands" else []
            commands = [*alone, *_SPAN.findall(text), *_INSTALL.findall(text)]
            found += [(str(file.relative_to(ROOT)), command) for command in commands]
    return sorted({(file, _without_remark(command)) for file, command in found})


def _without_remark(command: str) -> str:
    return re.split(r" {2,}[^-\s]|\s+# | &$", command)[0].strip().rstrip("\\").strip()


PRINTED = printed()


def wrong(command: str) -> str:
    """Return what is wrong with a command; nothing if it could be run where its files are."""
    shortened = command.endswith(" ...")
    words = shlex.split(command.removesuffix(" ..."))
    if words[0] == "make":
        return "" if re.search(rf"(?m)^{words[1]}:", (ROOT / "Makefile").read_text()) else "no such target"
    if words[0] == "pip":
        return wrong_install(words[2:])
    name, arguments = words[1], words[2:]
    if name.startswith("-"):
        return "" if name in ("--help", "--version") else "no such option"
    known = _COMMAND.commands.get(name)  # type: ignore[attr-defined]
    if known is None:
        return "no such command"
    if not arguments:  # a name of the command
        return ""
    try:
        known.make_context(name, arguments, resilient_parsing=shortened)
    except typer.Exit:
        return ""
    except Exception as error:  # noqa: BLE001 - of whichever click it is
        return repr(error)
    return ""


def wrong_install(words: list[str]) -> str:
    """Return what is wrong with what is to be installed."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = [re.fullmatch(r"(?:turnwise|\.)(?:\[([\w,]+)\])?", word) for word in words if word[0] != "-"]
    named = [name for match in asked if match and match[1] for name in match[1].split(",")]
    return ", ".join(f"no extra {name}" for name in named if name not in extras)


def outside_of_quotes(file: Path) -> Iterator[str]:
    """Yield the texts beside documentation that name a command where `runnable` does not find it."""
    named = re.compile(rf"(?<!`)(?<!^)\bturnwise (?:{'|'.join(_COMMAND.commands)})\b")  # type: ignore[attr-defined]
    tree = ast.parse(file.read_text())
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield from (line for line in node.value.splitlines() if named.search(line.strip()))


def test_commands_in_texts_of_the_source_are_found_by_what_makes_them_run() -> None:
    found = [(file.name, line) for file in SOURCES for line in outside_of_quotes(file)]
    assert found == []


def test_commands_are_found_where_they_are_printed() -> None:
    files = {file for file, _ in PRINTED}
    assert {"README.md", "serving.md", "trainers/reports/curves.py", "src/turnwise/commands/demo.py"} <= files
    assert len(PRINTED) > 60


@pytest.mark.parametrize(("file", "command"), PRINTED, ids=lambda value: value[:60])
def test_a_printed_command_is_one_that_there_is(file: str, command: str) -> None:
    assert wrong(command) == "", f"{file} tells to type: {command}"


@pytest.mark.parametrize(
    "command",
    [
        "turnwise evaluate --agent random",
        "turnwise eval --env ENV",
        "turnwise train tiny --sed 3",
        "turnwise check household/mix-v0 --seeds three",
        "make tests",
        "pip install 'turnwise[plot]'",
    ],
)
def test_a_wrong_command_is_found(command: str) -> None:
    assert wrong(command)


SHORT = {
    "turnwise train household_gigpo": (
        "turnwise train household_gigpo --set policy.checkpoint=demo --set policy.hidden_size=128 "
        "--set train.num_updates=1 --set rollout.num_groups=2 --set rollout.group_size=2 "
        "--set rollout.max_turns=4 --set eval.episodes=2 --out RUN"
    ),
    "turnwise eval --env household/demo-v0 --split unseen --agent ckpt:RUN": (
        "turnwise eval --env household/demo-v0 --split unseen --agent ckpt:RUN --episodes 2 --max-turns 3"
    ),
    "turnwise credit RUN": "turnwise credit RUN",
    "turnwise play household/demo-v0 -k split=unseen": "turnwise play household/demo-v0 -k split=unseen",
    "turnwise new environment my_env": "turnwise new environment my_env",
    "turnwise train tiny --set env.id=my_env.py:MyEnv": "",  # as the README's own environment, in test_readme
}


def test_what_the_demo_prints_last_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _ALONE.findall(demo._NEXT.format(run="RUN"))
    assert {_without_remark(line) for line in lines} == set(SHORT)
    monkeypatch.chdir(tmp_path)
    for command in filter(None, SHORT.values()):
        done = CliRunner().invoke(app, shlex.split(command)[1:], input="1\n:undo\n")
        assert done.exit_code == 0, (command, done.output, done.exception)
