"""A policy of one's own: a class in a file or a module, without a further file.

1. The class of docs/policies.md plays by the command that stands under it.
2. A module and a function are doors too; what is not a policy is refused, and names are suggested.
3. The page names every agent and every attribute.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.policies import Policy, make_policy
from turnwise.agents.policies.by_name import AGENTS
from turnwise.errors import UnknownName, UsageError

PAGE = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
COMMAND = re.findall(r"```sh\nturnwise (.*?)\n```", PAGE, re.DOTALL)[0]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return a folder with the page's policy, in which commands run."""
    (tmp_path / "curious.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_policy_of_the_page_plays_by_its_command(folder):
    done = CliRunner().invoke(app, [*shlex.split(COMMAND), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["episodes"], found["errors"], found["malformed_rate"]) == (20, 0, 0.0)
    assert found["settings"]["agent"] == "curious.py:Curious"


def test_a_function_of_requests_is_told_apart_from_what_makes_a_policy(folder):
    (folder / "always.py").write_text("def always(request):\n    return 'look'\n")
    with pytest.raises(
        UsageError, match=r"always.py:always': missing a required argument: 'request'; expected"
    ):
        make_policy("always.py:always")


def test_a_module_and_a_function_are_doors_too(folder):
    (folder / "maker_of_mine.py").write_text(
        "from curious import Curious\ndef make(seed=1):\n    return Curious(seed + 1)\n"
    )
    assert make_policy("curious:Curious", seed=3).seed == 3
    assert make_policy("maker_of_mine:make", seed=3).seed == 4
    assert make_policy("maker_of_mine.py:make").seed == 2


@pytest.mark.parametrize(
    ("spec", "options", "kind", "message"),
    [
        ("curious.py:Curios", {}, UnknownName, "did you mean 'Curious'"),
        ("curious.py:Curious", {"sed": 1}, UnknownName, "did you mean 'seed'"),
        ("nowhere.py:Curious", {}, UsageError, "agent 'nowhere.py:Curious': there is no Python file"),
        ("nowhere_at_all:Curious", {}, UsageError, "run from the folder that holds the module"),
        ("hff:gpt2", {}, UnknownName, "did you mean 'hf'"),
        ("pathlib:Path", {}, UsageError, "makes PosixPath; expected a subclass of turnwise.agents.policies"),
        ("math:pi", {}, UsageError, "is float; expected a class of policies"),
    ],
)
def test_what_is_not_a_policy_is_refused(folder, spec, options, kind, message):
    with pytest.raises(kind, match=message):
        make_policy(spec, **options)


def test_the_page_names_every_agent_and_every_attribute():
    for form in AGENTS.split(" | "):
        assert f"`{form}`" in PAGE
    for name in Policy.__annotations__:
        assert f"| `{name}` |" in PAGE
