"""Time every credit estimator, beside the straightforward way to write it, and how it scales.

Seconds of processor time of one thread, median of several. Writes
benchmarks/results/credit-speed.md and credit-speed.png.

    OMP_NUM_THREADS=1 python benchmarks/credit/speed.py [--quick] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import datetime
import platform
import random
import statistics
import string
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from plain import PLAIN, READS, check_same
from plain_rows import Columns

import turnwise.credit as credit
from turnwise.errors import TableError

RESULTS = Path(__file__).resolve().parents[1] / "results"
TURNS, GROUP, STATES, TOKENS = 25, 8, 40, 12


def batch(num_turns: int, with_tokens: bool = True) -> Columns:
    """Make columns of turns: 25 a trajectory, groups of 8, 40 states a group, keys of 200 characters."""
    rng = np.random.default_rng(0)
    trajectory = np.arange(num_turns) // TURNS
    group = trajectory // GROUP
    last = np.append(trajectory[1:] != trajectory[:-1], True)
    state = rng.integers(0, STATES, num_turns)
    prefix = "The room has a long description that stays the same from turn to turn. " * 3
    keys = [f"{prefix[:180]} {g:08d} {s:010d}" for g, s in zip(group.tolist(), state.tolist(), strict=True)]
    after = [*keys[1:], ""]
    reward = np.where(last, rng.integers(0, 2, num_turns) * 1.0, 0.0)
    length = rng.integers(1, 2 * TOKENS, num_turns)
    columns: Columns = {
        "group": group.tolist(),
        "trajectory": trajectory.tolist(),
        "reward": reward.tolist(),
        "state_key": keys,
        "next_state_key": [
            f"over {key}" if end else key for key, end in zip(after, last.tolist(), strict=True)
        ],
        "action": [f"action {number}" for number in rng.integers(0, 12, num_turns).tolist()],
        "valid": (rng.random(num_turns) < 0.9).tolist(),
        "num_tokens": length.tolist(),
        "agent": [("one", "two")[row % 2] for row in range(num_turns)],
        "switch": rng.integers(0, 2, num_turns).tolist(),
        "gold_prob": rng.random(num_turns).tolist(),
        "tool_calls": rng.integers(0, 2, num_turns).tolist(),
    }
    for name in ("value", "v_low", "v_high", "v_term", "q1", "q2", "v1", "v2"):
        columns[name] = rng.normal(size=num_turns).tolist()
    if with_tokens:
        num_tokens, ends = int(length.sum()), np.cumsum(length)[:-1]
        columns["token_values"] = np.split(rng.normal(size=num_tokens), ends)
        columns["log_ratio"] = np.split(rng.normal(scale=0.1, size=num_tokens), ends)
        columns["sampled"] = np.split(np.ones(num_tokens), ends)
    return columns


def timed(function: Callable[[], Any], repeats: int) -> float:
    """Return the median of the processor seconds that a call takes."""
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        function()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds)


def estimators(num_turns: int, num_plain: int, repeats: int) -> list[str]:
    """Return the table: each estimator on num_turns turns, and the ratio on num_plain."""
    large, small = batch(num_turns), batch(num_plain)
    lines = [
        f"| estimator | {num_turns:,} turns, s | plain / ours, {num_plain:,} turns | with the table built |",
        "|---|---|---|---|",
    ]
    for name in credit.names():
        if name not in PLAIN:
            lines.append(_without_plain(name, large, repeats))
            continue
        seconds = _applied(name, [_table(name, large) for _ in range(repeats)])
        check_same(credit.get(name)(_table(name, small)), PLAIN[name](small))
        plain_s = timed(lambda name=name: PLAIN[name](small), repeats)
        whole_s = timed(lambda name=name: _whole(name, small), repeats)
        built_s = _applied(name, [_table(name, small) for _ in range(repeats)])
        lines.append(f"| {name} | {seconds:.4f} | {plain_s / whole_s:.1f} | {plain_s / built_s:.0f} |")
    for name in ("gigpo", "hgpo"):
        whole_s = timed(lambda name=name: _whole(name, large), repeats)
        lines.append(f"| {name}, with the table from lists | {whole_s:.4f} | | |")
    return lines


def _without_plain(name: str, large: Columns, repeats: int) -> str:
    """Return the line of an estimator that has no plain form here; it is given every column.

    Agents it is told of only where it tells them apart itself; for others the table would be parted first.
    """
    columns = dict(large)
    if not credit.get(name).tells_agents:
        del columns["agent"]
    try:
        seconds = _applied(name, [credit.TurnTable.from_columns(**columns) for _ in range(repeats)])
        return f"| {name} | {seconds:.4f} | | |"
    except TableError as error:
        return f"| {name} | not timed: {str(error).partition(';')[0]} | | |"


def _applied(name: str, tables: list[credit.TurnTable]) -> float:
    """Return the median of the seconds that a method takes for a table, each time a fresh one.

    They stay alive meanwhile: to free 100,000 arrays of tokens takes longer than most methods do.
    """
    fresh = iter(tables)
    return timed(lambda: credit.get(name)(next(fresh)), len(tables))


def _whole(name: str, columns: Columns) -> credit.Credit:
    """Build a table of what a method reads, and apply it."""
    return credit.get(name)(_table(name, columns))


def _table(name: str, columns: Columns) -> credit.TurnTable:
    """Build a table of what a method reads."""
    return credit.TurnTable.from_columns(**{column: columns[column] for column in READS[name]})


def similarity(repeats: int) -> list[str]:
    """Return the table of similarity grouping, and of difflib asked for every pair."""
    draw = random.Random(0)
    texts = {
        "random, 180 characters": [
            "".join(draw.choice(string.ascii_lowercase + " ") for _ in range(180)) for _ in range(1000)
        ],
        "household observations": [_observation(draw) for _ in range(1000)],
    }
    lines = [
        "| 1,000 texts | threshold | groups | s | difflib alone / ours, 60 texts |",
        "|---|---|---|---|---|",
    ]
    for kind, keys in texts.items():
        for threshold in (0.8, 0.9, 0.95):
            table, few = _one_group(keys), _one_group(keys[:60])
            parts = credit.gigpo(table, similarity=threshold).parts
            seconds = timed(lambda t=table, x=threshold: credit.gigpo(t, similarity=x), repeats)
            plain_s = timed(lambda k=keys, x=threshold: _greedy(k[:60], x), 1)
            ours_s = timed(lambda t=few, x=threshold: credit.gigpo(t, similarity=x), repeats)
            num = len(set(parts["step_group"].tolist()))
            lines.append(f"| {kind} | {threshold} | {num} | {seconds:.3f} | {plain_s / ours_s:.0f} |")
    return lines


def _one_group(keys: list[str]) -> credit.TurnTable:
    num = len(keys)
    return credit.TurnTable.from_columns(
        group=["g"] * num, trajectory=list(range(num)), reward=[0.0] * num, state_key=keys
    )


def _greedy(keys: list[str], threshold: float) -> int:
    firsts: list[str] = []
    for key in keys:
        if not any(SequenceMatcher(None, key, first).ratio() >= threshold for first in firsts):
            firsts.append(key)
    return len(firsts)


def _observation(draw: random.Random) -> str:
    places = ["cabinet", "drawer", "shelf", "countertop", "fridge", "microwave", "garbagecan", "sofa", "desk"]
    things = [
        "mug",
        "plate",
        "apple",
        "knife",
        "spoon",
        "bowl",
        "pan",
        "pot",
        "bread",
        "potato",
        "egg",
        "tomato",
        "cup",
    ]
    place, number = draw.choice(places), draw.randint(1, 8)
    seen = ", and ".join(f"a {draw.choice(things)} {draw.randint(1, 3)}" for _ in range(draw.randint(1, 5)))
    return draw.choice(
        [
            f"You arrive at {place} {number}. On the {place} {number}, you see {seen}.",
            f"You open the {place} {number}. The {place} {number} is open. In it, you see {seen}.",
            f"You arrive at {place} {number}. The {place} {number} is closed.",
            f"You pick up the {draw.choice(things)} {number} from the {place} {number}.",
        ]
    )


def graphs(num_turns: int) -> list[str]:
    """Return the table of the methods that solve a system, by how many states 8 x 50 turns share."""
    lines = ["| states, groups of 8 x 50 | graft, s | graft along trajectories, s | crbc, s | graphhca, s |"]
    lines += ["|---" * 5 + "|"]
    rng = np.random.default_rng(0)
    trajectory = np.arange(num_turns) // 50
    last = np.append(trajectory[1:] != trajectory[:-1], True)
    for num_states in (10, 40, 150, 300, 1000, 0):
        state = rng.integers(0, num_states, num_turns) if num_states else np.arange(num_turns)
        table = credit.TurnTable.from_columns(
            group=(trajectory // GROUP).tolist(),
            trajectory=trajectory.tolist(),
            reward=np.where(last, rng.integers(0, 2, num_turns), 0.0).tolist(),
            state_key=[str(number) for number in state.tolist()],
            action=[f"action {number}" for number in rng.integers(0, 12, num_turns).tolist()],
        )
        seconds = [timed(lambda t=table, x=x: credit.graft(t, trace=x), 1) for x in ("edges", "trajectory")]
        seconds += [timed(lambda t=table, m=method: m(t), 1) for method in (credit.crbc, credit.graphhca)]
        lines.append(
            f"| {num_states or 'none shared'} | " + " | ".join(f"{own:.3f}" for own in seconds) + " |"
        )
    return lines


def scaling(sizes: list[int], path: Path) -> list[str]:
    """Time the step-level methods from 1,000 turns on, and draw the lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [
        "grpo",
        "gigpo",
        "hgpo",
        "salt",
        "graphgpo",
        "g2po",
        "gagpo",
        "rtmc",
        "graft",
        "crbc",
        "turn_ppo",
    ]
    seconds: dict[str, list[float]] = {name: [] for name in shown}
    for size in sizes:
        whole = batch(size, with_tokens=False)
        columns = {name: whole[name] for name in (*READS["salt"], "value")}
        for name in shown:
            table = credit.TurnTable.from_columns(**columns)
            seconds[name].append(timed(lambda name=name, table=table: credit.get(name)(table), 1))
    figure, axis = pyplot.subplots(figsize=(7, 5), layout="constrained")
    for name in shown:
        axis.loglog(sizes, [max(value, 1e-5) for value in seconds[name]], marker="o", label=name)
    axis.loglog(sizes, [1e-6 * size for size in sizes], "k:", label="1 microsecond a turn")
    axis.set_xlabel("turns")
    axis.set_ylabel("seconds, one thread")
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    lines = ["| turns | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for place, size in enumerate(sizes):
        lines.append(f"| {size:,} | " + " | ".join(f"{seconds[name][place]:.4f}" for name in shown) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, once")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    scale, repeats = (10, 1) if options.quick else (1, 3)
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = [1_000, 10_000, 100_000] if options.quick else [1_000, 10_000, 100_000, 1_000_000]
    page = [
        "# Speed of credit assignment",
        "",
        f"{datetime.date.today()}; `OMP_NUM_THREADS=1 python benchmarks/credit/speed.py`;"
        f" {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}. Processor"
        " seconds of one thread, median"
        f" of {repeats}. {TURNS} turns a trajectory, groups of {GROUP}, state keys of 200 characters,"
        f" {TOKENS} tokens a turn on average. Plain: the same formula in a loop over rows with dictionaries"
        " (benchmarks/credit/plain.py), checked to give the same numbers; the first ratio includes the"
        " building of our table from lists, the second does not.",
        "",
        *estimators(100_000 // scale, 10_000 // scale, repeats),
        "",
        "## Similar states, exactly as difflib defines similarity",
        "",
        *similarity(repeats),
        "",
        f"## Graphs, {100_000 // scale:,} turns",
        "",
        *graphs(100_000 // scale),
        "",
        "## Scaling",
        "",
        *scaling(sizes, options.out / "credit-speed.png"),
        "",
        "![scaling](credit-speed.png)",
    ]
    (options.out / "credit-speed.md").write_text("\n".join(page) + "\n")
    print("\n".join(page))


if __name__ == "__main__":
    main()
