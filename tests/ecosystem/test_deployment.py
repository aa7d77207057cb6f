"""What operators are given holds against Kubernetes, Compose, and the counters that boards ask for."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from turnwise.servers.http.control_plane import Application
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.service import Service

pytestmark = pytest.mark.ecosystem
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = ("1.31", "1.33", "1.37")


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_manifests_are_what_kubernetes_takes(file: Path, version: str) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="not installed: make ecosystem")
    for document in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(document, version, strict=True)


def test_a_wrong_manifest_is_found() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="not installed: make ecosystem")
    document = yaml.safe_load((DEPLOY / "kubernetes" / "server.yaml").read_text())
    document["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenessprobe"):
        kubernetes_validate.validate(document, KUBERNETES[-1], strict=True)


def test_compositions_are_what_compose_takes() -> None:
    pytest.importorskip("check_jsonschema", reason="not installed: make ecosystem")
    files = [str(file) for file in (*sorted(DEPLOY.glob("compose*.yaml")), DEPLOY.parent / "compose.yaml")]
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *files]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def questions() -> Iterator[str]:
    """Return every question that the board and the alerts ask of Prometheus."""
    board = json.loads((DEPLOY / "grafana" / "turnwise.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"].replace("$env", ".*") for target in panel["targets"])
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


async def counters() -> dict[str, set[str]]:
    """Return the counters of a server on which something has happened, with the names of their labels."""
    app = Application(Service(Catalogue(["search/generated-v1"])))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        made = (await http.post("/v1/sessions", json={"env_id": "search/generated-v1"})).json()["sessions"][0]
        step = {"episode": 0, "turn": 0, "action": "<answer>nothing</answer>"}
        await http.post(f"/v1/sessions/{made['id']}/step", json=step)
        await http.post(f"/v1/sessions/{made['id']}/step", json={**step, "turn": 9})
        text = (await http.get("/metrics")).text
    found: dict[str, set[str]] = {"up": {"job"}}
    for name, labels in re.findall(r"^(turnwise_\w+)(?:\{(.*)\})? \S+$", text, re.M):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def selectors(node: Any) -> Iterator[Any]:
    """Return every selector of a series inside a parsed question."""
    if type(node).__name__ == "VectorSelector":
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        inside = getattr(node, name, None)
        if inside is not None:
            yield from selectors(inside)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def test_boards_and_alerts_ask_for_what_the_server_counts() -> None:
    promql_parser = pytest.importorskip("promql_parser", reason="not installed: make ecosystem")
    counted = asyncio.run(counters())
    asked = [(text, one) for text in questions() for one in selectors(promql_parser.parse(text))]
    assert len(asked) >= 20
    for text, selector in asked:
        assert selector.name in counted, text
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= counted[selector.name], f"{text}: {selector.name} has {counted[selector.name]}"
        for grouped in re.findall(r"by \(([^)]*)\)", text):
            assert set(re.split(r"\W+", grouped)) <= set().union(*counted.values()), text
