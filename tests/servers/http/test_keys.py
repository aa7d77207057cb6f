"""Key files and the identification of callers."""

from __future__ import annotations

import pytest

from turnwise.errors import UsageError
from turnwise.servers.http.key_file import KeyFile
from turnwise.servers.http.keys import Caller, Keys

SECRET = "0123456789abcdef"
MARKS = {"ann": "", "prometheus": "metrics", "eve": "evaluation", "player": "benchmark=vaults"}


def test_a_key_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# people\n\nann {SECRET}\nboard {SECRET[::-1]} evaluation\n")
    keys = Keys.load(file)
    assert keys.identify(f"Bearer {SECRET}".encode()) == Caller("ann")
    assert keys.identify(f"bearer {SECRET[::-1]}".encode()) == Caller("board", evaluation=True)
    for header in (None, b"", b"Bearer", SECRET.encode(), b"Basic " + SECRET.encode(), b"Bearer \xff"):
        assert keys.identify(header) is None


def test_counters_are_read_by_keys_for_them_and_by_those_that_may_do_all(tmp_path):
    file = tmp_path / "keys"
    lines = [f"{name} {name}-{SECRET} {mark}" for name, mark in MARKS.items()]
    file.write_text("\n".join(lines))
    keys = Keys.load(file)
    read = {name: keys.reads_metrics(f"Bearer {name}-{SECRET}".encode()) for name in MARKS}
    assert read == {"ann": True, "prometheus": True, "eve": False, "player": False}
    assert keys.identify(f"Bearer prometheus-{SECRET}".encode()) is None, "it calls nothing"
    assert not keys.reads_metrics(None) and not keys.reads_metrics(b"Bearer wrong")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no key"),
        ("ann", "line 1: expected NAME SECRET"),
        (f"ann {SECRET} metrics", "holds no key by which sessions are made"),
        (f"ann {SECRET}\nbob {SECRET} metrics", "line 2: the secret of another name"),
        (f"ann {SECRET}\nann {SECRET[::-1]} metrics", "have the same name"),
        (f"ann {SECRET}\nbob short metrics", "the key of 'bob' is shorter than 16 characters"),
        (f"ann {SECRET} admin", "line 1: expected NAME SECRET"),
        ("ann short", "key file .*shorter than 16 characters"),
        (f"ann {SECRET}\nbob {SECRET}", "line 2: the secret of another name"),
        (f"ann {SECRET}\nann {SECRET[::-1]}", "have the same name"),
    ],
)
def test_a_bad_key_file_names_the_line_and_never_the_secret(tmp_path, text, reason):
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(UsageError, match=reason) as caught:
        Keys.load(file)
    assert SECRET not in str(caught.value)


def test_a_key_file_is_followed_and_a_wrong_one_changes_nothing(tmp_path, monkeypatch, caplog):
    clock = [100.0]
    monkeypatch.setattr("turnwise.servers.http.key_file.time.monotonic", lambda: clock[0])
    caplog.set_level("INFO", logger="turnwise.servers")
    file = tmp_path / "keys"

    def known(name: str, later: float = 1.0) -> bool:
        clock[0] += later
        return keys.identify(f"Bearer {name}-{SECRET}".encode()) == Caller(name)

    file.write_text(f"ann ann-{SECRET}\n")
    keys = KeyFile(file)
    assert known("ann") and not known("bob")
    file.write_text(f"ann ann-{SECRET}\nbob bob-{SECRET}\n")
    assert not known("bob", 0.9), "it is looked at once a second"
    assert known("bob", 0.2) and known("ann")
    file.write_text(f"bob bob-{SECRET}\ncarl short\n")
    assert known("ann") and known("bob") and not known("carl")
    file.unlink()
    assert known("ann")
    file.write_text(f"bob bob-{SECRET}\nboard board-{SECRET} metrics\n")
    assert not known("ann") and known("bob")
    assert keys.only_reads(f"Bearer board-{SECRET}".encode())
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == f"key file {file} read again; keys: ann, bob"
    assert "'carl' is shorter" in said[1] and "the keys of before stay" in said[1]
    assert (
        "there is no such file" in said[2]
        and said[3].endswith("keys: bob, board (metrics)")
        and len(said) == 4
    )
    assert SECRET not in caplog.text
