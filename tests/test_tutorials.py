"""The tutorials do what they say: every command of docs/tutorials runs, and prints what the page shows.

A page is played from top to bottom in a folder of its own. Blocks of Python and TOML that begin with the
name of a file are written there. Commands of turnwise run in this process, those that end with `&` and all
others in one of their own. Training is shortened: more settings at the end of the command, and then figures
are left out of what is compared. In what is shown, `...` stands for anything.
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from architectures import write_model
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.envs.check import contract
from turnwise.trainers.credit.base import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"(?ms)^```(python|toml|sh|text)\n(.*?)^```$")
FIGURE = re.compile(r"\d+(?:\.\d+)?")
FILE = re.compile(r"# ([\w./]+\.(?:py|toml))\n")
_POLICY = (
    "policy.hidden_size=16 policy.num_layers=1 policy.num_heads=2 policy.num_kv_heads=1 "
    "policy.intermediate_size=16 policy.context_tokens=256 warmstart.copy_steps=0"
)
_TRAIN = (
    "train.num_updates=1 rollout.num_groups=2 rollout.group_size=2 rollout.max_turns=2 eval.episodes=2 "
    "server.spawn=false"
)
_WARM = "warmstart.episodes=4 warmstart.max_steps=1 warmstart.only_won=false"
SHORT = {
    "turnwise train tiny": f"{_TRAIN} {_WARM} {_POLICY}",
    "turnwise train mtgrpo.toml": f"{_TRAIN} {_POLICY}",
    "turnwise train household_smollm2": f"{_TRAIN} rollout.max_tokens=4",
    "turnwise warmstart --recipe household_smollm2": _WARM,
    "turnwise sweep": "--dry-run",
}


class Played:
    """A page as it is played.

    Args:
        folder: where its commands run.
        stack: ends what goes on when the page is over.
    """

    def __init__(self, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.stack, self.monkeypatch = folder, stack, monkeypatch
        self.said, self.shortened = "", False

    def block(self, kind: str, text: str) -> None:
        """Write a file, run commands, or compare what they printed with what is shown."""
        name = FILE.match(text)
        if kind in ("python", "toml"):
            assert name, f"a block of {kind} without the name of its file: {text[:60]}"
            (self.folder / name[1]).write_text(text)
            sys.modules.pop(f"turnwise_user_{Path(name[1]).stem}", None)
        elif kind == "sh":
            self.said, self.shortened = "", False
            for line in text.replace("\\\n", " ").splitlines():
                self.command(line.partition("  #")[0].strip())
        else:
            compare(text, self.said, figures=not self.shortened)

    def command(self, line: str) -> None:
        """Run one command to its end, or start what goes on beside the others."""
        if line.endswith("&"):
            self.stack.enter_context(beside(line.removesuffix("&"), self.folder))
        elif line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            done = subprocess.run(["bash", "-c", f"printf %s {value}"], capture_output=True, text=True)
            self.monkeypatch.setenv(name, done.stdout)
        elif line.startswith("turnwise "):
            more = next((more for start, more in SHORT.items() if line.startswith(start)), "")
            self.shortened = self.shortened or bool(more)
            added = [[word] if word.startswith("--") else ["--set", word] for word in more.split()]
            words = [*shlex.split(line)[1:], *(word for pair in added for word in pair)]
            done = CliRunner().invoke(app, words, input="read the note\n:hint\n:undo\n:quit\n")
            assert done.exit_code == 0, (line, done.output, done.exception)
            self.said += done.output
        else:
            ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=250)
            assert ended.returncode == 0, (line, ended.stdout, ended.stderr)
            self.said += ended.stdout


@contextmanager
def beside(line: str, folder: Path) -> Iterator[None]:
    """Start a program and wait until its port is open; end it at last."""
    command = [sys.executable, *(["-m"] if line.startswith("turnwise") else []), *shlex.split(line)]
    if line.startswith("python"):
        del command[1]
    port = int(re.findall(r"\b(\d{4,5})\b", line)[-1])
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not is_open(port):
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def is_open(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def compare(shown: str, said: str, *, figures: bool) -> None:
    """Find every line that is shown in what was said, in order; blanks and, if asked, figures apart."""
    words = " ".join(said.split())
    words = words if figures else FIGURE.sub("0", words)
    for line in shown.splitlines():
        if line.strip() in ("", "..."):
            continue
        line = line if figures else FIGURE.sub("0", line)
        pattern = r"\s*.*?\s*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
        found = re.search(pattern, words)
        assert found, f"not printed: {line!r}\nprinted: {words}"
        words = words[found.end() :]


@pytest.fixture
def page_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder like that of a checkout, and forget what the page registers and imports."""
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    # it has tests of its own, and takes its time
    monkeypatch.setattr(contract, "same_across_processes", lambda *_: None)
    methods = dict(REGISTRY._methods)
    yield tmp_path
    REGISTRY._methods.clear()
    REGISTRY._methods.update(methods)
    for module in [name for name in sys.modules if name.startswith("turnwise_user_")]:
        if str(sys.modules[module].__file__).startswith(str(tmp_path)):
            del sys.modules[module]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, page_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text()
    if ".smollm2/model" in text:
        write_model("Llama", page_folder / ".smollm2" / "model")
    for port in ("8000", "8001"):
        text = re.sub(rf"\b{port}\b", free_port(), text)
    with ExitStack() as stack:
        played = Played(page_folder, stack, monkeypatch)
        for kind, block in BLOCK.findall(text):
            played.block(kind, block)


def test_what_is_not_printed_is_found() -> None:
    compare("a  1.5 %\n...\nb ... d\n", "x a 1.5 %\n b c d e", figures=True)
    compare("a 1.5 %", "a 7 %", figures=False)
    for shown in ("a 1.6 %", "b d\na 1.5 %", "b ... x"):
        with pytest.raises(AssertionError, match="not printed"):
            compare(shown, "x a 1.5 %\n b c d e", figures=True)
