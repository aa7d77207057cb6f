"""The rules of the house: imports run one way, the wheel is whole, the public names stand.

1. What lies below the wings <- envs <- servers <- agents <- trainers <- api <- integrations <- commands.
2. No module imports `envs`, `agents`, `trainers` or `servers` as a top-level package.
3. trainers/credit and rewards import numpy, errors, ends, settings and trainers/parts only.
4. `import turnwise`, its environments and its clients bring neither torch nor a web server.
5. The wheel holds every module; turnwise.credit works where only numpy is installed.
6. Every public name of turnwise resolves, and is imported when it is asked for, not before.
7. The top level of a wing is read at a glance, no modules import each other in a circle,
   files and functions stay short, and a class says what it is. `tests/house` counts.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from graph import DATA, WINGS, Wing, circles, wing
from graph import sources as python_files
from prose import Prose, prose

import turnwise

ROOT = Path(__file__).resolve().parents[1]
LAYERS = {
    "arguments": 0,
    "errors": 0,
    "ends": 0,
    "scratch": 0,
    "settings": 0,
    "shown": 0,
    "streams": 0,
    "tables": 0,
    "envs": 1,
    "servers": 2,
    "agents": 3,
    "trainers": 4,
    "api": 5,
    "integrations": 6,
    "commands": 7,
    "__main__": 8,
}
FOLDERS = ("envs", "servers", "agents", "trainers")
MAX_FILES_AT_THE_TOP = 12
MAX_CIRCLES = 0
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 30
MAX_SHARE_OF_LONG_FUNCTIONS = 0.04
ORDERS = ("Be ", "Hold ", "Say ")


def sources() -> Iterator[tuple[str, Path]]:
    """Yield (module name without `turnwise.`, file) of every module."""
    for folder in FOLDERS:
        for file in python_files(ROOT / folder):
            yield ".".join(file.relative_to(ROOT).with_suffix("").parts), file
    for folder in ("api", "integrations", "commands"):
        for file in python_files(ROOT / "src" / "turnwise" / folder):
            yield ".".join(file.relative_to(ROOT / "src" / "turnwise").with_suffix("").parts), file
    for name in ("arguments", "errors", "ends", "scratch", "settings", "shown", "streams", "tables"):
        yield name, ROOT / "src" / "turnwise" / f"{name}.py"


def imports(module: str, file: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the absolute names that a module imports; ours without `turnwise.`."""
    tree = ast.parse(file.read_text())
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    if file.name == "__init__.py" and package[-1:] == ["__init__"]:
        package = package[:-1]
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("turnwise.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield (node.module or "").removeprefix("turnwise.")
                continue
            base = package[: len(package) - (node.level - 1)]
            if node.module:
                yield ".".join([*base, *node.module.split(".")])
            else:
                yield from (".".join([*base, alias.name]) for alias in node.names)


def test_imports_run_one_way() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, file in sources()
        for name in imports(module, file)
        if name.split(".")[0] in LAYERS and LAYERS[name.split(".")[0]] > LAYERS[module.split(".")[0]]
    ]
    assert wrong == []


def test_folders_are_never_top_level_packages() -> None:
    wrong = []
    for folder in (*FOLDERS, "tests", "benchmarks"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module or ""]
                wrong += [f"{file}: import {name}" for name in names if name.split(".")[0] in FOLDERS]
    assert wrong == []


def test_credit_and_rewards_import_numpy_and_what_lies_below_the_wings() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "errors", "ends", "settings", "trainers"}
    own = ("trainers.credit", "trainers.rewards", "trainers.parts")
    wrong = []
    for module, file in sources():
        if module.startswith((*own, "settings")):
            for name in imports(module, file):
                if name.split(".")[0] not in allowed or (
                    name.startswith("trainers") and not name.startswith(own)
                ):
                    wrong.append(f"{module} imports {name}")
    assert wrong == []


EVERY_COMMAND = "from turnwise.__main__ import app; from typer.main import get_command; "
EVERY_COMMAND += "[*get_command(app).commands.values()]"


@pytest.mark.parametrize(
    "imported",
    ["import turnwise", "import turnwise.envs", "import turnwise.servers.client", EVERY_COMMAND],
)
def test_importing_stays_light(imported: str) -> None:
    heavy = ["torch", "transformers", "fastapi", "uvicorn", "vllm", "docker", "matplotlib"]
    program = f"{imported}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_command_loads_no_other() -> None:
    program = (
        "import sys; from turnwise.__main__ import app; import typer; "
        "typer.main.get_command(app).commands['envs']; "
        "print(sorted(name for name in sys.modules if name.startswith('turnwise.commands.')))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['turnwise.commands.envs', 'turnwise.commands.options']"


def test_public_names_resolve_and_are_sorted() -> None:
    assert turnwise.__all__ == sorted(turnwise.__all__)
    for name in turnwise.__all__:
        assert getattr(turnwise, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = turnwise.nothing


def test_the_environments_behind_a_server_are_public_and_come_when_asked_for() -> None:
    names = ["AsyncRemoteEnv", "AsyncRemoteVectorEnv", "RemoteEnv", "RemoteVectorEnv"]
    assert set(names) <= set(turnwise.__all__) and dir(turnwise) == turnwise.__all__
    program = (
        "import sys, turnwise\n"
        "before = [m for m in sys.modules if m.startswith(('turnwise.', 'gymnasium', 'numpy', 'httpx'))]\n"
        f"names = [getattr(turnwise, name).__name__ for name in {names!r}]\n"
        "print(before, names)"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == f"[] {names!r}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the working tree."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(out),
            str(ROOT),
        ],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_wheel_holds_every_module(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"turnwise/{module.replace('.', '/')}.py" for module, _ in sources()}
    data = {
        f"turnwise/{file.relative_to(ROOT)}"
        for folder in FOLDERS
        for pattern in ("*.toml", "*.safetensors", "*.json", "*.html", "*.css", "*.js", "*.svg")
        for file in (ROOT / folder).rglob(pattern)
    }
    data |= {
        f"turnwise/{file.relative_to(ROOT)}"
        for pattern in ("*.py", "*.md")
        for file in (ROOT / DATA).rglob(pattern)
    }
    assert expected | data | {"turnwise/py.typed", "turnwise/__main__.py"} <= held


def test_credit_works_with_numpy_alone(wheel: Path, tmp_path: Path) -> None:
    import numpy

    venv.create(tmp_path / "v", with_pip=False)
    site = tmp_path / "site"
    site.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    for folder in Path(numpy.__file__).parents[1].glob("numpy*"):
        (site / folder.name).symlink_to(folder)
    program = (
        "import turnwise.credit as c; t = c.TurnTable.from_columns(group=[0]*4, trajectory=[0,0,1,1],"
        " reward=[0,1,0,0], state_key=list('abab')); print(c.get('gigpo')(t).advantage.round(3).tolist())"
    )
    out = subprocess.run(
        [str(tmp_path / "v" / "bin" / "python"), "-c", program],
        env={"PYTHONPATH": str(site), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith("[1.")


@pytest.fixture(scope="module")
def text() -> Prose:
    return prose(ROOT)


@cache
def counted(name: str) -> Wing:
    """Return a wing of this checkout; to read it takes a third of a second."""
    return wing(ROOT, name)


@pytest.mark.parametrize("name", WINGS)
def test_the_top_level_of_a_wing_is_a_dozen_files_at_most(name: str) -> None:
    files, rooms = counted(name).files, counted(name).rooms
    assert len(files) <= MAX_FILES_AT_THE_TOP, (
        f"{name} has {len(files)} files at its top level, among {len(rooms)} rooms; "
        f"{MAX_FILES_AT_THE_TOP} is the limit: put those that belong together into a folder"
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_no_modules_import_each_other_in_a_circle(name: str) -> None:
    rings = circles(counted(name).modules)
    assert len(rings) <= MAX_CIRCLES, f"circles, TYPE_CHECKING and functions included: {rings}"


def test_no_file_is_too_long(text: Prose) -> None:
    assert text.long_files(MAX_FILE_LINES) == []


def test_few_functions_are_long(text: Prose) -> None:
    long = text.long_functions(MAX_FUNCTION_LINES)
    share = len(long) / len(text.functions)
    assert share <= MAX_SHARE_OF_LONG_FUNCTIONS, f"{share:.1%} over {MAX_FUNCTION_LINES} lines: {long}"


def test_the_docstring_of_a_class_says_what_it_is(text: Prose) -> None:
    wrong = [f"{name}: {said.splitlines()[0]}" for name, said in text.classes if said.startswith(ORDERS)]
    assert wrong == [], f"{len(wrong)} classes speak in orders; say what the thing is"
