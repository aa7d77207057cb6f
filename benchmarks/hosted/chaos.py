"""Kill server and client of hosted runs at random; see that each run ends with what the journal says.

python benchmarks/hosted/chaos.py --runs 50 --kills 50

The client is docs/examples/play_hosted.py in a loop: it is killed and started anew with the same request_id,
the server is killed and started anew on its journal. Afterwards the journal is replayed, without what was
noted of outcomes, and each record is compared with what the replay came to; no task may have two sessions or
ends, no run a second attempt, and the scores made again from the notes are those of the records.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from turnwise.servers.benchmarks.regrade import regrade
from turnwise.servers.benchmarks.signing import Operator, read_keys
from turnwise.servers.benchmarks.verify import check_all
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.journal.format import notes_of, open_reader, records_of
from turnwise.servers.sessions.journal.verify import replayed

ROOT = Path(__file__).resolve().parents[2]
VAULT = f"{ROOT / 'tests/servers/benchmarks/vaults.py'}:Vault"
SECRET = "chaos-secret-0123456789"
BENCHMARK = f"""
name = "chaos"
version = 1
[budget]
turns = 8
seconds = 3600.0
attempts_per_week = 1000
[[environments]]
id = "{VAULT}"
tasks = 6
secret = ["world_seed"]
"""
CLIENT = """
import json, random, sys, time, urllib.error, urllib.request
address, key, name = sys.argv[1:4]
headers = {"authorization": "Bearer " + key, "content-type": "application/json"}
def ask(path, body=None):
    while True:
        try:
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(address + path, data, headers)
            with urllib.request.urlopen(request, timeout=20) as got:
                return json.load(got)
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return json.load(error)
        except OSError:
            pass
        time.sleep(0.05)
run = ask("/v1/benchmarks/chaos/runs", {"agent": "chaos", "request_id": name})["run"]
task = 0
while "session" in (answer := ask(f"/v1/runs/{run}/next", {"task": task})):
    reply = answer["session"]
    while reply["end"] is None:
        body = {"episode": 0, "turn": reply["turn"], "action": random.choice(reply["info"]["admissible"])}
        told = ask(f"/v1/sessions/{reply['id']}/step", body)
        reply = told if "code" not in told else ask(f"/v1/runs/{run}/next", {"task": task})["session"]
        time.sleep(0.05)
    task += 1
print(json.dumps(ask(f"/v1/runs/{run}/record")))
"""


@dataclass
class Found:
    """What a round of chaos came to."""

    runs: int = 0
    kills_of_server: int = 0
    kills_of_client: int = 0
    problems: list[str] = field(default_factory=list)


class Server:
    """`turnwise serve` in a process that is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "turnwise", "serve", "--port", str(self.port),
            "--port-file", str(port_file), "--env", VAULT,
            "--benchmark", str(self.folder / "chaos.toml"), "--operator", str(self.folder / "operator"),
            "--journal", str(self.folder / "runs.db"), "--key-file", str(self.folder / "keys"),
        ]  # fmt: skip
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 240
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "server.log").read_text()[-3000:])
            time.sleep(0.05)
        self.port = int(port_file.read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def prepare(folder: Path) -> None:
    """Write what the server is given."""
    Operator.new(folder / "operator")
    (folder / "chaos.toml").write_text(BENCHMARK)
    (folder / "keys").write_text(f"chaos {SECRET} benchmark=chaos\n")
    (folder / "keys").chmod(0o600)


def play(folder: Path, *, num_runs: int, num_kills: int, seed: int) -> Found:
    """Play runs while server and client are killed, and check what came of them."""
    found, rng = Found(), random.Random(seed)
    prepare(folder)
    server, envelopes = Server(folder), []
    server.start()
    left = num_kills
    try:
        for number in range(num_runs):
            kills = left // (num_runs - number)
            left -= kills
            envelopes.append(_run(server, f"run {number}", kills, rng, found))
            found.runs += 1
    finally:
        server.kill()
    keys = read_keys((folder / "operator" / "keys.json").read_bytes(), "keys.json")
    for one in check_all(envelopes, keys):
        found.problems += one.problems
    found.problems += _against_journal(folder / "runs.db", envelopes)
    return found


def _run(server: Server, name: str, kills: int, rng: random.Random, found: Found) -> dict[str, Any]:
    while True:
        command = [sys.executable, "-c", CLIENT, f"http://127.0.0.1:{server.port}", SECRET, name]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "no_proxy": "*"})
        while kills and not _ends_within(client, rng.uniform(0.2, 0.8)):
            kills -= 1
            if found.kills_of_client < found.kills_of_server:
                client.kill()
                found.kills_of_client += 1
                break
            server.kill()
            found.kills_of_server += 1
            server.start()
        said = client.communicate(timeout=600)[0]
        if client.returncode == 0:
            return dict(json.loads(said))


def _ends_within(client: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        client.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _against_journal(file: Path, envelopes: list[dict[str, Any]]) -> list[str]:
    """Compare each record with a replay of the actions in the journal."""
    problems, catalogue = [], Catalogue([VAULT])
    db = open_reader(file)
    try:
        notes = list(notes_of(db))
        records = {record.id: record for record in records_of(db, "1 = 1")}
    finally:
        db.close()
    for envelope in envelopes:
        record = envelope["record"]
        dealt = [
            document["session"] for run, kind, document in notes if (run, kind) == (record["run"], "dealt")
        ]
        if len(dealt) != len(record["measured"]["tasks"]):
            problems.append(f"{record['run']}: {len(dealt)} sessions")
        for id, row in zip(dealt, record["measured"]["tasks"], strict=False):
            *_, (_, last) = replayed(records[id], catalogue)
            turns = len(records[id].log)
            if (bool(last.info["won"]), turns) != (row["success"], row["turns"]):
                problems.append(
                    f"{record['run']}: task {row['task']} is {row}, replayed {last.info['won']}, {turns}"
                )
    of_runs = [document["session"] for _, kind, document in notes if kind == "dealt"]
    if sorted(of_runs) != sorted(records):
        problems.append("there are sessions that are of no task, or of two")
    attempts = [document["attempt"] for _, kind, document in notes if kind == "opened"]
    if attempts != list(range(1, len(envelopes) + 1)):
        problems.append(f"attempts {attempts}: {len(envelopes)} runs were asked for")
    ends = [(run, document["task"]) for run, kind, document in notes if kind == "ended"]
    if len(ends) != len(set(ends)):
        problems.append("a task has ended twice")
    problems += [
        f"{one.run}: {one.flips or one.problems}" for one in regrade(notes, envelopes) if not one.sound
    ]
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    print(play(given.folder, num_runs=given.runs, num_kills=given.kills, seed=given.seed))


if __name__ == "__main__":
    try:
        main()
    except sqlite3.Error as error:
        sys.exit(f"the journal cannot be read: {error}")
