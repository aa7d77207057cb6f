"""docs/python.md runs as one program from top to bottom, and so does the notebook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_a_program(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.S)
    assert len(blocks) == 5
    (tmp_path / "page.py").write_text("".join(blocks))
    command = [sys.executable, "page.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert "100% of 20" in done.stdout
    assert "[(0, " in done.stdout and done.stdout.splitlines()[-1].startswith("[1.0, ")


def test_the_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(DOCS / "examples" / "first_steps.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    nbclient.NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    text = "".join(output.get("text", "") for output in said)
    assert re.search(r"reader.* 100% ", text)
    tables = [output.data["text/html"] for output in said if "text/html" in output.get("data", {})]
    assert sum("<table" in table for table in tables) == 2
