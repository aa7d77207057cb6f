"""The share of mutants of the right versions that the hidden cases of the set notice.

    python benchmarks/swe_set/mutation.py [NAME ...] [--show] [--json FILE]

Each mutant runs in a process of its own, made by fork, until the first case that returns another value than
recorded; one that takes three seconds of processor time, many times what all cases take, or a minute is
noticed, too. Mutants that behave as the right version does are listed by hand in hidden/equivalent.toml of
a package, each with its reason, and are left out.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tomllib
from pathlib import Path
from types import CodeType, ModuleType

from mutants import mutants

from turnwise.envs.swe.bugs import judging
from turnwise.envs.swe.bugs.package import ROOT, Package, package_names, read_package

SECONDS = 3


class Sources(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules made from compiled code that is held in memory."""

    def __init__(self, code: dict[str, CodeType], packages: set[str]) -> None:
        self.code, self.packages = code, packages

    def find_spec(self, name: str, path: object = None, target: object = None):
        if name in self.code:
            return importlib.machinery.ModuleSpec(name, self, is_package=name in self.packages)
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code[module.__name__], module.__dict__)


def compiled(package: Package) -> tuple[dict[str, CodeType], dict[str, str]]:
    """Return the code of a package's modules by name, and their files."""
    code, files = {}, {}
    for path, data in package.tree.items():
        if path.startswith(f"{package.name}/") and path.endswith(".py"):
            module = path[: -len(".py")].replace("/", ".").removesuffix(".__init__")
            code[module], files[module] = compile(data, path, "exec"), path
    return code, files


def is_noticed(
    package: Package, cases: judging.Cases, code: dict[str, CodeType], is_package: set[str], order: list[str]
) -> bool:
    """Whether any case returns another value than recorded, in a forked process.

    The case that noticed is moved to the front of the order: it will notice the next mutant, too, as a rule.
    """
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(60)
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        place = 0
        try:
            sys.meta_path.insert(0, Sources(code, is_package))
            sys.modules["judging"] = judging
            for place, name in enumerate(order, 1):
                if cases.value(name) != package.expected[name]:
                    os._exit(place)
        except BaseException:  # noqa: BLE001
            os._exit(place or 255)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    place = os.waitstatus_to_exitcode(status)
    if 0 < place <= len(order):
        order.insert(0, order.pop(place - 1))
    return status != 0


def score(name: str, show: bool) -> dict[str, object]:
    """Return the counts of one package and the mutants that nothing noticed."""
    package = read_package(name)
    code, files = compiled(package)
    is_package = {module for module, path in files.items() if path.endswith("__init__.py")}
    cases, order = judging.Cases(package.cases), list(package.expected)
    assert not is_noticed(package, cases, code, is_package, order), (
        f"{name}: the right version differs from what was recorded"
    )
    listed = ROOT / name / "hidden" / "equivalent.toml"
    equivalent = tomllib.loads(listed.read_text())["equivalent"] if listed.exists() else []
    known = {one["mutant"] for one in equivalent}
    total, alive, found = 0, [], set()
    for module, path in files.items():
        for mutant in mutants(package.tree[path].decode()):
            label = f"{path.removeprefix(name + '/')}: {mutant.name}"
            if label in known:
                found.add(label)
                continue
            total += 1
            changed = {**code, module: compile(mutant.source, path, "exec")}
            if not is_noticed(package, cases, changed, is_package, order):
                alive.append(label)
                if show:
                    print(f"  {path}:{mutant.line}: {mutant.name}", flush=True)
    stale = sorted(known - found)
    share = f"{total - len(alive)} of {total} ({1 - len(alive) / max(1, total):.1%})"
    print(f"{name}: {share}, {len(found)} equivalent, listed but not there: {stale}", flush=True)
    return {"mutants": total, "noticed": total - len(alive), "equivalent": len(found), "alive": alive}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--show", action="store_true", help="print the mutants that nothing noticed")
    parser.add_argument("--json", help="write the counts to a file")
    given = parser.parse_args()
    rows = {name: score(name, given.show) for name in given.names or package_names()}
    total, noticed = (sum(row[key] for row in rows.values()) for key in ("mutants", "noticed"))
    print(f"all: {noticed} of {total} ({noticed / total:.1%})")
    if given.json:
        Path(given.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
