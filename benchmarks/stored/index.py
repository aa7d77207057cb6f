"""What 100 000 stored trajectories cost: to open, filter, search, read one; beside the bare operation.

    python benchmarks/stored/index.py [--rows 100000] [--folder DIR]

The rows are of generated trajectories, in files of 100 as a training run writes them. Bare operations: SQLite
opening the same file and counting its rows; reading all rows into Python; one line of a file by its place.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from turnwise.agents.stored import Filter, StoredTrajectories, store_update
from turnwise.agents.trajectories import trajectory_path
from turnwise.agents.types import Generation, Trajectory, Turn

WORDS = [f"{kind}{number}" for kind in ("shelf", "lamp", "mug", "drawer", "apple") for number in range(40)]
REPEATS = 7


def episode(draw: random.Random, seed: int) -> Trajectory:
    turns = []
    for index in range(draw.randint(1, 12)):
        thing, place = draw.choice(WORDS), draw.choice(WORDS)
        turns.append(
            Turn(
                index, f"You see a {thing} near the {place}.", f"k{index}", f"take {thing} from {place}",
                draw.choice([0.0, 1.0]), f"k{index + 1}",
                Generation(f"<action>take {thing} from {place}</action>", usage={"completion_tokens": 9}),
            )
        )  # fmt: skip
    won = draw.random() < 0.4
    return Trajectory(
        "rooms",
        f"task {seed % 500}",
        seed,
        str(seed),
        tuple(turns),
        "terminated",
        success=won,
        score=float(won),
    )


def fill(folder: Path, rows: int) -> float:
    draw, started = random.Random(0), time.perf_counter()
    for update in range(rows // 100):
        store_update(trajectory_path(folder, update), [episode(draw, update * 100 + at) for at in range(100)])
    return time.perf_counter() - started


def median_ms(operation: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds on the wall, and of the processor: the second one hardly sees who else works."""
    times = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        operation()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall_s, cpu_s = zip(*times, strict=True)
    return 1000 * statistics.median(wall_s), 1000 * statistics.median(cpu_s)


def bare(folder: Path, words: str) -> object:
    connection = sqlite3.connect(folder / "trajectories" / "index.db")
    try:
        return connection.execute(words).fetchall()
    finally:
        connection.close()


def measure(folder: Path) -> None:
    told = [("open", median_ms(lambda: StoredTrajectories(folder).close()))]
    told.append(
        ("bare: connect and count rows", median_ms(lambda: bare(folder, "SELECT count(*) FROM rows")))
    )
    with StoredTrajectories(folder) as stored:
        some = stored.rows(Filter(outcome="lost"), "turns", limit=1).rows[0]
        for name, filter, order in (
            ("lost, by turns", Filter(outcome="lost"), "turns"),
            ("won, by return", Filter(outcome="won"), "episode_return"),
            ("one task, by score", Filter(task="task 7"), "score"),
            ("one cause", Filter(cause=some.cause), "place"),
            ("at least 8 turns, by tokens", Filter(least_turns=8), "tokens"),
            ("a rare pair of words", Filter(text="lamp7 mug3"), "turns"),
            ("a word of all", Filter(text="take"), "turns"),
            ("a word of all, lost", Filter(outcome="lost", text="take"), "seconds"),
        ):
            told.append((f"filter: {name}", median_ms(lambda f=filter, o=order: stored.rows(f, o))))
        told.append(("counts of tasks", median_ms(lambda: stored.counts("task"))))
        told.append(("read one trajectory", median_ms(lambda: stored.read(some))))
    told.append(("bare: read all rows", median_ms(lambda: bare(folder, "SELECT * FROM rows"))))
    for name, (wall_ms, cpu_ms) in told:
        print(f"| {name} | {wall_ms:.1f} | {cpu_ms:.1f} |")
    sizes = {kind: sum(f.stat().st_size for f in folder.rglob(kind)) / 1e6 for kind in ("*.gz", "index.db")}
    print(f"trajectories {sizes['*.gz']:.1f} MB, index {sizes['index.db']:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "trajectories").exists():
            print(f"written in {fill(folder, given.rows):.1f} s")
        measure(folder)


if __name__ == "__main__":
    main()
