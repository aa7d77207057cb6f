"""Patches: text and back is the same bytes, git reads what we write, and what is hostile is refused."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.envs.swe import patches
from turnwise.envs.swe.patches import PatchError, document, from_diff, from_document, to_diff

LINES = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"-x\n", b"\x0c\xff\n", b"+++ y\n"]), max_size=8
)
FILE = st.builds(lambda lines, end: b"".join(lines) + end, LINES, st.sampled_from([b"", b"end"]))


@settings(max_examples=200, deadline=None)
@given(old=st.none() | FILE, new=st.none() | FILE)
def test_text_and_back_is_the_same_bytes(old: bytes | None, new: bytes | None) -> None:
    base = {} if old is None else {"p/q.py": old}
    text = to_diff({"p/q.py": new}, base)
    read = from_diff(text, base.get)
    if old == new:
        assert text == ""
    elif b"" in (old, new) and not (old or new):
        pass  # an empty file made or deleted has no hunk; git's own lines carry it
    else:
        assert read == {"p/q.py": new}
        after = {} if new is None else {"p/q.py": new}
        assert from_diff(text, after.get, reverse=True) == {"p/q.py": old}


@given(st.dictionaries(st.text(min_size=1), st.none() | st.binary()))
def test_document_and_back_is_the_same(patch: dict[str, bytes | None]) -> None:
    assert from_document(json.loads(json.dumps(document(patch)))) == patch


def test_git_applies_what_is_written(tmp_path):
    base = {"keep.py": b"1\n2\n3\n4\n5\n6\n7\n8\n9", "gone.py": b"x\n"}
    new = {"keep.py": b"0\n1\n2\n3\n4\n5\n6\n7\n8\nnine\n", "gone.py": None, "d/new.py": b"y"}
    for path, data in base.items():
        (tmp_path / path).write_bytes(data)
    text = to_diff(new, base)
    subprocess.run(["git", "apply", "-"], input=text.encode(), cwd=tmp_path, check=True)
    assert {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*.py")} == {
        "keep.py": new["keep.py"],
        "d/new.py": b"y",
    }
    assert from_diff(text, base.get) == new
    assert patches.changed_paths(text) == ["d/new.py", "gone.py", "keep.py"]


def test_a_hunk_whose_lines_moved_is_found_and_one_that_differs_is_not():
    text = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"
    assert from_diff(text, {"f": b"zero\nzero\none\ntwo\n"}.get) == {"f": b"zero\nzero\none\nTWO\n"}
    with pytest.raises(PatchError, match="f: hunk 1 at line 1 does not fit"):
        from_diff(text, {"f": b"one\nother\n"}.get)


HUNK = "@@ -0,0 +1 @@\n+x\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"--- /dev/null\n+++ b/../x\n{HUNK}", "leads out of the tree"),
        (f"--- /dev/null\n+++ /etc/passwd\n{HUNK}", "leads out of the tree"),
        (f"--- /dev/null\n+++ b/a/../../x\n{HUNK}", "leads out of the tree"),
        (f"--- /dev/null\n+++ b/.git/hooks/x\n{HUNK}", "git's own folder"),
        (f"--- /dev/null\n+++ b/sub/.GIT/config\n{HUNK}", "git's own folder"),
        ("diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 1\nKcmZQz0000100\n", "binary"),
        ("diff --git a/x b/x\nBinary files a/x and b/x differ\n", "binary"),
        ("nothing of the kind", "not a unified diff"),
        ("--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n one\n", "not a unified diff"),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n", "no such file"),
        (f"--- /dev/null\n+++ b/there\n{HUNK}", "there is one already"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(PatchError, match=said):
        from_diff(text, {"there": b"1\n"}.get)


def test_a_patch_of_a_hundred_megabytes_is_refused_at_once():
    with pytest.raises(PatchError, match="at most 16777216 are read"):
        from_diff("+" * 100_000_000, {}.get)
    with pytest.raises(PatchError, match="104857600 bytes"):
        patches.check({"x": bytes(100 << 20)})
    with pytest.raises(PatchError, match="3000 files"):
        patches.check({str(number): b"" for number in range(3000)})


@pytest.mark.parametrize(
    "path", ["/x", "..", "a/../../b", "", "a\0b", "./a", "a//b", "a/", ".git/config", "a/.git/x"]
)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(PatchError):
        patches.check({path: b""})


def test_a_document_of_another_form_names_the_path():
    with pytest.raises(PatchError, match="'f': expected a text, null or base64, got int"):
        from_document({"f": 3})
    with pytest.raises(PatchError, match="'f': not base64"):
        from_document({"f": {"base64": "!"}})
