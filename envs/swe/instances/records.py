"""One record of a data set, read from any of the schemas that are about, each field checked.

| style | known by | differs in |
|---|---|---|
| SWE-bench, Verified, Lite | `FAIL_TO_PASS` as JSON text | image named after the instance |
| SWE-Gym | `FAIL_TO_PASS` as a list, no `environment_setup_commit` | images `xingyaoww/sweb.eval.x86_64.*` |
| SWE-rebench | `install_config`, `docker_image` or `image_name` | test command and log parser in the record |
| SWE-bench-Live | `test_cmds`, `log_parser` | commands as lists |
| SWE-bench Pro | `fail_to_pass`, `dockerhub_tag` | tree in /app, `selected_test_files_to_run` |
| SWE-smith | `image_name`, no `test_patch` | `patch` makes the bug; its reverse is gold |
| R2E-Gym | `docker_image`, `expected_output_json` | hidden test files inside `execution_result_content` |

Sources: the cards of the data sets, SWE-bench's harness (`swebench/harness/constants`, `grading.py`),
SWE-smith's (`swesmith/harness`), R2E-Gym's `agenthub/runtime/docker.py`, Live's `evaluation.py`, Pro's
`swe_bench_pro_eval.py`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ....errors import UsageError
from ..patches import changed_paths, to_diff

Style = Literal["swe-bench", "swe-gym", "rebench", "live", "pro", "swe-smith", "r2e"]

MAX_FIELD_BYTES = 1 << 25
_ABSENT = object()


class RecordError(UsageError):
    """A record that cannot be used: the file, the record and the field, and what is wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a task is made of, the same for every schema.

    Args:
        style: the schema that it was written in.
        id: unique in its set.
        repo: owner/name.
        base_commit: where the tree starts; "" is what the image holds.
        problem_statement: what the agent is asked.
        gold: the right patch as a diff; "" where the record holds none.
        bug: a diff that makes the start out of what the image holds.
        test_patch: a diff that brings the hidden tests.
        hidden_files: hidden tests as files.
        fail_to_pass: names of the tests that must pass and do not yet.
        pass_to_pass: names of the tests that must go on passing.
        image: the image that holds the repository and what it needs.
        workdir: where the repository lies in it.
        test_command: what runs the tests, where the record says so.
        parser: the name of its log parser, where the record says so.
        rebuild: commands that make a changed tree ready to be tested.
        test_files: what of the tests is run; () is the files named by the tests.
        metadata: whatever else the record says, for tables.
    """

    style: Style
    id: str
    repo: str
    base_commit: str
    problem_statement: str
    gold: str
    bug: str = ""
    test_patch: str = ""
    hidden_files: Mapping[str, bytes] = field(default_factory=dict)
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    image: str
    workdir: str = "/testbed"
    test_command: str = ""
    parser: str = ""
    rebuild: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of one raw record, read with the place in every error."""

    where: str
    raw: Mapping[str, Any]

    def error(self, name: str, what: str) -> RecordError:
        return RecordError(f"{self.where}: field {name!r}: {what}")

    def text(self, *names: str, default: Any = _ABSENT) -> str:
        for name in names:
            value = self.raw.get(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise self.error(name, f"expected a text, got {type(value).__name__}")
            if len(value) > MAX_FIELD_BYTES:
                raise self.error(name, f"holds {len(value)} characters; at most {MAX_FIELD_BYTES} are read")
            return value
        if default is _ABSENT:
            raise self.error(names[0], f"missing; the record has {sorted(self.raw)}")
        return str(default)

    def names(self, *names: str, default: Any = _ABSENT) -> tuple[str, ...]:
        """Read a list of texts, also one written as JSON or as Python's own form."""
        for name in names:
            value = self.raw.get(name)
            if value is None:
                continue
            if isinstance(value, str):
                value = self._parsed(name, value)
            value = (
                list(value) if hasattr(value, "__iter__") and not isinstance(value, str | Mapping) else value
            )
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise self.error(name, "expected a list of texts, or one as JSON text")
            return tuple(value)
        if default is _ABSENT:
            raise self.error(names[0], f"missing; the record has {sorted(self.raw)}")
        return tuple(default)

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.raw.get(name)
        if isinstance(value, str):
            value = self._parsed(name, value)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.error(name, f"expected an object, got {type(value).__name__}")
        return value

    def diff(self, *names: str, default: Any = _ABSENT) -> str:
        text = self.text(*names, default=default)
        if text.strip():
            try:
                changed_paths(text)
            except UsageError as error:
                raise self.error(names[0], str(error)) from error
        return text

    def _parsed(self, name: str, text: str) -> Any:
        if not text.strip():
            return []
        try:
            return json.loads(text)
        except ValueError:
            pass
        try:  # some sets hold str(list)
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise self.error(name, f"neither JSON nor a list: {text[:60]!r}") from error


def read_record(raw: Mapping[str, Any], where: str) -> Record:
    """Return a record of any known schema.

    Args:
        raw: the fields.
        where: file and record, the beginning of every error.

    Raises:
        RecordError: naming the field that is missing or wrong.
    """
    name = raw.get("instance_id")
    fields = _Fields(f"{where} ({name})" if isinstance(name, str) else where, raw)
    record = _r2e(fields) if "expected_output_json" in raw else _bench(fields, style_of(raw))
    if not record.fail_to_pass:
        raise fields.error("FAIL_TO_PASS", "empty; without a test that must pass nothing could be resolved")
    return record


def style_of(raw: Mapping[str, Any]) -> Style:
    """Return which schema a raw record was written in."""
    if "expected_output_json" in raw:
        return "r2e"
    if "dockerhub_tag" in raw or "selected_test_files_to_run" in raw:
        return "pro"
    if "install_config" in raw:
        return "rebench"
    if "test_cmds" in raw:
        return "live"
    if raw.get("image_name") and not raw.get("test_patch") and not raw.get("base_commit"):
        return "swe-smith"
    if isinstance(raw.get("FAIL_TO_PASS"), str) or "environment_setup_commit" in raw:
        return "swe-bench"
    return "swe-gym"


_LONG = {"text", "input_ids", "hints_text", "patch", "test_patch", "problem_statement"}
_TESTS = {"FAIL_TO_PASS", "PASS_TO_PASS", "fail_to_pass", "pass_to_pass", "expected_output_json"}
_TAKEN = _LONG | _TESTS | {"execution_result_content", "parsed_commit_content", "instance_id", "base_commit"}
"""Fields that tables need not repeat."""


def _bench(fields: _Fields, style: Style) -> Record:
    smith = style == "swe-smith"
    config = fields.mapping("install_config")
    patch = fields.diff("patch")
    number = fields.text("instance_id")
    commands = fields.names("test_cmds", default=()) or _listed(config.get("test_cmd"))
    return Record(
        style=style,
        id=number,
        repo=fields.text("repo"),
        base_commit=fields.text("base_commit", default="") if smith else fields.text("base_commit"),
        problem_statement=fields.text("problem_statement"),
        gold="" if smith else patch,
        bug=patch if smith else "",
        test_patch=fields.diff("test_patch", default=""),
        fail_to_pass=fields.names("FAIL_TO_PASS", "fail_to_pass"),
        pass_to_pass=fields.names("PASS_TO_PASS", "pass_to_pass", default=()),
        image=_image(fields, style, number),
        workdir="/app" if style == "pro" else "/testbed",
        test_command=" && ".join(commands),
        parser=fields.text("log_parser", "parser", default=config.get("log_parser") or ""),
        rebuild=fields.names("rebuild_cmds", default=()),
        test_files=fields.names("selected_test_files_to_run", default=()),
        metadata=_rest(fields.raw),
    )


def _r2e(fields: _Fields) -> Record:
    """Read R2E-Gym's schema: the expected status of every test, the tests inside the execution result."""
    expected = fields.mapping("expected_output_json")
    run = fields.mapping("execution_result_content")
    names, codes = run.get("test_file_names", ()), run.get("test_file_codes", ())
    if len(names) != len(codes) or not names:
        raise fields.error("execution_result_content", "expected as many test_file_names as test_file_codes")
    image = fields.text("docker_image")
    passed = tuple(name.split(" - ")[0] for name, status in expected.items() if status == "PASSED" and name)
    return Record(
        style="r2e",
        id=fields.text("instance_id", default=image.rpartition("/")[2].replace(":", "-")),
        repo=fields.text("repo_name", "repo"),
        base_commit="",
        problem_statement=fields.text("problem_statement"),
        gold=_r2e_gold(fields),
        hidden_files={f"r2e_tests/{name}": code.encode() for name, code in zip(names, codes, strict=True)},
        fail_to_pass=passed,
        pass_to_pass=(),
        image=image,
        test_files=("r2e_tests",),
        metadata=_rest(fields.raw),
    )


def _r2e_gold(fields: _Fields) -> str:
    """Write the diff of a parsed commit, from the contents that it holds, without its tests."""
    new: dict[str, bytes | None] = {}
    old: dict[str, bytes] = {}
    for change in fields.mapping("parsed_commit_content").get("file_diffs", ()):
        path = change.get("header", {}).get("file", {}).get("path", "")
        if not path or "test" in path.lower():
            continue
        if change.get("old_file_content"):
            old[path] = change["old_file_content"].encode()
        after = change.get("new_file_content")
        new[path] = None if after is None else after.encode()
    return to_diff(new, old)


def _image(fields: _Fields, style: Style, number: str) -> str:
    named = fields.text("docker_image", "image_name", "environment_image", default="")
    if style == "pro" and not named:
        return f"jefzda/sweap-images:{fields.text('dockerhub_tag')}"
    if style == "swe-smith" and "/" not in named:
        return f"jyangballin/{named.replace('__', '_1776_')}:latest"
    if named:
        return named
    prefix, mark = {
        "swe-gym": ("xingyaoww", "_s_"),
        "live": ("starryzhang", "_1776_"),
        "rebench": ("swerebench", "_1776_"),
    }.get(style, ("swebench", "_1776_"))
    return f"{prefix}/sweb.eval.x86_64.{number.replace('__', mark).lower()}:latest"


def _listed(value: Any) -> Sequence[str]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _rest(raw: Mapping[str, Any]) -> dict[str, Any]:
    plain = (str, int, float, bool)
    return {name: value for name, value in raw.items() if name not in _TAKEN and isinstance(value, plain)}
