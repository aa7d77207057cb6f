"""Records of seven schemas, each error with its file, record and field; logs as suites print them."""

from __future__ import annotations

import json

import pytest

from turnwise.envs.swe.instances.load import load_records
from turnwise.envs.swe.instances.logs import PARSERS, judge, parse_pytest, parse_sympy, parse_unittest, parser
from turnwise.envs.swe.instances.records import RecordError, read_record
from turnwise.errors import UnknownName, UsageError

PATCH = "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-a\n+b\n"
BENCH = {
    "instance_id": "own__pkg-7",
    "repo": "own/pkg",
    "base_commit": "0" * 40,
    "problem_statement": "It is wrong.",
    "patch": PATCH,
    "test_patch": PATCH.replace("m.py", "tests/test_m.py"),
    "FAIL_TO_PASS": '["tests/test_m.py::test_a"]',
    "PASS_TO_PASS": "[]",
    "version": "1.0",
    "environment_setup_commit": "1" * 40,
}
GYM = {**BENCH, "FAIL_TO_PASS": ["tests/test_m.py::test_a"], "PASS_TO_PASS": []}
del GYM["environment_setup_commit"]
SMITH = {name: BENCH[name] for name in ("instance_id", "patch", "problem_statement")} | {
    "repo": "swesmith/own__pkg.0123abcd",
    "FAIL_TO_PASS": ["tests/test_m.py::test_a"],
    "PASS_TO_PASS": ["tests/test_m.py::test_b"],
    "image_name": "swesmith.x86_64.own__pkg.0123abcd",
}
PRO = {
    **BENCH,
    "fail_to_pass": "['tests/test_m.py::test_a']",
    "pass_to_pass": "[]",
    "dockerhub_tag": "own.pkg-7",
}
del PRO["FAIL_TO_PASS"], PRO["PASS_TO_PASS"]
R2E = {
    "repo_name": "pkg",
    "docker_image": "namanjain12/pkg_final:abc",
    "problem_statement": "It is wrong.",
    "expected_output_json": json.dumps({"TestM.test_a": "PASSED", "TestM.test_b - why": "FAILED"}),
    "execution_result_content": json.dumps(
        {"test_file_names": ["test_1.py"], "test_file_codes": ["x = 1\n"]}
    ),
    "parsed_commit_content": json.dumps(
        {
            "file_diffs": [
                {"header": {"file": {"path": "m.py"}}, "old_file_content": "a\n", "new_file_content": "b\n"},
                {
                    "header": {"file": {"path": "tests/t.py"}},
                    "old_file_content": "",
                    "new_file_content": "b\n",
                },
            ]
        }
    ),
}


@pytest.mark.parametrize(
    ("raw", "style", "image"),
    [
        (BENCH, "swe-bench", "swebench/sweb.eval.x86_64.own_1776_pkg-7:latest"),
        (GYM, "swe-gym", "xingyaoww/sweb.eval.x86_64.own_s_pkg-7:latest"),
        ({**GYM, "install_config": {"test_cmd": "pytest -rA", "log_parser": "parse_log_pytest"}}, "rebench",
         "swerebench/sweb.eval.x86_64.own_1776_pkg-7:latest"),
        ({**GYM, "test_cmds": ["pytest -rA"], "log_parser": "pytest"}, "live",
         "starryzhang/sweb.eval.x86_64.own_1776_pkg-7:latest"),
        (SMITH, "swe-smith", "jyangballin/swesmith.x86_64.own_1776_pkg.0123abcd:latest"),
        (PRO, "pro", "jefzda/sweap-images:own.pkg-7"),
        (R2E, "r2e", "namanjain12/pkg_final:abc"),
    ],
)  # fmt: skip
def test_each_schema_is_known_by_its_fields(raw: dict, style: str, image: str) -> None:
    record = read_record(raw, "f: line 1")
    assert (record.style, record.image) == (style, image)
    assert record.fail_to_pass == (("TestM.test_a",) if style == "r2e" else ("tests/test_m.py::test_a",))
    assert record.test_command == ("pytest -rA" if style in ("rebench", "live") else "")


def test_what_is_special_about_two_of_them():
    smith, r2e = read_record(SMITH, ""), read_record(R2E, "")
    assert (smith.gold, smith.bug, smith.base_commit) == ("", PATCH, "")
    assert r2e.hidden_files == {"r2e_tests/test_1.py": b"x = 1\n"}
    assert r2e.gold.splitlines()[-2:] == ["-a", "+b"] and "tests/t.py" not in r2e.gold


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"repo": None}, "field 'repo': missing"),
        ({"patch": 3}, "field 'patch': expected a text, got int"),
        ({"patch": "no diff"}, "field 'patch': the patch is not a unified diff"),
        (
            {"test_patch": "--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"},
            "field 'test_patch': '../x' leads",
        ),
        ({"FAIL_TO_PASS": "[1]"}, "field 'FAIL_TO_PASS': expected a list of texts"),
        ({"FAIL_TO_PASS": "os.system('x')"}, "field 'FAIL_TO_PASS': neither JSON nor a list"),
        ({"FAIL_TO_PASS": "[]"}, "field 'FAIL_TO_PASS': empty"),
        ({"install_config": "[]"}, "field 'install_config': expected an object, got list"),
    ],
)
def test_an_error_names_file_record_and_field(change: dict, said: str, tmp_path) -> None:
    file = tmp_path / "set.jsonl"
    lines = [json.dumps({**BENCH, "instance_id": "first-1"}), "", json.dumps({**BENCH, **change})]
    file.write_text("\n".join(lines))
    with pytest.raises(RecordError) as caught:
        load_records(file)
    assert str(caught.value).startswith(f"{file}: line 3 (own__pkg-7): ") and said in str(caught.value)


def test_files_of_each_kind_and_what_is_wrong_with_them(tmp_path):
    other = {**BENCH, "instance_id": "own__pkg-8"}
    (tmp_path / "a.json").write_text(json.dumps([BENCH, other]))
    (tmp_path / "b.json").write_text(json.dumps({"x": BENCH, "y": other}))
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, [BENCH, other])))
    assert load_records(tmp_path / "a.json") == load_records(tmp_path / "b.json")
    assert [record.id for record in load_records(tmp_path / "c.jsonl")] == ["own__pkg-7", "own__pkg-8"]
    (tmp_path / "twice.jsonl").write_text(json.dumps(BENCH) + "\n" + json.dumps(BENCH))
    with pytest.raises(
        RecordError, match=r"line 2: field 'instance_id': 'own__pkg-7' stands at .*line 1 too"
    ):
        load_records(tmp_path / "twice.jsonl")
    (tmp_path / "broken.jsonl").write_text("{")
    with pytest.raises(RecordError, match="line 1: not JSON"):
        load_records(tmp_path / "broken.jsonl")
    (tmp_path / "none.json").write_text("[]")
    for name, said in [
        ("none.json", "holds no record"),
        ("gone.jsonl", "no such file"),
        ("a.txt", "no such"),
    ]:
        with pytest.raises(UsageError, match=said):
            load_records(tmp_path / name)


def test_parquet_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match="pip install pyarrow"):
        load_records(tmp_path / "a.parquet")


PYTEST = """\
tests/test_a.py::test_one PASSED                    [ 50%]
\x1b[32mPASSED\x1b[0m tests/test_a.py::test_two[a b]
SKIPPED [2] tests/test_a.py:9: not here
XFAIL tests/test_a.py::test_three - known
FAILED tests/test_a.py::test_one - assert 1 == 2
ERROR tests/test_b.py - ImportError: no
"""


def test_pytest_logs():
    assert parse_pytest(PYTEST) == {
        "tests/test_a.py::test_one": "FAILED",
        "tests/test_a.py::test_two[a b]": "PASSED",
        "tests/test_a.py::test_three": "XFAIL",
        "tests/test_b.py": "ERROR",
    }


def test_unittest_and_sympy_logs():
    log = (
        "test_a (pkg.tests.TestA) ... ok\ntest_b (pkg.tests.TestA) ... noise\nok\n"
        "test_c (pkg.tests.TestA) ... skipped 'x'\ntest_d (pkg.tests.TestA) ... FAIL\n"
        "test_e (pkg.tests.TestA) ... expected failure\n"
        "=====\nERROR: test_f (pkg.tests.TestA)\n"
    )
    assert list(parse_unittest(log).values()) == ["PASSED", "PASSED", "SKIPPED", "FAILED", "XFAIL", "ERROR"]
    assert parse_sympy("test_a ok\ntest_b F\n____ sympy/x.py:test_b ____\ntest_c E [FAIL]\n") == {
        "test_a": "PASSED",
        "test_b": "FAILED",
        "test_c": "ERROR",
    }
    assert PARSERS["r2e"]("PASSED r2e_tests/t.py::TestA::test_b\n") == {"TestA.test_b": "PASSED"}


def test_a_test_without_a_result_has_failed_and_short_names_need_all_they_may_mean():
    found = parse_pytest(PYTEST)
    assert judge(["tests/test_a.py::test_two[a", "tests/test_a.py::test_three"], found) == {
        "tests/test_a.py::test_two[a": True,
        "tests/test_a.py::test_three": True,
    }
    assert judge(["tests/test_a.py::gone"], found) == {"tests/test_a.py::gone": False}
    two = {"a.py::test_x": "PASSED", "b.py::test_x": "FAILED"}
    assert judge(["test_x", "a.py::test_x"], two) == {"test_x": False, "a.py::test_x": True}


def test_parsers_are_known_by_the_harness_names_too():
    assert parser("parse_log_pytest_v2") is parse_pytest
    with pytest.raises(UnknownName, match="pytest"):
        parser("parse_log_pytets")
