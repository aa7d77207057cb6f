"""Find what can be earned in the original shop, and what the expert earns of it.

    python benchmarks/shopping/expert.py [--data FOLDER] [--markdown FILE]

FOLDER holds webshop/items_shuffle_1000.json and so on (TURNWISE_DATA by default).
The expert plays every goal, under the original reward and under the strict one.
For each goal on which it earns less than 1, every product and every choice of its
options is tried: the best of these is what anyone could earn. Each such goal is
put down to its cause.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import turnwise
from turnwise.envs.shopping.catalogue import Catalogue
from turnwise.envs.shopping.goals import Goal
from turnwise.envs.shopping.product import Product
from turnwise.envs.shopping.scoring import COLOURS, matched_options, reward
from turnwise.envs.shopping.session import Visit, selectable

PLACES = 9  # rewards are compared to so many decimals


@dataclass(frozen=True)
class Missed:
    """A goal on which the expert earns less than 1."""

    goal: Goal
    earned: float
    best: float  # of every purchase in the catalogue


def play(env: Any, number: int) -> float:
    """Let the expert play a goal to its end."""
    _, info = env.reset(options={"goal_index": number, "expert": True})
    earned, done = 0.0, False
    while not done:
        _, earned, terminated, truncated, info = env.step(info["private"]["expert"])
        done = terminated or truncated
    return float(earned)


def most_options(goal: Goal, product: Product, catalogue: Catalogue) -> dict[str, str]:
    """Return the options of a product that satisfy the most of a goal's, over every combination."""
    reachable = selectable(Visit(page="item", asin=product.asin), catalogue)
    choices = []
    for name, values in product.options.items():
        met: dict[frozenset[int], dict[str, str]] = {frozenset(): {}}
        for value in values:
            if reachable.get(value) == name:
                met.setdefault(matched_options(goal.options, {name: value}), {name: value})
        choices.append(list(met.items()))
    best = max(
        itertools.product(*choices), key=lambda each: len(frozenset[int]().union(*(met for met, _ in each)))
    )
    return {name: value for _, chosen in best for name, value in chosen.items()}


def attainable(goal: Goal, catalogue: Catalogue) -> float:
    """Return the highest reward of any purchase in the catalogue."""
    best = 0.0
    asked = len(goal.attributes) + len(goal.options) + 1
    for asin, product in catalogue.products.items():
        bare = reward(goal, product, {}, catalogue.prices[asin])
        bound = bare["r_type"] * (bare["num_attr_matches"] + len(goal.options) + bare["r_price"]) / asked
        if bound > best:
            options = most_options(goal, product, catalogue)
            best = max(best, reward(goal, product, options, catalogue.prices[asin])["reward"])
    return best


def cut_colours(goal: Goal) -> list[tuple[str, str]]:
    """Return (option, colour) for each wanted value that the reward cuts down to a colour and so rejects."""
    assert isinstance(goal.options, dict)
    lost = []
    for place, (name, value) in enumerate(goal.options.items()):
        colour = next((colour for colour in COLOURS if colour in value), None)
        if colour is not None and place not in matched_options(goal.options, {name: value}):
            lost.append((name, colour))
    return lost


def report(num_goals: int, strict: int, exceptions: list[Missed]) -> str:
    """Write the result; no text of a product stands in it but its id."""
    earned = num_goals - len(exceptions)
    open_ = sum(missed.best == 1.0 for missed in exceptions)
    top = sum(round(missed.best, PLACES) == round(missed.earned, PLACES) for missed in exceptions)
    by_product: dict[str, list[Missed]] = defaultdict(list)
    for missed in exceptions:
        by_product[missed.goal.asin].append(missed)
    unexplained = [missed for missed in exceptions if not cut_colours(missed.goal)]
    attainable_ = earned + open_
    lines = [
        "# What can be earned in the original shop",
        "",
        f"{datetime.date.today()}, `python benchmarks/shopping/expert.py`: {num_goals} goals, 1 000 products,"
        " frozen prices and caps.",
        "",
        "| reward | goals | share |",
        "|---|---|---|",
        f"| expert earns 1.0, original reward | {earned} | {earned / num_goals:.1%} |",
        f"| anyone can earn 1.0, original reward | {attainable_} | {attainable_ / num_goals:.1%} |",
        f"| expert earns 1.0 of those | {earned} of {attainable_} | {earned / attainable_:.1%} |",
        f"| expert earns 1.0, strict reward | {strict} | {strict / num_goals:.1%} |",
        "",
        f"On {len(exceptions) - open_} goals no purchase scores 1.0: every product with every choice of its"
        f" options was tried. On {top} of the {len(exceptions)} goals that the expert does not solve it earns"
        " the most that any purchase earns.",
        "",
        "The cause is the same everywhere. The original compares the text of the wanted pair (name, value)"
        " with the bought value, and cuts the bought value down to the first colour's name that it contains,"
        " but not the wanted one. So a value that holds a colour inside a longer word ('jetblack', an example"
        f" of ours) is not met by itself. Goals without such a value among the {len(exceptions)}:"
        f" {len(unexplained)}.",
        "",
        "| product | goals | option: colours that its values are cut down to | best reward |",
        "|---|---|---|---|",
    ]
    for asin, found in sorted(by_product.items(), key=lambda pair: -len(pair[1])):
        cuts = sorted({cut for missed in found for cut in cut_colours(missed.goal)})
        named: dict[str, list[str]] = defaultdict(list)
        for name, colour in cuts:
            named[name].append(colour)
        told = "; ".join(f"{name}: {', '.join(colours)}" for name, colours in named.items())
        rewards = Counter(f"{missed.best:.3f}" for missed in found)
        lines.append(f"| {asin} | {len(found)} | {told} | {', '.join(sorted(rewards))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("TURNWISE_DATA"))
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    if given.data is None:
        parser.error("no data: give --data, or set TURNWISE_DATA")
    names = {"items": "items_shuffle_1000", "instructions": "items_ins_v2_1000"}
    names |= {"goals": "goals", "prices": "prices"}
    files = {key: str(Path(given.data) / "webshop" / f"{name}.json") for key, name in names.items()}
    env = turnwise.make("shopping/webshop-v0", **files)
    strict_env = turnwise.make("shopping/webshop-v0", strict=True, **files)
    inner: Any = env.text_env
    goals, catalogue = inner._goals, inner._catalogue
    exceptions, strict = [], 0
    for number, goal in enumerate(goals):
        strict += play(strict_env, number) == 1.0
        earned = play(env, number)
        if earned < 1.0:
            exceptions.append(Missed(goal, earned, attainable(goal, catalogue)))
    text = report(len(goals), strict, exceptions)
    print(text)
    if given.markdown:
        given.markdown.write_text(text)


if __name__ == "__main__":
    main()
