"""Hidden cases of merge: what several files of them use."""

import merge
from judging import unordered
from merge import REMOVE


def numbers_from(seed):
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def random_value(numbers, depth=3):
    kind = next(numbers) % (6 if depth else 4)
    if kind == 0:
        return next(numbers) % 5
    if kind == 1:
        return (None, True, False, 1.5, "", "text")[next(numbers) % 6]
    if kind == 2:
        return [next(numbers) % 4 for _ in range(next(numbers) % 4)]
    if kind == 3:
        return "abc"[next(numbers) % 3]
    return {"abcd"[next(numbers) % 4]: random_value(numbers, depth - 1) for _ in range(next(numbers) % 4)}


def random_config(seed):
    numbers = numbers_from(seed)
    return {key: random_value(numbers) for key in "abcde" if next(numbers) % 4}


def with_removals(numbers, value):
    if not isinstance(value, dict):
        return value
    return {
        key: REMOVE if next(numbers) % 5 == 0 else with_removals(numbers, one) for key, one in value.items()
    }


def plain(value):
    """A value in which keys are sorted, and what is to be removed is a text."""
    if value is REMOVE:
        return "REMOVE"
    if isinstance(value, dict):
        return unordered({key: plain(one) for key, one in value.items()})
    return [plain(one) for one in value] if isinstance(value, list) else value


def conflict(base, over, rules):
    try:
        return plain(merge.merge(base, over, rules))
    except merge.ConflictError as error:
        return ["conflict", str(error).partition(":")[0]]


def lines_of(lines):
    return [text for line in lines.splitlines() for text in line.split("|")]
