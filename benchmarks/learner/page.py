"""The command line of a measurement of the learner: measure, and write a page about it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

Found = dict[str, float]


def run(
    about: str | None,
    size: str,
    default: int,
    measure: Callable[[int, int], Found],
    report: Callable[[Found, int, int], str],
) -> None:
    """Measure, print the page, and write it where --markdown says.

    Args:
        about: what --help says.
        size: the option that says how much is learned a step.
        default: its value.
        measure: of that size and a number of rounds, the figures.
        report: of the figures, that size and number, the page.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{size}", type=int, default=default, dest="size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    text = report(measure(given.size, given.rounds), given.size, given.rounds)
    print(text)
    if given.markdown:
        given.markdown.parent.mkdir(parents=True, exist_ok=True)
        given.markdown.write_text(text)
