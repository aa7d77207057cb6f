"""Write docs/red_team.md: every way to cheat that is tried, and what happens.

cd tests/servers && python -m benchmarks.red_team_table
"""

from __future__ import annotations

import ast
from pathlib import Path

from .red_team_requests import REQUESTS

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs" / "red_team.md"
FILES = {
    "test_red_team.py": "In several requests",
    "test_red_team_time.py": "By time, and by wearing the server out",
    "test_red_team_wire.py": "By what carries the calls",
    "test_openenv.py": "By OpenEnv's messages",
    "test_killed.py": "By killing",
}
_NOT_WAYS = ("test_the_list_of_the_documentation", "test_the_example_plays")
_HEAD = """# Ways to cheat a hosted benchmark, each tried

Made of the tests by `tests/servers/benchmarks/red_team_table.py`; each line is a test that fails to cheat.
E1 to E13 are holes that stood open before there were hosted runs, each found by trial. Records that are
forged, shown twice, cut or in another order, and logs and journals that were rewritten, stand in
`tests/servers/benchmarks/test_records.py` and `tests/servers/benchmarks/test_regrade.py`.

## By one request

Made while a run stands at its first task: it tells nothing of the task and leaves the run as it was. Red
plays the run, blue has another key of the benchmark, full a key that may make sessions, judge one for
evaluations.

| way | by | request | answer |
|---|---|---|---|
"""


def functions() -> list[tuple[str, str]]:
    """Return the tests that take more than one request: file and name, in order."""
    return [
        (file, node.name)
        for file in FILES
        for node in ast.parse((HERE / file).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        if node.name.startswith("test_") and not node.name.startswith(_NOT_WAYS)
    ]


def document() -> str:
    """Return the text of the page."""
    rows = [
        f"| {what} | {key or 'nobody'} | `{method} {path}` | {status} |"
        for what, key, method, path, _, status in REQUESTS
    ]
    parts = [_HEAD + "\n".join(rows) + "\n"]
    found = functions()
    for file, title in FILES.items():
        names = [name for where, name in found if where == file]
        lines = [f"- {name.removeprefix('test_').replace('_', ' ')}" for name in names]
        parts.append(f"\n## {title}\n\n(`tests/servers/benchmarks/{file}`)\n\n" + "\n".join(lines) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
