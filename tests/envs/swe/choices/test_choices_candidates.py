"""Edits to choose from: the right one first, the others different, and equal for equal seeds."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.envs.swe.choices.candidates import candidates
from turnwise.envs.swe.choices.mutations import Function, Mutation, differs, functions_of, mutations
from turnwise.errors import UsageError

RIGHT = '''\
"""A stack. \u00e9\u4e2d"""


class Stack:
    def __init__(self, size, step):
        self.items = []
        self.size = size

    def push(self, item, count):
        """Put it on top; \u00e9."""
        if len(self.items) >= self.size and count > 0:
            raise OverflowError(item)
        self.items.append(item)


def top(stack, default=None):
    return stack.items[-1] if stack.items else default
'''
WRONG = RIGHT.replace(">= self.size", "> self.size")


def texts(source: str) -> set[str]:
    """Return what mutations put in, by what they replace."""
    return {f"{source[one.start : one.end]} -> {one.text}" for one in mutations(source)}


def test_each_kind_of_mutation() -> None:
    source = (
        "def f(a, b):\n"
        "    total = min(a, b) + 1\n"
        "    if a < b and not b:\n"
        "        total -= 0\n"
        "        g(b)\n"
        "    return a is not b\n"
    )
    assert texts(source) >= {
        "min -> max",
        "a, b -> b, a",
        "+ -> -",
        "1 -> 2",
        "1 -> 0",
        "0 -> 1",
        "< -> <=",
        "and -> or",
        "not b -> (b)",
        "a < b and not b -> not (a < b and not b)",
        "a -> b",
        "b -> a",
        "is not -> is",
        "total = min(a, b) + 1 -> pass",
    }
    assert "0 -> -1" not in texts(source)


def test_places_count_characters_behind_wide_ones() -> None:
    source = "def f():\n    return '\u00e9\u4e2d\U0001f600' == g(1)\n"
    changed = {one.applied(source).splitlines()[1].strip() for one in mutations(source)}
    assert "return '\u00e9\u4e2d\U0001f600' != g(1)" in changed
    assert "return '\u00e9\u4e2d\U0001f600' == g(2)" in changed


@given(st.sampled_from(mutations(RIGHT)))
def test_a_mutation_changes_its_place_and_nothing_else(change: Mutation) -> None:
    applied = change.applied(RIGHT)
    assert applied[: change.start] == RIGHT[: change.start]
    assert applied.endswith(RIGHT[change.end :])
    assert applied != RIGHT


def test_differs_asks_for_python_that_is_another_program() -> None:
    assert differs("x = 1", "x = 2")
    assert not differs("x = 1", "x  =  1  # same")
    assert not differs("x = 1", "x = = 1")


def test_functions_with_their_lines() -> None:
    source = "class A:\n    @property\n    def x(self):\n        return 1\n\n\nasync def y():\n    pass\n"
    assert functions_of(source) == [Function("A.x", 2, 4), Function("y", 7, 8)]


def test_the_right_edit_is_first_and_all_are_different_programs() -> None:
    pool = candidates({"stack.py": WRONG}, {"stack.py": RIGHT}, 8, 0)
    assert pool[0].files == {"stack.py": RIGHT}
    assert pool[0].places == (("stack.py", "Stack.push"),)
    assert "> self.size" in pool[0].shown and ">= self.size" in pool[0].shown
    assert len(pool) == 9
    programs = {ast.dump(ast.parse(edit.files["stack.py"])) for edit in pool}
    assert len(programs) == 9 and ast.dump(ast.parse(WRONG)) not in programs
    assert len({edit.shown for edit in pool}) == 9


def test_neither_place_nor_size_tells_which_is_right() -> None:
    pool = candidates({"stack.py": WRONG}, {"stack.py": RIGHT}, 8, 0)
    assert sum(edit.places == pool[0].places for edit in pool) >= 4
    both = RIGHT.replace("stack.items[-1]", "stack.items[0]").replace(">= self.size", "> self.size")
    pool = candidates({"stack.py": both}, {"stack.py": RIGHT}, 8, 0)
    assert sum(len(edit.places) == 2 for edit in pool) >= 2  # near misses of the whole
    parts = [both.replace("[0]", "[-1]"), both.replace("> self.size", ">= self.size")]
    assert any(edit.files["stack.py"] in parts for edit in pool)


def test_equal_arguments_give_equal_edits_and_seeds_give_others() -> None:
    pools = [candidates({"s.py": WRONG}, {"s.py": RIGHT}, 4, seed) for seed in (3, 3, 4)]
    assert pools[0] == pools[1] != pools[2]
    assert pools[0][0] == pools[2][0]
    assert pools[0][0].key == pools[2][0].key


@pytest.mark.parametrize(
    ("files", "gold", "cause"),
    [
        ({"a.py": "x = 1\n"}, {"a.py": "x = 1\n"}, "expected edits of files"),
        ({}, {"a.py": "x = 1\n"}, r"\['a.py'\] are not there"),
        ({"a.py": "x = = 1\n"}, {"a.py": "x = 1\n"}, "does not parse"),
    ],
)
def test_what_cannot_be_edited_is_said(files: dict[str, str], gold: dict[str, str], cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        candidates(files, gold, 4, 0)


def test_loops_keep_their_conditions_but_for_bounds() -> None:
    source = "def f(n):\n    while n < 9 and g(n):\n        n += 1\n        if n == 2:\n            g(n)\n"
    assert texts(source) == {"< -> <=", "== -> !=", "n == 2 -> not (n == 2)", "2 -> 3", "2 -> 1"}
