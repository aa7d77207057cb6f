"""A small repository with a past and a future, and its record."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from turnwise.envs.sandbox import HOST, Limits
from turnwise.envs.swe.instances import InstanceTask
from turnwise.envs.swe.instances.records import read_record
from turnwise.envs.swe.instances.start import Clones

WRONG = '''\
"""Sums of money."""


def total(prices, discount=0):
    """Return the sum of prices less a discount in percent."""
    amount = sum(prices)
    return amount - discount


def mean(prices):
    """Return the mean price."""
    return sum(prices) / len(prices)
'''
RIGHT = WRONG.replace(
    "    return amount - discount\n",
    "    reduction = amount * discount / 100\n    return amount - reduction\n",
)
TESTS = """\
import unittest

from calc import money


class TestMoney(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(money.mean([1, 3]), 2)


def test_total():
    assert money.total([1, 2]) == 3
"""
HIDDEN = f"""\
{TESTS}

def test_discount():
    assert money.total([50, 150], discount=10) == 180


class TestDiscount(unittest.TestCase):
    def test_discount(self):
        self.assertEqual(money.total([200], discount=50), 100)
"""
NAMES = ["tests/test_money.py::test_discount", "tests/test_money.py::TestDiscount::test_discount"]
STAY = ["tests/test_money.py::test_total", "tests/test_money.py::TestMoney::test_mean"]


def git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"}
    words = ["git", *arguments]
    return subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def calc(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return a repository whose fix lies in a branch, a tag and a stash, and what makes tasks of it."""
    folder = tmp_path_factory.mktemp("clones") / "own__calc"
    (folder / "calc").mkdir(parents=True)
    (folder / "tests").mkdir()
    git(folder, "init", "-q", "-b", "main")
    files = {"calc/__init__.py": "", "calc/money.py": "", "tests/test_money.py": TESTS}
    files |= {"setup.cfg": "[tool:pytest]\naddopts = -q\n", "README": "Sums.\n"}
    for path, text in files.items():
        (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    (folder / "calc/money.py").write_text(WRONG)
    git(folder, "commit", "-qam", "Add sums")
    base = git(folder, "rev-parse", "HEAD").strip()
    (folder / "calc/money.py").write_text(RIGHT)
    git(folder, "stash", "-q")
    git(folder, "stash", "apply", "-q")
    (folder / "tests/test_money.py").write_text(HIDDEN)
    git(folder, "commit", "-qam", "Take the discount in percent")
    git(folder, "tag", "v2")
    raw = {
        "instance_id": "own__calc-1",
        "repo": "own/calc",
        "base_commit": base,
        "problem_statement": "The discount is taken as an amount, not in percent.",
        "patch": git(folder, "diff", base, "v2", "--", "calc"),
        "test_patch": git(folder, "diff", base, "v2", "--", "tests"),
        "FAIL_TO_PASS": NAMES,
        "PASS_TO_PASS": STAY,
    }

    def task(suite=None, clones: Clones | None = Clones(folder.parent), **changes) -> InstanceTask:  # noqa: B008
        record = replace(read_record(raw, "calc"), workdir="/workspace", **changes)
        limits = Limits(memory_bytes=512 << 20, num_processes=64)
        return InstanceTask(record, image=HOST, clones=clones, suite=suite, limits=limits)

    texts = SimpleNamespace(wrong=WRONG, right=RIGHT, tests=TESTS, hidden=HIDDEN)
    return SimpleNamespace(folder=folder, base=base, raw=raw, task=task, texts=texts)
