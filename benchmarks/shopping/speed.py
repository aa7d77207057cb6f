"""Measure the shop: start, memory of 1 000 sessions, search and page steps, and search against rank-bm25.

    pip install rank-bm25
    python benchmarks/shopping/speed.py [--data FOLDER] [--sessions 1000] [--markdown FILE]

FOLDER holds webshop/items_shuffle_1000.json and so on (TURNWISE_DATA by default);
without it only the generated shop is measured. Each shop runs in a process of its
own. Sessions follow the expert, so every kind of page is stepped; the expert's own
thinking is outside the clock. Times are CPU time of the process, medians. The
original's times for the same calls, recorded in its transcript beside the data,
are on another machine and stand in the table for orientation only.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SHOPS = ("shopping/generated-v0", "shopping/webshop-v0")


def measure(env_id: str, kwargs: dict[str, Any], num_sessions: int) -> dict[str, Any]:
    """Play sessions side by side and return what it cost."""
    started = time.process_time()
    import turnwise

    first = turnwise.make(env_id, **kwargs)
    first.reset(seed=0)
    result: dict[str, Any] = {"start_s": time.process_time() - started}
    envs = [first] + [turnwise.make(env_id, **kwargs) for _ in range(num_sessions - 1)]
    actions = {i: first_action(env, seed=i) for i, env in enumerate(envs)}
    searches: list[float] = []
    clicks: list[float] = []
    while actions:
        for i in list(actions):
            env, action = envs[i], actions.pop(i)
            env.text_env._private = frozenset()
            started = time.process_time()
            _, _, terminated, truncated, _ = env.step(action)
            (searches if action.startswith("search") else clicks).append(time.process_time() - started)
            if not (terminated or truncated):
                actions[i] = expert_of(env)
    result["search_ms"] = 1e3 * statistics.median(searches)
    result["page_ms"] = 1e3 * statistics.median(clicks)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    result["products"] = len(first.text_env._catalogue.products)
    result |= against_peer(first)
    return result


def first_action(env: Any, seed: int) -> str:
    return env.reset(seed=seed, options={"expert": True})[1]["private"]["expert"]


def expert_of(env: Any) -> str:
    from turnwise.envs.shopping.expert import expert_action

    inner = env.text_env
    return expert_action(inner._goal, inner._visit, inner._catalogue)


def against_peer(env: Any) -> dict[str, float]:
    """Rank the same queries with rank-bm25, given the terms; top 50 as the shop asks for."""
    if importlib.util.find_spec("rank_bm25") is None:
        return {}
    import numpy as np
    from rank_bm25 import BM25Okapi

    from turnwise.envs.retrieval.words import analyse

    catalogue = env.text_env._catalogue
    products = list(catalogue.products.values())
    peer = BM25Okapi([analyse(product.document) for product in products])
    queries = [product.name for product in products[:100]]
    terms = [analyse(query) for query in queries]
    ours, theirs = [], []
    for query, words in zip(queries, terms, strict=True):
        started = time.process_time()
        catalogue.search(query, 50)
        ours.append(time.process_time() - started)
        started = time.process_time()
        np.argsort(peer.get_scores(words))[::-1][:50]
        theirs.append(time.process_time() - started)
    return {"ours_ms": 1e3 * statistics.median(ours), "peer_ms": 1e3 * statistics.median(theirs)}


def webshop_kwargs(data: Path) -> dict[str, str]:
    folder = data / "webshop"
    return {
        "items": str(folder / "items_shuffle_1000.json"),
        "instructions": str(folder / "items_ins_v2_1000.json"),
        "goals": str(folder / "goals.json"),
        "prices": str(folder / "prices.json"),
    }


def recorded_ms(data: Path) -> dict[str, str]:
    """Return the original's times a call, as recorded with its transcript."""
    turns = json.loads((data / "webshop/original_env_transcript_text.json").read_text())["transcripts"][
        "text"
    ]
    times: dict[str, list[float]] = {"search": [], "click": []}
    for turn in turns:
        if "action" in turn and turn["action"].split("[")[0] in times:
            times[turn["action"].split("[")[0]].append(turn["ms"])
    return {kind: f"{min(found):.0f} to {max(found):.0f}" for kind, found in times.items()}


def markdown(results: dict[str, dict[str, Any]], original: dict[str, str] | None, num_sessions: int) -> str:
    lines = [
        "# Shopping speed and size",
        "",
        f"{datetime.date.today()}, `python benchmarks/shopping/speed.py --sessions {num_sessions}`,"
        f" {platform.machine()}, CPU time, medians; each shop in its own process.",
        "",
        f"| shop | products | start s | peak MB, {num_sessions} sessions | search step ms | page step ms |",
        "|---|---|---|---|---|---|",
    ]
    for env_id, r in results.items():
        lines.append(
            f"| {env_id} | {r['products']} | {r['start_s']:.2f} | {r['peak_mb']:.0f} | {r['search_ms']:.3f}"
            f" | {r['page_ms']:.3f} |"
        )
    if original is not None:
        lines.append(
            f"| the original, recorded elsewhere | 1000 | | | {original['search']} | {original['click']} |"
        )
    for env_id, r in results.items():
        if "peer_ms" in r:
            ratio = r["peer_ms"] / r["ours_ms"]
            lines += [
                "",
                f"Ranking alone in {env_id}, top 50: ours {r['ours_ms']:.3f} ms from the query's text,"
                f" rank-bm25 {r['peer_ms']:.3f} ms from ready terms, ratio {ratio:.0f}.",
            ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("TURNWISE_DATA"))
    parser.add_argument("--sessions", type=int, default=1_000)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--only", choices=SHOPS, help="measure one shop in this process and print JSON")
    given = parser.parse_args()
    if given.only:
        kwargs = webshop_kwargs(given.data) if given.only == SHOPS[1] else {}
        print(json.dumps(measure(given.only, kwargs, given.sessions)))
        return
    results = {}
    for env_id in SHOPS if given.data else SHOPS[:1]:
        command = [sys.executable, __file__, "--only", env_id, "--sessions", str(given.sessions)]
        command += ["--data", str(given.data)] if given.data else []
        results[env_id] = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
    report = markdown(results, recorded_ms(given.data) if given.data else None, given.sessions)
    print(report)
    if given.markdown:
        given.markdown.write_text(report)


if __name__ == "__main__":
    main()
