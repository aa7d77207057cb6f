"""Collections on disk: opened as written, refused when stale, never half there; records by name of field.

1. An opened collection answers as the built one; records decode one by one.
2. Another tag, another format, a missing or broken folder: None, to be rebuilt.
3. A writer that fails leaves nothing behind and the old folder intact.
4. JSON arrays are read in bounded pieces; a bad record is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnwise.envs.retrieval import jsonio
from turnwise.envs.retrieval.bm25 import Bm25Index
from turnwise.envs.retrieval.storage import open_collection, source_tag, write_collection
from turnwise.errors import UsageError

TEXTS = ["red apple", "green pear", "red pear caf\u00e9"]


def records() -> Iterator[tuple[str, dict[str, object]]]:
    yield from ((f"k{i}", {"id": i, "text": text}) for i, text in enumerate(TEXTS))


def test_opened_equals_built(tmp_path: Path) -> None:
    built = Bm25Index.build(TEXTS)
    write_collection(tmp_path / "c", "tag", built, records())
    opened, stored = open_collection(tmp_path / "c", "tag") or pytest.fail("not opened")
    for query in ("red", "pear caf\u00e9", "none"):
        for ours, theirs in zip(opened.search(query, 3), built.search(query, 3), strict=True):
            assert ours.tolist() == theirs.tolist()
    assert [record["text"] for record in stored] == TEXTS
    assert stored.keys == ["k0", "k1", "k2"]
    assert stored[-1] == stored[2] == stored[1:][1]
    with pytest.raises(IndexError):
        stored[3]


def test_stale_or_broken_is_not_opened(tmp_path: Path) -> None:
    write_collection(tmp_path / "c", "tag", Bm25Index.build(TEXTS), records())
    assert open_collection(tmp_path / "c", "other") is None
    assert open_collection(tmp_path / "missing", "tag") is None
    (tmp_path / "c" / "meta.json").write_text("{")
    assert open_collection(tmp_path / "c", "tag") is None


def test_empty_collection(tmp_path: Path) -> None:
    write_collection(tmp_path / "c", "tag", Bm25Index.build([]), [])
    opened, stored = open_collection(tmp_path / "c", "tag") or pytest.fail("not opened")
    assert len(stored) == 0
    assert opened.search("red", 3)[0].tolist() == []


def test_failed_writer_leaves_the_old_one(tmp_path: Path) -> None:
    write_collection(tmp_path / "c", "old", Bm25Index.build(TEXTS), records())

    def failing() -> Iterator[tuple[str, dict[str, object]]]:
        yield "k", {"id": 0}
        raise UsageError("no more")

    with pytest.raises(UsageError):
        write_collection(tmp_path / "c", "new", Bm25Index.build(TEXTS), failing())
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert open_collection(tmp_path / "c", "old") is not None


def test_tag_follows_the_source(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[]")
    first = source_tag(file)
    assert source_tag(file) == first
    file.write_text("[1]")
    assert source_tag(file) != first
    with pytest.raises(UsageError, match="missing"):
        source_tag(tmp_path / "missing")


def test_arrays_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonio, "_CHUNK_CHARS", 7)
    file = tmp_path / "a.json"
    items = [{"n": i, "text": "x" * i} for i in range(30)]
    file.write_text("  " + json.dumps(items, indent=1) + "\n")
    assert list(jsonio.array_records(file)) == items


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}', "expected a JSON array"),
        ('[{"a": 1}, {"a": ', "record 1 is cut off"),
        ("[1]", "record 0: expected an object"),
        ('[{"a": 1}', "record 1 is cut off"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        list(jsonio.array_records(file))


def test_bad_lines_and_fields_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1}\n\n{"b"\n')
    with pytest.raises(UsageError, match="line 3"):
        list(jsonio.line_records(file))
    with pytest.raises(UsageError, match=r"record 4 has no field 'x'; it has \['a'\]"):
        jsonio.field({"a": 1}, "x", str, file, 4)
    with pytest.raises(UsageError, match="field 'a': expected str, got 1"):
        jsonio.field({"a": 1}, "a", str, file, 4)
