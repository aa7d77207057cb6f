"""What is broken or foreign is refused or shown with its reason, and the server goes on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.errors import ServerError, TurnwiseError, UsageError
from turnwise.servers.benchmarks.signing import keys_document
from turnwise.servers.benchmarks.verify import check, check_all
from turnwise.servers.client.hosted import hosted_there

from .conftest import Hosted, deal, play, start, step
from .test_clients import evaluated

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=4,
)


async def recorded(hosted: Hosted) -> dict[str, Any]:
    """Play a run; return its record."""
    async with hosted.client() as http:
        run = await start(http, config={"prompt": "\x1b[31m\u202e\n</script>"})
        await play(hosted, http, run, [True, False, True])
        await deal(http, run, 3)
        document: dict[str, Any] = (await http.get(f"/v1/runs/{run}/record")).json()
    await hosted.service.commit()
    return document


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a document."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *[found for name, value in inside for found in places(value, (*path, name))]]


def test_a_record_changed_anywhere_into_anything_is_found(host: Callable[..., None], tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def conversation(hosted: Hosted) -> None:
        kept["envelope"] = await recorded(hosted)
        kept["keys"] = {key.id: key for key in hosted.operator.keys}

    host(conversation)
    envelope, keys = kept["envelope"], kept["keys"]
    assert check(envelope, keys).problems == ()
    text, paths = json.dumps(envelope), [path for path in places(envelope) if path]

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(paths), VALUES)
    def changed(path: tuple[Any, ...], value: Any) -> None:
        document = json.loads(text)
        node = document
        for name in path[:-1]:
            node = node[name]
        same = node[path[-1]] == value and type(node[path[-1]]) is type(value)
        node[path[-1]] = value
        assert same or check(document, keys).problems != (), path
        check_all([document, envelope, {}, document], keys)

    changed()
    for form in ({}, "", (), None):  # the log holds one record: its proof is an empty list, and nothing else
        assert check({**envelope, "proof": form}, keys).problems != (), form
    spaced = " ".join(envelope["signature"])
    for signature in (envelope["signature"].upper(), spaced, f"{envelope['signature']}\n"):
        assert check({**envelope, "signature": signature}, keys).problems != (), signature
    (tmp_path / "keys.json").write_text(json.dumps(keys_document(list(keys.values()))))
    for number, content in enumerate(
        (
            text[: len(text) // 2].encode(),
            b"",
            b"\x00" * 99,
            b'{"record": {"benchmark": "b", "measured": []}}',
            b'{"record": {"run": "\\u001b[31m"}, "key": "\\u001b[31m"}',
        )
    ):
        file = tmp_path / f"record-{number}.json"
        file.write_bytes(content)
        words = ["verify", str(file), "--keys", str(tmp_path / "keys.json"), "--benchmark", "0" * 64]
        said = CliRunner().invoke(app, words)
        assert said.exit_code == 1 and "\x1b" not in said.output
        assert said.exception is None or isinstance(said.exception, SystemExit | UsageError), content


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("opened", {}),
        ("opened", {"benchmark": "vaults", "more": 1}),
        ("dealt", {"at": 1.0}),
        ("ended", {"task": 70, "outcome": {}}),
        ("closed", []),
        ("spent", {"cost": 1.0}),
        ("record", {"record": {}}),
        ("frozen", {"benchmark": {"name": "vaults"}}),
        ("board", {}),
        ("withdrawn", {"record": 1}),
    ],
)
def test_a_note_that_was_changed_is_named_and_nothing_is_hosted_on_it(
    tmp_path: Path, kind: str, document: Any
) -> None:
    hosted = Hosted(tmp_path)

    async def talk() -> str:
        async with hosted.client() as http:
            run = await start(http)
            await play(hosted, http, run, [True])
            await hosted.service.commit()
            return run

    run = asyncio.run(talk())
    hosted.kill()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        note = (run, kind, json.dumps(document))
        db.execute("INSERT INTO notes (run, kind, document) VALUES (?, ?, ?)", note)
    db.close()
    with pytest.raises(UsageError, match=rf"the journal.*({run} is not as turnwise writes it|is missing)"):
        hosted.start()
    hosted.journal.close()
    said = CliRunner().invoke(app, ["regrade", str(tmp_path / "journal.db"), "--json"])
    assert said.exception is None or isinstance(said.exception, SystemExit), "what can be read is judged"
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("DELETE FROM notes WHERE number = (SELECT MAX(number) FROM notes)")
        later = (run, "of a later version", '{"anything": []}')
        db.execute("INSERT INTO notes (run, kind, document) VALUES (?, ?, ?)", later)
    db.close()
    hosted.start()
    assert len(hosted.hosting.book.runs[run].dealt) == 1
    hosted.kill()


@pytest.mark.parametrize(
    "cut", [0.1, 0.5, 0.8]
)  # the last page of eight is empty: without it nothing is lost
def test_a_journal_that_was_cut_is_refused_with_its_reason(tmp_path: Path, cut: float) -> None:
    hosted = Hosted(tmp_path)
    asyncio.run(recorded(hosted))
    asyncio.run(hosted.hosting.sweep())
    hosted.kill()
    file = tmp_path / "journal.db"
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(TurnwiseError, match="journal"):
        hosted.start()
    file.write_bytes(content)
    hosted.start()
    assert len(hosted.hosting.book.log or ()) == 1
    hosted.kill()


def test_replies_that_cannot_be_sent_lose_the_task_and_odd_ones_are_sent(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        async with hosted.client() as http:
            run = await start(http)
            for task, action in enumerate(("flood", "halve")):
                first = (await deal(http, run, task))["session"]
                reply = await step(http, first, action)
                assert (reply["end"], reply["observation"]) == ("error", "")
            odd = await step(http, (await deal(http, run, 2))["session"], "colour")
            assert odd["observation"] == "\x00\x1b[31m\u202e\u2028</script>" and odd["end"] is None
            gold = hosted.secret_of(odd["id"]).gold
            assert (await step(http, odd, f"open {gold}"))["end"] == "terminated"
            await deal(http, run, 3)
            rows = (await http.get(f"/v1/runs/{run}/record")).json()["record"]["measured"]["tasks"]
            assert [row["success"] for row in rows] == [None, None, True]

    host(conversation)


ROW = {"name": "vaults", "turns": 6, "parallel": 1, "seconds": 100.0, "environments": ["e"]}
STANDING = {"run": "r", "attempt": 1, "dealt": 1, "open": [], "tasks": 1, "closed": "done"}


@pytest.mark.parametrize(
    "change",
    [
        {"benchmarks": ["vaults", 7]},
        {"benchmarks": [{**ROW, "turns": None}]},
        {"benchmarks": [{**ROW, "environments": "e"}]},
        {"run": 7},
        {"dealt": "all"},
        {"tasks": 10**12},
        {"record": []},
        {"record": {"benchmark": {}, "measured": []}},
    ],
)
def test_a_client_is_told_that_a_server_is_none(change: dict[str, Any]) -> None:
    said = {"benchmarks": [ROW], **STANDING, "done": True, "record": {}, **change}
    network = httpx.MockTransport(lambda request: httpx.Response(200, json=said))
    client = hosted_there("http://test", "a-secret-of-enough-length", network=network, budget_s=0.5)
    with pytest.raises((ServerError, UsageError)):
        asyncio.run(evaluated(client))
