"""Send what schemathesis draws from the OpenAPI document, both valid and broken.

    python benchmarks/serving/fuzz_schema.py --examples 5000 --out benchmarks/results

For every operation of the document schemathesis draws requests that follow it and
requests that break it somewhere: path, query, headers or body. The names of
sessions are exchanged for real ones in half of the requests, so that they reach
further. Demanded is what `fuzz.py` demands: no 5xx, every refusal a problem
document, no hang, no growth of memory over 50 MB, and a session that is stepped
all the while and never notices. The exit code is 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import requests
import schemathesis
from fuzz import ENV, MAX_GROWTH_BYTES, SLOW_S, create, step
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from turnwise.servers.client.server_process import ServerProcess


class Watch:
    """A judge of the answers to cases, with a witness that is stepped now and then."""

    def __init__(self, url: str, http: httpx.Client) -> None:
        self.url, self.http = url, http
        self.session = requests.Session()
        self.ids = [row["id"] for row in create(http, 4)]
        self.witness, self.num_turns = create(http, 1)[0]["id"], 0
        self.statuses: Counter[str] = Counter()
        self.faults: list[str] = []
        self.num = self.num_unsendable = 0

    def send(self, name: str, case: Any) -> None:
        self.num += 1
        if "id" in case.path_parameters and self.num % 2:
            case.path_parameters["id"] = self.ids[self.num // 2 % len(self.ids)]
        started = time.monotonic()
        try:
            answer = case.call(base_url=self.url, session=self.session, timeout=60)
        except (requests.exceptions.InvalidHeader, UnicodeEncodeError, requests.exceptions.InvalidURL):
            self.num_unsendable += 1  # the library itself will not send it
            return
        self.statuses[str(answer.status_code)] += 1
        kind = (answer.headers.get("content-type") or [""])[0]
        fault = None
        if answer.status_code >= 500:
            fault = f"status {answer.status_code}"
        elif time.monotonic() - started > SLOW_S:
            fault = f"took {time.monotonic() - started:.1f} s"
        elif answer.status_code >= 400 and case.method != "HEAD" and "problem+json" not in kind:
            fault = f"status {answer.status_code} with {kind}"
        if fault and answer.content != b"Invalid HTTP request received.":
            self.faults.append(f"{name}: {fault}: {case.as_curl_command()[:400]}")
        if self.num % 50 == 0:
            self.num_turns += 1
            reply = step(self.http, self.witness, self.num_turns - 1)
            if reply.get("turn") != self.num_turns:
                self.faults.append(f"the witness noticed: {reply}")


def fuzz(watch: Watch, operation: Any, mode: GenerationMode, num: int, first: int) -> None:
    """Send so many cases of one operation."""

    @seed(first)
    @settings(
        max_examples=num,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        if len(watch.faults) < 20:
            watch.send(operation.label, case)

    with suppress(Unsatisfiable):  # an operation without parameters has nothing to break
        one()


def run(num: int, first: int) -> dict[str, Any]:
    arguments = ["--env", ENV, "--max-sessions", "2000"]
    with ServerProcess(arguments) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        process = psutil.Process(server.pid)
        watch = Watch(server.url, http)
        found = schemathesis.openapi.from_url(f"{server.url}/openapi.json").get_all_operations()
        operations = [result.ok() for result in found]
        cases = [(operation, mode) for operation in operations for mode in GenerationMode]
        started, share = time.monotonic(), max(1, num // len(cases))
        for operation, mode in cases:  # warm: caches and pools are there
            fuzz(watch, operation, mode, max(2, share // 10), first)
        base_bytes = process.memory_info().rss
        for operation, mode in cases:
            fuzz(watch, operation, mode, share, first + 1)
            print(f"{operation.label}, {mode.value}: {watch.num} requests", file=sys.stderr, flush=True)
        growth = process.memory_info().rss - base_bytes
        if growth > MAX_GROWTH_BYTES:
            watch.faults.append(f"memory grew by {growth >> 20} MB")
        return {
            "requests": watch.num - watch.num_unsendable,
            "seed": first,
            "operations": len(operations),
            "schemathesis": schemathesis.__version__,
            "statuses": dict(sorted(watch.statuses.items())),
            "seconds": round(time.monotonic() - started, 1),
            "memory_growth_mb": round(growth / 2**20, 1),
            "faults": watch.faults,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    result = run(options.examples, options.seed)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-fuzz-schema.json").write_text(text + "\n")
    return 1 if result["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
