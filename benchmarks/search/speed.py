"""Measure the search engine against rank-bm25 in the same run.

    pip install rank-bm25
    python benchmarks/search/speed.py [--passages 20000] [--large 1000000] [--markdown FILE]

Small: the generated world's pages, its questions as queries, top 3. rank-bm25
(0.2.2, BM25Okapi) gets the same terms, cut by our analysis before the clock
starts, so that only ranking is compared; ours is timed from the text of the
query. Large: generated passages of 60 words out of a vocabulary whose words are
as frequent as their rank says (Zipf), ours alone, since rank-bm25 takes seconds a query.
All times are CPU time of the process, medians.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from turnwise.envs.retrieval.bm25 import Bm25Index
from turnwise.envs.retrieval.words import analyse
from turnwise.envs.search.questions import generated_questions
from turnwise.envs.search.world import generated_world
from turnwise.envs.search.writing import pages

TOP_K = 3


def median_ms(search: Callable[[Any], object], queries: Sequence[Any]) -> float:
    """Return the median CPU milliseconds of one search."""
    times = []
    for query in queries:
        started = time.process_time()
        search(query)
        times.append(time.process_time() - started)
    return 1e3 * statistics.median(times)


def zipf_passages(count: int, words: int = 60, seed: int = 0) -> Iterator[str]:
    """Yield passages of made-up words, word number n with a frequency of 1/n."""
    rng = np.random.default_rng(seed)
    vocabulary = np.array([f"w{n}x" for n in range(200_000)])
    cumulative = np.cumsum(1 / np.arange(1, len(vocabulary) + 1))
    cumulative /= cumulative[-1]
    for _ in range(0, count, 1_000):
        for row in np.searchsorted(cumulative, rng.random((1_000, words))):
            yield " ".join(vocabulary[row])


def small(num_queries: int) -> dict[str, float]:
    """Compare over the generated world."""
    texts = [f"{page.title}\n{page.text}" for page in pages(generated_world(0))]
    queries = [question.text for question in generated_questions(0)[:num_queries]]
    started = time.process_time()
    index = Bm25Index.build(texts)
    result = {"passages": len(texts), "build_s": time.process_time() - started}
    result["ours_ms"] = median_ms(lambda query: index.search(query, TOP_K), queries)
    if importlib.util.find_spec("rank_bm25") is None:
        return result
    from rank_bm25 import BM25Okapi

    peer = BM25Okapi([analyse(text) for text in texts])

    def search(terms: list[str]) -> object:
        scores = peer.get_scores(terms)
        return np.argsort(scores)[::-1][:TOP_K]

    result["peer_ms"] = median_ms(search, [analyse(query) for query in queries[:100]])
    result["ratio"] = result["peer_ms"] / result["ours_ms"]
    return result


def large(count: int, num_queries: int) -> dict[str, float]:
    """Measure ours over many passages; queries are words of a passage, common and rare."""
    started = time.process_time()
    index = Bm25Index.build(zipf_passages(count))
    built = time.process_time() - started
    source = zipf_passages(1_000, seed=1)
    queries = [" ".join(next(source).split(" ")[:10]) for _ in range(num_queries)]
    times = []
    for query in queries:
        started = time.process_time()
        index.search(query, TOP_K)
        times.append(1e3 * (time.process_time() - started))
    return {
        "passages": count,
        "build_s": built,
        "ours_ms": statistics.median(times),
        "ours_p95_ms": float(np.percentile(times, 95)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def markdown(near: dict[str, float], far: dict[str, float] | None) -> str:
    lines = [
        "# Search speed",
        "",
        f"{datetime.date.today()}, `python benchmarks/search/speed.py`, {platform.machine()},"
        f" CPU time, medians, top {TOP_K}.",
        "",
        "| passages | build s | ours ms a query | rank-bm25 ms a query | ratio |",
        "|---|---|---|---|---|",
    ]
    peer = f"{near['peer_ms']:.1f} | {near['ratio']:.0f}" if "peer_ms" in near else "not installed | "
    lines.append(f"| {near['passages']} | {near['build_s']:.2f} | {near['ours_ms']:.3f} | {peer} |")
    if far is not None:
        lines.append(
            f"| {far['passages']} | {far['build_s']:.0f} | {far['ours_ms']:.2f}"
            f" (95 %: {far['ours_p95_ms']:.2f}) | not run | |"
        )
        lines += ["", f"Peak memory with the large index: {far['peak_mb']:.0f} MB."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--large", type=int, default=1_000_000, help="0 leaves the large index out")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    far = large(given.large, given.queries) if given.large else None
    report = markdown(small(given.queries), far)
    print(report)
    if given.markdown:
        given.markdown.write_text(report)


if __name__ == "__main__":
    main()
