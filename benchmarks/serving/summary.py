"""Write the dated page of the serving results from the files that the scripts beside this one left.

    python benchmarks/serving/summary.py benchmarks/results

Of each kind the newest file is taken; its own date stands beside it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Result = dict[str, Any]


def table(head: list[str], rows: list[list[Any]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def load_of(result: Result) -> str:
    return f"The machine's load average was {', '.join(f'{load:g}' for load in result['load'])} on two cores."


def bench(result: Result) -> list[str]:
    rows = [
        [
            row["server"],
            row["server_us"],
            row["ratio_to_bare"],
            " to ".join(map(str, row["ratios"])),
            row["client_us"],
        ]
        for row in result["rows"]
    ]
    alone, checked = result["in_process_us"].values()
    rows.insert(0, ["no server: the environment alone, and checked", f"{alone}, {checked}", "", "", ""])
    memory = result["memory"]
    return [
        "## What a step costs",
        "",
        "Processor time in microseconds, 64 sessions of an environment that answers with 64 bytes. The "
        f"median of {result['rounds']} rounds in which the servers take turns; a ratio is the median of the "
        "ratios of each round, then the smallest and the largest. Batches are compared with batches.",
        "",
        *table(
            ["server", "server, us a step", "ratio to bare ASGI", "in the rounds", "client, us a step"], rows
        ),
        "",
        f"A server takes {memory['base_mb']} MB; with {memory['idle_sessions']} idle sessions "
        f"{memory['full_mb']} MB, {memory['kb_per_idle_session']} KB each, {memory['more_threads']} more "
        f"threads and {memory['more_descriptors']} more descriptors in all. {load_of(result)}",
    ]


def crowd(result: Result) -> list[str]:
    rows = [
        [
            row["server"],
            round(row["server_cpu_s"] / result["clients"] * 1e3, 2),
            row["p50_s"],
            row["p99_s"],
            row["gave_up"],
        ]
        for row in result["rows"]
    ]
    head = ["server", "server, ms of processor a client", "p50, s", "p99, s", "gave up"]
    return [
        f"## {result['clients']} clients at once",
        "",
        "Connect, create and reset, one step that waits a second; the server on one core that it shares with "
        "whatever else runs, so that only the first column can be compared with other runs. A client gives "
        "up after 90 s.",
        "",
        *table(head, rows),
        "",
        load_of(result),
    ]


def fleet(result: Result) -> list[str]:
    rows = [
        [
            row["env"],
            row["envs"],
            row["steps"],
            row["client_peak_mb"],
            row["server_peak_mb"],
            row["both_peak_mb"],
        ]
        for row in result["rows"]
    ]
    head = ["environment", "environments", "steps", "client peak, MB", "server peak, MB", "both, MB"]
    return ["## 256 environments from one client process", "", *table(head, rows), "", load_of(result)]


def chaos(result: Result) -> list[str]:
    calls = sorted({call for counts in result["faults"].values() for call in counts})
    rows = [
        [fault, *[counts.get(call, 0) for call in calls], sum(counts.values())]
        for fault, counts in result["faults"].items()
    ]
    kills = " and ".join(f"{num} {what}" for what, num in result["kills"].items())
    return [
        f"## Chaos: {result['episodes']} episodes, {sum(result['kills'].values())} kills",
        "",
        f"{result['turns']} turns of {', '.join(result['environments'])}; SIGKILL hit {kills}; "
        f"{result['seconds']} s. Trajectories that differed, sessions lost or left over: "
        f"{len(result['wrong'])}.",
        "",
        *table(["fault", *calls, "all"], rows),
    ]


def restart(result: Result) -> list[str]:
    altered = result["altered"]
    return [
        f"## Restart in the middle of {result['episodes']} live episodes",
        "",
        f"{', '.join(result['environments'])}; {result['turns_before_and_after'][0]} turns before SIGKILL, "
        f"{result['turns_before_and_after'][1]} after. The server answered again after "
        f"{result['seconds_to_start_again']} s. Differences from the undisturbed run: {len(result['wrong'])}."
        f" With the observation of turn {altered['turn']} altered in the journal that session was answered "
        f"{altered['answer'][0]} `{altered['answer'][1]}` with {altered['answer'][2]}; the others went on.",
    ]


def fuzz(result: Result) -> list[str]:
    drawn = (
        "by schemathesis from the OpenAPI document"
        if "schemathesis" in result
        else "by generators of our own"
    )
    statuses = ", ".join(f"{num} x {status}" for status, num in result["statuses"].items())
    return [
        f"## Fuzz: {result['requests']} requests drawn {drawn}",
        "",
        f"{statuses}. Memory grew by {result['memory_growth_mb']} MB. Faults: {len(result['faults'])}.",
    ]


def soak(result: Result) -> list[str]:
    return [
        f"## Soak: {result['seconds'] / 60:.0f} minutes",
        "",
        f"{result['turns']} turns, {result['creates_and_forks']} creates and forks, on a durable journal. "
        f"The server wanted {result['core_wanted']:.0%} of one core and had {result['core_used']:.0%}. "
        f"Resident memory after a warm-up of {result['warm_up_s']:.0f} s, the median of each tenth in MB: "
        f"{', '.join(map(str, result['median_mb_of_each_tenth']))}; the largest move is "
        f"{result['largest_move']:.1%}. Faults: {len(result['faults'])}.",
    ]


PARTS: dict[str, Callable[[Result], list[str]]] = {
    "bench": bench,
    "crowd": crowd,
    "fleet": fleet,
    "chaos": chaos,
    "chaos-2-workers": chaos,
    "restart": restart,
    "fuzz": fuzz,
    "fuzz-schema": fuzz,
    "soak": soak,
}


def page(folder: Path) -> tuple[str, str]:
    """Return the newest date and the page."""
    lines = ["# Serving: what was measured and shown", ""]
    lines += ["Each part is written by a script in benchmarks/serving; its raw result lies beside this page."]
    dates = []
    for name, part in PARTS.items():
        files = sorted(folder.glob(f"[0-9]*-serving-{name}.json"))
        files = [file for file in files if file.name[10:] == f"-serving-{name}.json"]
        if files:
            dates.append(files[-1].name[:10])
            title, *rest = part(json.loads(files[-1].read_text()))
            lines += ["", f"{title} ({dates[-1]})", *rest]
    if not dates:
        raise SystemExit(f"{folder} holds no serving results")
    return max(dates), "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the results are, and where the page goes")
    options = parser.parse_args()
    date, text = page(options.folder)
    (options.folder / f"{date}-serving.md").write_text(text)


if __name__ == "__main__":
    main()
