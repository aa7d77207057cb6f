"""How a call is read: four forms, round trips, and a clear word for all that is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.envs.swe.tools import TOOLS, Call, Unread, described, read_call, schemas, write_call

EDIT = """edit src/a.py
<<<<<<< SEARCH
    return a - b
=======
    return a + b
>>>>>>> REPLACE"""


def call(name: str, **arguments: object) -> Call:
    return Call(name, TOOLS[name].checked(arguments))


READ = [
    ("run_tests", call("run_tests")),
    ("  submit\n", call("submit")),
    ("<think>edit it? submit?</think>undo", call("undo")),
    ("view src/a.py", call("view", path="src/a.py")),
    ("view src/a.py 10 20", call("view", path="src/a.py", first=10, last=20)),
    ("view src/a.py 10-20", call("view", path="src/a.py", first=10, last=20)),
    ("view 'a b.py' 3", call("view", path="a b.py", first=3)),
    ('search "def add" src', call("search", pattern="def add", path="src")),
    ("search --regex 'a|b'", call("search", pattern="a|b", regex=True)),
    ("bash ls -la\npwd", call("bash", command="ls -la\npwd")),
    ("bash\n```bash\nls\n```", call("bash", command="ls")),
    ("I look first.\n```bash\nls -la\n```\nThen I see.", call("bash", command="ls -la\n")),
    (EDIT, call("edit", path="src/a.py", old="    return a - b", new="    return a + b")),
    ("create b.py\nx = 1\n", call("create", path="b.py", content="x = 1\n")),
    ("create b.py\n```python\nx = 1\n```", call("create", path="b.py", content="x = 1\n")),
    (
        '<tool_call>{"name": "view", "arguments": {"path": "a", "first": 2.0}}</tool_call>',
        call("view", path="a", first=2),
    ),
    ('{"name": "submit"}', call("submit")),
    ("bash ", call("bash", command="")),  # refused where it would run
    ('{"name": "bash", "arguments": "{\\"command\\": \\"ls\\"}"}', call("bash", command="ls")),
]


@pytest.mark.parametrize(("message", "expected"), READ)
def test_the_forms(message: str, expected: Call) -> None:
    assert read_call(message) == expected


UNREAD = [
    ("", "there is no call"),
    ("<think>bash ls", "there is no call"),
    ("vew a.py", "unknown tool 'vew': did you mean 'view'"),
    ("vew a.py", "'view'? (write one of bash, view, search, edit, create, run_tests, undo, submit)"),
    ("I think about it.", "unknown tool 'I': write one of bash, view, search, edit, create,"),
    ('{"name": "frob"}', "unknown tool 'frob': call one of bash, view, search, edit, create, run_tests,"),
    ("submit now", "takes no arguments"),
    ("run_tests\nsubmit", "one call a turn"),
    ("view", "takes a path"),
    ("view a.py ten", "two numbers"),
    ("view 'a.py", "cannot be split"),
    ("search a b c", "takes a text"),
    ("edit a.py\nold\nnew", "<<<<<<< SEARCH"),
    (EDIT + "\nsubmit", "nothing may stand before"),
    (EDIT.replace("SEARCH", "SEARCH\n<<<<<<< SEARCH", 1), "each once"),
    ("```bash\nls\n```\n```bash\npwd\n```", "2 blocks of bash"),
    ("<tool_call>{", "ends before </tool_call>"),
    ("<tool_call>{}</tool_call><tool_call>{}</tool_call>", "2 calls"),
    ('{"name": "bash", "arguments": {"comand": "ls"}}', "unknown argument of bash 'comand'"),
    ('{"name": "bash", "arguments": {"command": 3}}', "must be of type string"),
    ('{"name": "bash"}', "needs the argument 'command'"),
    ('{"name": "view", "arguments": {"path": "a", "first": true}}', "must be of type integer"),
    ('{"name": "bash", "arguments": []}', "no object"),
    ('{"name": 3}', "has no name"),
    ("{" * 100_000, "not JSON"),
    ('{"name": "bash", "arguments": {"command": "' + "x" * 70_000 + '"}}', "at most 32768"),
]


@pytest.mark.parametrize(("message", "said"), UNREAD, ids=range(len(UNREAD)))
def test_what_is_no_call_is_told(message: str, said: str) -> None:
    with pytest.raises(Unread) as caught:
        read_call(message)
    assert said in str(caught.value) and len(str(caught.value)) < 600


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
WRITABLE = st.one_of(
    st.builds(lambda command: call("bash", command=command), TEXT),
    st.builds(lambda path, old, new: call("edit", path=path, old=old, new=new), TEXT, TEXT, TEXT),
    st.builds(lambda path, content: call("create", path=path, content=content), TEXT, TEXT),
    st.builds(lambda pattern, regex: call("search", pattern=pattern, regex=regex), TEXT, st.booleans()),
    st.builds(lambda path, last: call("view", path=path, last=last), TEXT, st.integers(0, 9)),
)


@given(WRITABLE)
@settings(max_examples=150, deadline=None)
def test_a_written_call_is_read_back(written: Call) -> None:
    text = write_call(written)
    assert read_call(text) == written, text


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_or_refused(message: str) -> None:
    try:
        assert read_call(message).name in TOOLS
    except Unread as unread:
        assert str(unread)


def test_the_tools_are_described_in_both_ways() -> None:
    assert [schema["name"] for schema in schemas()] == list(TOOLS)
    assert schemas()[1]["parameters"]["required"] == ["path"]
    assert all(tool.form in described() for tool in TOOLS.values())
    json.dumps(schemas())
