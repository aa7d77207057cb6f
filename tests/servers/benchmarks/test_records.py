"""Records: forged, cut, reordered and replayed ones are found, and a log whose past was rewritten."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.errors import UsageError
from turnwise.servers.benchmarks.log import RecordLog
from turnwise.servers.benchmarks.merkle import MerkleTree, grows, includes
from turnwise.servers.benchmarks.records import signed
from turnwise.servers.benchmarks.signing import Operator, PublicKey, keys_document, read_keys
from turnwise.servers.benchmarks.verify import (
    check,
    check_all,
    check_growth,
    check_log,
    read_document,
)

from .conftest import Hosted, deal, play, start

# leaves and roots of Certificate Transparency's reference tests (google/certificate-transparency)
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_of(num: int, change: int = -1) -> MerkleTree:
    tree = MerkleTree()
    for number in range(num):
        tree.add(b"changed" if number == change else b"leaf %d" % number)
    return tree


def test_roots_are_those_of_certificate_transparency() -> None:
    tree = MerkleTree()
    assert tree.root() == hashlib.sha256(b"").digest()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.add(bytes.fromhex(leaf))
        assert tree.root().hex() == root


@given(st.integers(1, 40), st.data())
def test_proofs_hold_for_what_is_so_and_for_nothing_else(size: int, data: st.DataObject) -> None:
    tree, place = tree_of(size), data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    proof = tree.inclusion(place, size)
    assert includes(b"leaf %d" % place, place, size, proof, tree.root())
    assert not includes(b"another", place, size, proof, tree.root())
    assert not includes(b"leaf %d" % place, place, size, [*proof, bytes(32)], tree.root())
    if size > 1:
        assert not includes(b"leaf %d" % place, (place + 1) % size, size, proof, tree.root())
        assert not includes(b"leaf %d" % place, place, size, proof[:-1], tree.root())
    consistency = tree.consistency(first, size)
    assert grows(first, size, tree.root(first), tree.root(), consistency)
    changed = tree_of(size, change=data.draw(st.integers(0, first - 1)))
    assert not grows(first, size, tree.root(first), changed.root(), changed.consistency(first, size))
    assert not grows(first, size, tree.root(first), tree.root(), [*consistency, bytes(32)])


async def recorded(hosted: Hosted) -> dict[str, Any]:
    """Play a run; return its record."""
    async with hosted.client() as http:
        run = await start(http)
        await play(hosted, http, run, [True, False, True])
        await deal(http, run, 3)
        document: dict[str, Any] = (await http.get(f"/v1/runs/{run}/record")).json()
        return document


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one member changed; `...` takes it out."""
    copied = copy.deepcopy(document)
    node: Any = copied
    *names, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    for name in names:
        node = node[name]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return copied


FORGED: list[tuple[str, Any]] = [
    ("record.measured.score", 1.0),
    ("record.measured.tasks.1.success", True),
    ("record.measured.tasks.1", ...),
    ("record.measured.ci_low", 0.9),
    ("record.declared.agent", "another"),
    ("record.benchmark.hash", "0" * 64),
    ("record.benchmark.name", "harder"),
    ("record.run", "0" * 32),
    ("record.ended", "2020-01-01T00:00:00.000Z"),
    ("record.log.place", 1),
    ("record.schema", 2),
    ("record.attempt", 7),
    ("record.more", "said"),
    ("record.key", ...),
    ("record", ...),
    ("record", [1]),
    ("signature", "00" * 64),
    ("signature", "zz"),
    ("signature", ...),
    ("key", "0" * 16),
    ("key", ...),
    ("proof", ["00" * 32]),
    ("proof", ...),
    ("head", ...),
    ("head.signature", "00" * 64),
    ("head.head.size", 2),
    ("head.head.root", "00" * 32),
    ("head.head.log", "another"),
    ("head.key", "0" * 16),
]


def test_forged_records_are_found(host: Callable[..., None]) -> None:
    async def conversation(hosted: Hosted) -> None:
        envelope = await recorded(hosted)
        keys = {key.id: key for key in hosted.operator.keys}
        assert check(envelope, keys).problems == ()
        unseen = [
            (path, value)
            for path, value in FORGED
            if check(changed(envelope, path, value), keys).problems == ()
        ]
        assert unseen == []
        assert [bool(one.problems) for one in check_all([envelope, envelope], keys)] == [False, True]
        stranger = Operator.new(hosted.folder / "stranger")
        other = {**envelope, **signed(stranger, envelope["record"])}
        assert check(other, keys).problems
        score = envelope["record"]["measured"]["score"]
        assert score == pytest.approx(2 / 3)
        lie = changed(envelope["record"], "measured.score", 1.0)
        assert any(
            "its score is 1.0" in said
            for said in check({**envelope, **signed(hosted.operator, lie)}, keys).problems
        )

    host(conversation)


def test_the_words_of_a_record_are_read_once(tmp_path: Path) -> None:
    for text in (b'{"record": 1, "record": 2}', b'{"a": NaN}', b"[]", b'{"cut": ', b"[" * 100_000, b"\xff"):
        with pytest.raises(UsageError, match="it"):
            read_document(text, "it")


def some_log(folder: Path, num: int) -> tuple[Operator, RecordLog, list[dict[str, Any]]]:
    """Return a log of records of no runs."""
    operator = Operator(folder) if (folder / "secret").exists() else Operator.new(folder)
    log = RecordLog("a log", operator)
    rows = [
        signed(operator, {"schema": 1, "run": f"run {number}", "log": {"id": "a log", "place": number}})
        for number in range(num)
    ]
    for row in rows:
        log.add(row)
    return operator, log, rows


def test_a_log_that_is_cut_reordered_or_rewritten_is_found(tmp_path: Path) -> None:
    operator, log, rows = some_log(tmp_path, 6)
    keys = {key.id: key for key in operator.keys}
    head = log.head()
    assert check_log(rows, head, keys) == []
    assert check_log(rows[:-1], head, keys) != []
    assert check_log([rows[1], rows[0], *rows[2:]], head, keys) != []
    assert check_log([*rows, rows[0]], head, keys) != []
    old = log.head(4)
    assert check_growth(old, log.since(4), keys) == []
    (mistaken,) = check_growth(old, log.since(3), keys)  # nobody is accused where two files do not fit
    assert "GET /v1/log/4" in mistaken and "rewritten" not in mistaken
    rewritten = RecordLog("a log", operator)  # by the operator, with the right key
    for row in [rows[0], signed(operator, {**rows[1]["record"], "run": "a better one"}), *rows[2:]]:
        rewritten.add(row)
    assert any("rewritten" in said for said in check_growth(old, rewritten.since(4), keys))
    shorter = some_log(tmp_path, 3)[1]
    assert check_growth(old, {**shorter.since(3), "first": 4}, keys) != []


def test_a_journal_put_back_to_an_earlier_day_is_refused(tmp_path: Path) -> None:
    _, log, _ = some_log(tmp_path, 3)
    log.keep_head(3)
    log.check_head()
    with pytest.raises(UsageError, match="tells of 3 records, the journal holds 2"):
        some_log(tmp_path, 2)[1].check_head()
    with pytest.raises(UsageError, match="the journal holds the log another"):
        RecordLog("another", Operator(tmp_path)).check_head()


def test_keys_rotate_and_are_revoked(tmp_path: Path) -> None:
    first = Operator.new(tmp_path)
    record = {
        "schema": 1,
        "run": "r",
        "log": {"id": "a log", "place": 0},
        "ended": "2026-11-29T00:00:00.000Z",
    }
    envelope = signed(first, record)
    second = first.rotate()
    assert second.key.id != first.key.id and len(second.keys) == 2
    assert Operator(tmp_path).key.id == second.key.id

    def said(keys: list[PublicKey], document: dict[str, Any], of: dict[str, Any] | None = None) -> str:
        table = {key.id: key for key in keys}
        return "; ".join(check({**(of or envelope), **document}, table).problems)

    assert "signed" not in said(second.keys, {}) and "retired" not in said(second.keys, {})
    late = signed(first, {**record, "ended": "2999-01-01T00:00:00.000Z"})
    assert "has retired" in said(second.keys, {}, late)
    revoked = [replace(key, revoked=time.time()) if key.id == first.key.id else key for key in second.keys]
    assert "was revoked" in said(revoked, {})
    log = RecordLog("a log", second)  # under a key that stands, from before
    log.add(envelope)
    assert "revoked" not in said(revoked, log.proven("r") or {})
    third = second.rotate(revoke=True, reason="lost")
    assert [bool(key.revoked) for key in third.keys] == [False, True, False]
    assert read_keys(json.dumps(keys_document(third.keys)).encode(), "it") == {
        key.id: key for key in third.keys
    }


def test_an_operators_folder_is_refused_where_others_may_read_it(tmp_path: Path) -> None:
    operator = Operator.new(tmp_path)
    for file in (tmp_path / "secret", tmp_path / "private" / f"{operator.key.id}.pem"):
        file.chmod(0o644)
        with pytest.raises(UsageError, match="lets others read it; expected 600"):
            Operator(tmp_path)
        file.chmod(0o600)
    with pytest.raises(UsageError, match="nothing was changed"):
        Operator.new(tmp_path)
    (tmp_path / "secret").write_text("short")
    with pytest.raises(UsageError, match="is not a secret"):
        Operator(tmp_path)


def test_git_sees_nothing_of_an_operators_folder(tmp_path: Path) -> None:
    Operator.new(tmp_path / "operator")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    seen = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(seen, check=True, capture_output=True).stdout == b""
