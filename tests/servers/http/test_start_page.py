"""The page for people: whole, self-contained, and written against calls that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

PAGE = Path(__file__).parents[3] / "servers" / "http" / "start_page.html"


def test_it_is_served_and_may_load_nothing_from_elsewhere(make_service, talk):
    async def conversation(http: httpx.AsyncClient) -> None:
        answer = await http.get("/")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.content == PAGE.read_bytes()

    talk(make_service(), conversation)
    assert not re.search(r"""(src|href)\s*=\s*["'](https?:)?//""", PAGE.read_text())


def test_its_script_names_what_is_there(make_service, talk):
    text = PAGE.read_text()
    ids = set(re.findall(r'id="(\w+)"', text))
    assert set(re.findall(r'at\("(\w+)"\)', text)) <= ids
    assert ".innerHTML" not in text, "what environments say is shown as text, never as markup"

    async def conversation(http: httpx.AsyncClient) -> None:
        paths = set((await http.get("/openapi.json")).json()["paths"])
        called = set(re.findall(r'"(/v1/\w+)["/]', text))
        assert called == {"/v1/envs", "/v1/sessions", "/v1/close"}
        assert called <= paths

    talk(make_service(), conversation)


def test_its_script_parses(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = re.search(r"<script>(.*)</script>", PAGE.read_text(), re.S)
    assert script
    file = tmp_path / "page.js"
    file.write_text(script[1])
    done = subprocess.run([node, "--check", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_person_plays_an_episode(tmp_path, world):
    """Run the page's own script in node, with as much of a browser as it uses, against a real server."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    from turnwise.servers.client.server_process import ServerProcess

    script = re.search(r"<script>(.*)</script>", PAGE.read_text(), re.S)
    assert script
    file = tmp_path / "play.mjs"
    file.write_text(_BROWSER + script[1] + _PERSON)
    with ServerProcess(["--env", world("Counter")]) as server:
        done = subprocess.run([node, str(file), server.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("start ")
    assert lines[1] == "> go"
    assert lines[2].startswith("turn 1 go ")
    assert lines[3] == "> stop"
    assert lines[5] == "[terminated, reward 1, 2 turns]"


def test_a_person_sees_the_task_takes_back_and_asks_the_expert(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    from turnwise.servers.client.server_process import ServerProcess

    script = re.search(r"<script>(.*)</script>", PAGE.read_text(), re.S)
    assert script
    file = tmp_path / "play.mjs"
    file.write_text(_BROWSER + script[1] + _UNDECIDED)
    with ServerProcess(["--env", "household/demo-v0"]) as server:
        done = subprocess.run([node, str(file), server.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    task, hint, *turns = done.stdout.splitlines()
    assert task.startswith("Task: ") and len(task) > 10
    assert hint.startswith("The expert would: go to ")
    assert turns == ["2", "1 true"]


_BROWSER = """
class Node_ {
  constructor() { this.children = []; this.textContent = ""; this.value = ""; this.hidden = true; }
  append(child) { this.children.push(child); }
  replaceChildren() { this.children = []; }
  insertRow() { const row = new Node_(); this.append(row); return row; }
  insertCell() { return this.insertRow(); }
  focus() {} scrollIntoView() {}
}
const nodes = {}, given = {seed: "3", kwargs: "{}"};
globalThis.document = {
  getElementById: id => nodes[id] ??= Object.assign(new Node_(), {value: given[id] ?? ""}),
  createElement: () => new Node_(),
};
globalThis.addEventListener = () => {};
const plain = fetch;
globalThis.fetch = (path, options) => plain(process.argv[2] + path, options);
"""
_PERSON = """
const pause = () => new Promise(done => setTimeout(done, 30));
const until = async test => {
  for (let i = 0; i < 300 && !test(); i++) await pause();
  if (!test()) throw "late";
};
await until(() => at("envs").children.length === 1);
at("envs").children[0].children.at(-1).children[0].onclick();
await until(() => last);
at("action").value = "go";
at("step").onsubmit({preventDefault() {}});
await until(() => last.turn === 1);
at("admissible").children.find(button => button.textContent === "stop").onclick();
await until(() => last.turn === 2);
for (const line of at("log").children) console.log(line.textContent);
"""

_UNDECIDED = """
const pause = () => new Promise(done => setTimeout(done, 30));
const until = async test => {
  for (let i = 0; i < 300 && !test(); i++) await pause();
  if (!test()) throw "late";
};
await until(() => at("envs").children.length === 1);
at("envs").children[0].children.at(-1).children[0].onclick();
await until(() => last);
console.log(at("instruction").textContent);
at("hint").onclick();
console.log(at("log").children.at(-1).textContent);
const move = async button => {
  const before = last;
  button.onclick();
  await until(() => last && last !== before);
};
await move(at("admissible").children[0]);
const seen = last.observation, old = last.id;
await move(at("admissible").children[0]);
console.log(last.turn);
at("undo").onclick();
await until(() => last && last.id !== old && last.turn === 1);
console.log(last.turn, last.observation === seen);
"""


def test_what_is_hidden_stays_hidden():
    text = PAGE.read_text()
    assert re.search(r"<form id=\"keys\" hidden>", text)
    assert re.search(r"form \{[^}]*display:", text), "which would show it"
    assert re.search(r"\[hidden\] \{ display: none !important; \}", text)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_calls_are_described_without_anything_from_elsewhere(make_service, talk, path):
    async def conversation(http: httpx.AsyncClient) -> None:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert not re.search(r"<script|<link|<img|https?://", answer.text)
        for name, calls in (await http.get("/openapi.json")).json()["paths"].items():
            for method in calls:
                assert f"<b>{method.upper()}</b> <code>{name}</code>" in answer.text
        assert answer.text.count("<details>") == answer.text.count("</details>")
        assert "request_id" in answer.text

    talk(make_service(), conversation)


def test_a_description_is_text_and_no_markup():
    from turnwise.servers.http.docs_page import docs_page

    call = {"description": "<script>1</script>", "parameters": [{"name": "<b>", "in": "query"}]}
    info = {"title": "<i>", "version": "1", "description": "a & b"}
    page = docs_page({"info": info, "paths": {"/<u>": {"get": call}}}).decode()
    assert "<script>" not in page
    assert "<code>/&lt;u&gt;</code>" in page
    assert "a &amp; b" in page
