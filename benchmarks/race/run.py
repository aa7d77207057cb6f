"""A smoke race: every method 60 seconds of one processor on the household demo, from the demo's warm start.

    python benchmarks/race/run.py [--seconds 60] [--episodes 128] [--only RECIPE ...] [--work FOLDER]

Exploratory: one seed, one learning rate for all, a minute each. It shows that a method trains at all, and
which do not; it ranks nobody. Laps that are done (FOLDER/RECIPE/lap.json, or in race.json of the results) are
not run again, so that a race that was interrupted goes on, and a method that comes later runs its own lap
alone; when all are done, race.json, race.md and race.png are written to the folder of results.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from entrants import EPISODES, MINIBATCHES, STORED, names
from picture import draw

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
MINUTES_A_LAP = 20  # of wall time, after which a lap is given up


def laps(
    chosen: list[str], known: dict[str, dict[str, Any]], work: Path, seconds: float, episodes: int
) -> list[dict[str, Any]]:
    """Run what has not been run, one after the other; return all."""
    found = []
    for name in chosen:
        file = work / name / "lap.json"
        if name not in known and not file.is_file():
            _run(name, work / name, seconds, episodes)
        found.append(json.loads(file.read_text()) if file.is_file() else known[name])
        print(_line(found[-1]), flush=True)
    return found


def _run(name: str, folder: Path, seconds: float, episodes: int) -> None:
    """Run a lap in a process of its own; one that dies has failed, with its last words."""
    command = [sys.executable, str(HERE / "lap.py"), name, str(folder), str(seconds), str(episodes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60 * MINUTES_A_LAP, check=False
        )
        words = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]
    except subprocess.TimeoutExpired:
        words = f"no end after {MINUTES_A_LAP} minutes"
    if not (folder / "lap.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        found = {"recipe": name, "seconds": seconds, "error": words, "curve": []}
        (folder / "lap.json").write_text(json.dumps(found))


def _line(lap: dict[str, Any]) -> str:
    if lap["error"]:
        return f"| {lap['recipe']} | failed | | {lap['error'].partition(';')[0]} |"
    held_out = lap["held_out"]
    shown = f"{held_out['success']:.1%} ({held_out['low']:.1%} to {held_out['high']:.1%})"
    return f"| {lap['recipe']} | {shown} | {lap['updates']} | |"


def _rank(lap: dict[str, Any]) -> tuple[bool, float, str]:
    return bool(lap["error"]), -lap.get("held_out", {}).get("success", 0.0), lap["recipe"]


def write(found: list[dict[str, Any]], seconds: float, episodes: int, out: Path) -> None:
    """Write the laps, the table and the picture, the best first and what failed last."""
    ordered = sorted(found, key=_rank)
    (out / "race.json").write_text("[\n" + ",\n".join(map(json.dumps, ordered)) + "\n]\n")
    text = f"""# A smoke race of all methods

Exploratory. {datetime.date.today()}; `python benchmarks/race/run.py`. Each method {seconds:g} seconds of
processor time on one thread, from the end of its first update on, its environments included; one seed, one
learning rate for all (3e-4), {EPISODES} episodes an update, at most {MINIBATCHES} optimizer steps; the
recipe's own credit, loss, weights, samplers, plans and groups. From the demo's warm start, on the demo's
rooms; recipes that learn from stored episodes have {STORED} of the warm start's own, played before their
time begins; then {episodes} tasks in rooms that training never saw. It shows that a method trains at all,
and which do not; differences below some 12 points are within the interval of one evaluation, and a method
tuned for itself does better. Those that failed need what this world does not tell: tools, answers to
search for, rewards in several tiers.

| recipe | solved of held-out tasks | updates | failed because |
|---|---|---|---|
"""
    (out / "race.md").write_text(text + "\n".join(map(_line, ordered)) + "\n\n![race](race.png)\n")
    draw(ordered, seconds, out / "race.png")


def main() -> None:
    """Race, and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of processor time for each")
    parser.add_argument("--episodes", type=int, default=128, help="held-out tasks after it")
    parser.add_argument("--only", nargs="+", metavar="RECIPE", help="these alone, again where they are known")
    parser.add_argument("--work", type=Path, default=Path("runs/race"), help="where laps are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of race.md and race.png")
    asked = parser.parse_args()
    told = asked.out / "race.json"
    known = {lap["recipe"]: lap for lap in json.loads(told.read_text())} if told.is_file() else {}
    if asked.only:
        chosen = list(dict.fromkeys([*known, *asked.only]))
        known = {name: lap for name, lap in known.items() if name not in asked.only}
    else:
        chosen = names()
    found = laps(chosen, known, asked.work, asked.seconds, asked.episodes)
    write(found, asked.seconds, asked.episodes, asked.out)


if __name__ == "__main__":
    main()
