"""Files below the wings: imported once by their path, objects found by where they live.

1. A file is imported once, whoever asks; another file of that name takes its place.
2. A file that fails to import is not kept half made, and the error names it and the asker.
3. module:Name and file.py:Name give the same kinds of error.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from turnwise.errors import UnknownName, UsageError
from turnwise.files import import_file, load_object


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    file = tmp_path / "counted.py"
    file.write_text("made = object()\n")
    module = import_file(file, given="a test")
    assert import_file(str(file), given="another") is module
    other = tmp_path / "other" / "counted.py"
    other.parent.mkdir()
    other.write_text("made = 2\n")
    assert import_file(other, given="a test").made == 2


def test_a_file_that_fails_is_imported_again(tmp_path: Path) -> None:
    file = tmp_path / "mended.py"
    file.write_text("value = missing\n")
    with pytest.raises(UsageError, match=r"^a test: .*mended\.py cannot be imported: NameError: name"):
        import_file(file, given="a test")
    file.write_text("value = 'this is longer'\n")
    assert import_file(file, given="a test").value == "this is longer"


def test_objects_are_named_by_module_or_file(tmp_path: Path) -> None:
    (tmp_path / "shelf.py").write_text("book = 7\n")
    assert load_object(f"{tmp_path / 'shelf.py'}:book", given="a test") == 7
    assert load_object("turnwise.errors:UsageError", given="a test") is UsageError
    with pytest.raises(UnknownName, match="did you mean 'book'"):
        load_object(f"{tmp_path / 'shelf.py'}:boook", given="a test")
    with pytest.raises(UnknownName, match="did you mean 'UsageError'"):
        load_object("turnwise.errors:UsageErrors", given="a test")
    with pytest.raises(UsageError, match=r"^a test: No module named 'nowhere'"):
        load_object("nowhere:Class", given="a test")
    for place in ("no_colon", "module:", ":Class"):
        with pytest.raises(UsageError, match=r"^a test: expected package\.module:Class"):
            load_object(place, given="a test")
