"""Send a server malformed and hostile requests and watch that it stays well.

    python benchmarks/serving/fuzz.py --requests 100000 --out benchmarks/results

The server is a process of its own with the default limits. Requests come from
five generators: raw bytes, broken HTTP, JSON of random shape, bodies drawn from
the schemas of the OpenAPI document, and valid bodies with one thing changed.
Demanded: no 5xx, every refusal a problem document, no answer slower than the
limit, no growth of memory over 50 MB, and a witness session that is stepped all
the while and never notices. The exit code is 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil

from turnwise.servers.client.server_process import ServerProcess

WORLD = Path(__file__).parents[2] / "tests" / "servers" / "worlds.py"
ENV = f"{WORLD}:Counter"
MAX_GROWTH_BYTES = 50 << 20
SLOW_S = 10.0
PATHS = ("/v1/sessions", "/v1/step", "/v1/reset", "/v1/fork", "/v1/close", "/v1/heartbeat")


class Fuzzer:
    """Random requests. Everything follows from the seed."""

    def __init__(self, seed: int, schemas: dict[str, Any], ids: list[str]) -> None:
        self.random, self.schemas, self.ids = random.Random(seed), schemas, ids

    def request(self) -> tuple[str, str, bytes, dict[str, str]]:
        """Return method, path, body and headers."""
        draw = self.random.choice([self.raw, self.shapeless, self.by_schema, self.changed, self.odd_path])
        method, path, body = draw()
        headers = {"content-type": "application/json"}
        if self.random.random() < 0.2:
            headers["prefer"] = self.random.choice(
                ["wait=0", "wait=x", "wait=1e400", "wait=-1", "respond-async"]
            )
        if self.random.random() < 0.2:
            headers["accept"] = self.random.choice(["application/x-ndjson", "text/html", "*/*;q=2"])
        if self.random.random() < 0.2:
            headers["content-type"] = self.random.choice(
                ["text/plain", "multipart/form-data", "application/xml"]
            )
        return method, path, body, headers

    def raw(self) -> tuple[str, str, bytes]:
        size = self.random.choice([0, 1, 10, 1000, 20_000])
        return "POST", self.path(), self.random.randbytes(size)

    def shapeless(self) -> tuple[str, str, bytes]:
        return "POST", self.path(), dumps(self.value(self.random.randrange(5)))

    def by_schema(self) -> tuple[str, str, bytes]:
        path = self.random.choice(list(self.schemas))
        body = dumps(self.from_schema(self.schemas[path], 0))
        return "POST", path.replace("{id}", self.id()), body

    def changed(self) -> tuple[str, str, bytes]:
        """A valid body with one thing removed, added or replaced."""
        path, body = self.random.choice(self.valid())
        target = body
        while self.random.random() < 0.6:
            children = [c for c in (target.values() if isinstance(target, dict) else target) if c]
            children = [c for c in children if isinstance(c, dict | list)]
            if not children:
                break
            target = self.random.choice(children)
        if isinstance(target, list):
            target.append(self.value(2))
        elif self.random.random() < 0.3 and target:
            target.pop(self.random.choice(list(target)))
        else:
            key = self.random.choice([*target, "extra", "__class__", ""])
            target[key] = self.value(2)
        return "POST", path, dumps(body)

    def odd_path(self) -> tuple[str, str, bytes]:
        method = self.random.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"])
        tail = "".join(self.random.choices(string.printable[:90] + "%/..?&#", k=self.random.randrange(30)))
        path = self.random.choice(
            ["/", "/v1/", "/v1/sessions/", f"/v1/sessions/{self.id()}/", "/v1/envs", "/docs"]
        )
        return method, path + tail.replace(" ", "%20"), dumps(self.value(1))

    def path(self) -> str:
        path = self.random.choice([*PATHS, "/v1/sessions/{id}/step", "/v1/sessions/{id}/reset"])
        fields = self.random.choice(["", "", "?fields=-admissible", "?fields=%ff", "?fields=,,-,"])
        return path.replace("{id}", self.id()) + fields

    def id(self) -> str:
        return self.random.choice([*self.ids, "nobody", "x" * 300, "%00", "%ed%a0%80"])

    def valid(self) -> list[tuple[str, Any]]:
        id = self.random.choice(self.ids)
        step = {"episode": 0, "turn": self.random.randrange(3), "action": "go"}
        return [
            ("/v1/sessions", {"env_id": ENV, "seed": 1, "kwargs": {"length": 3}, "options": {}, "count": 1}),
            ("/v1/sessions", {"items": [{"env_id": ENV}], "request_id": str(self.random.randrange(9))}),
            (f"/v1/sessions/{id}/step", step),
            ("/v1/step", {"items": [{"id": id, **step}, {"id": "nobody", **step}]}),
            (
                "/v1/reset",
                {"items": [{"id": id, "episode": self.random.randrange(9), "options": {"expert": True}}]},
            ),
            ("/v1/fork", {"items": [{"id": id, "count": 2, "reseed": 1}], "request_id": "f"}),
            ("/v1/close", {"ids": ["nobody"]}),
            ("/v1/heartbeat", {"ids": [id]}),
        ]

    def value(self, depth: int) -> Any:
        kind = self.random.randrange(9 if depth else 7)
        if kind == 7:
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        if kind == 8:
            return {self.text(): self.value(depth - 1) for _ in range(self.random.randrange(4))}
        edge = [0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**40, 1e308, 0.5, -0.0]
        return [None, True, False, self.random.choice(edge), self.text(), self.id(), ENV][kind]

    def text(self) -> str:
        return self.random.choice(
            ["", "items", "id", "env_id", "go", "\0", "\u202e", "\U0001f600" * 9, "'; --", "../../etc/passwd",
             "{}", "os:system", "__main__:app", "x" * 70_000, "\ud800", "~root", "%s%n", "household/mix-v0"]
        )  # fmt: skip

    def from_schema(self, schema: dict[str, Any], depth: int) -> Any:
        if self.random.random() < 0.05 or depth > 6:
            return self.value(1)
        if "anyOf" in schema:
            return self.from_schema(self.random.choice(schema["anyOf"]), depth + 1)
        kind = schema.get("type")
        if kind == "object":
            members = schema.get("properties", {})
            return {
                name: self.from_schema(member, depth + 1)
                for name, member in members.items()
                if name in schema.get("required", ()) or self.random.random() < 0.5
            }
        if kind == "array":
            return [self.from_schema(schema["items"], depth + 1) for _ in range(self.random.randrange(4))]
        if kind == "integer":
            return self.random.choice([0, 1, 2, 3, 5, -1, 2**62])
        if kind == "string":
            return self.random.choice([ENV, self.id(), "go", self.text()])
        return {"boolean": self.random.random() < 0.5, "null": None}.get(str(kind), self.value(1))


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def body_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return path -> schema of its JSON body, for every POST of the OpenAPI document."""
    return {
        path: methods["post"]["requestBody"]["content"]["application/json"]["schema"]
        for path, methods in document["paths"].items()
        if "post" in methods
    }


def judge(answer: httpx.Response, seconds: float) -> str | None:
    """Say what is wrong with an answer, if something is."""
    if answer.status_code >= 500:
        return f"status {answer.status_code}"
    if seconds > SLOW_S:
        return f"took {seconds:.1f} s"
    kind = answer.headers.get("content-type", "")
    if answer.status_code == 400 and answer.text == "Invalid HTTP request received.":
        return None  # no HTTP at all: the parser refuses it, in plain text
    if answer.status_code >= 400 and answer.request.method != "HEAD" and "problem+json" not in kind:
        return f"status {answer.status_code} with {kind}: {answer.text[:100]}"
    return None


def run(num_requests: int, seed: int) -> dict[str, Any]:
    statuses: Counter[int] = Counter()
    faults: list[str] = []
    arguments = ["--env", ENV, "--max-sessions", "2000"]
    with ServerProcess(arguments) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        process = psutil.Process(server.pid)
        ids = [row["id"] for row in create(http, 4)]
        witness = create(http, 1)[0]
        fuzzer = Fuzzer(seed, body_schemas(http.get("/openapi.json").json()), ids)
        base_bytes, num_turns, started = 0, 0, time.monotonic()
        for number in range(num_requests):
            method, path, body, headers = fuzzer.request()
            try:
                request = http.build_request(method, path, content=body, headers=headers)
            except (httpx.InvalidURL, UnicodeEncodeError):
                continue  # httpx itself will not send it
            before = time.monotonic()
            answer = http.send(request)
            statuses[answer.status_code] += 1
            fault = judge(answer, time.monotonic() - before)
            if fault:
                faults.append(f"{method} {path[:80]} {body[:120]!r}: {fault}")
            if number % 50 == 0:
                num_turns += 1
                reply = step(http, witness["id"], num_turns - 1)
                if reply.get("turn") != num_turns:
                    faults.append(f"the witness noticed: {reply}")
            if number == num_requests // 10:
                base_bytes = process.memory_info().rss  # warm: caches and pools are there
            if len(faults) > 20:
                break
            if number % 5000 == 4999:
                print(f"{number + 1} requests, {len(faults)} faults", file=sys.stderr, flush=True)
        growth = process.memory_info().rss - base_bytes
        if growth > MAX_GROWTH_BYTES:
            faults.append(f"memory grew by {growth >> 20} MB")
        return {
            "requests": sum(statuses.values()),
            "seed": seed,
            "statuses": dict(sorted(statuses.items())),
            "seconds": round(time.monotonic() - started, 1),
            "memory_growth_mb": round(growth / 2**20, 1),
            "faults": faults,
        }


def create(http: httpx.Client, count: int) -> list[dict[str, Any]]:
    body = {"env_id": ENV, "kwargs": {"length": 1_000_000}, "count": count}
    rows: list[dict[str, Any]] = http.post("/v1/sessions", json=body).json()["sessions"]
    return rows


def step(http: httpx.Client, id: str, turn: int) -> dict[str, Any]:
    body = {"episode": 0, "turn": turn, "action": "go"}
    document: dict[str, Any] = http.post(f"/v1/sessions/{id}/step", json=body).json()
    return document


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    result = run(options.requests, options.seed)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-fuzz.json").write_text(text + "\n")
    return 1 if result["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
