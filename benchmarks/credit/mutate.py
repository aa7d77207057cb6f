"""Check that the tests of the credit estimators notice small mistakes.

For every estimator some mutants of its file, and of the files that do its work,
are put into a copy of the project, one at a time; the tests that bear the
estimator's name must then fail. They are taken at even distances from the list
of all mutants, without those that change no result (HARMLESS says why).

    python benchmarks/credit/mutate.py [ESTIMATOR ...] [--most N] [--keep FILE] [--out FILE]

With --keep the verdicts are stored, and what was tried on the same code by the
same tests is not tried again: the check can be made estimator by estimator.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib
import io
import itertools
import json
import os
import re
import resource
import shutil
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

from mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
CREDIT = "trainers/credit"
EPISODES = [
    "scores.py:statistics_of",
    "scores.py:episode_advantage",
    "groups.py:moments",
    "groups.py:standardise",
]
CENTRED = ["scores.py:penalties", "scores.py:statistics_of", "groups.py:moments", "groups.py:centre"]
FILES = {
    "archer": ["archer.py", "ends.py"],
    "bilevel_gae": ["bilevel_gae.py"],
    "broadcast": ["broadcast.py", *EPISODES],
    "asymre": ["opmd.py:asymre"],
    "crbc": ["crbc.py", "values.py"],
    "dr_grpo": ["dr_grpo.py", *CENTRED],
    "g2po": ["g2po.py"],
    "gagpo": ["gagpo.py", "values.py:next_values", "groups.py:quiet"],
    "gigpo": ["gigpo.py", "anchors.py", *EPISODES],
    "graft": ["graft.py", "values.py", "hops.py"],
    "graphgpo": ["graphgpo.py", "graph.py"],
    "graphhca": ["graphhca.py", "values.py:success_values", "values.py:next_values", "anchors.py"],
    "grpo": ["grpo.py", *EPISODES],
    "hae": ["hae.py", "ends.py"],
    "hgpo": ["hgpo.py"],
    "igpo": ["igpo.py", "groups.py:moments", "groups.py:standardise"],
    "mars": ["mars.py", "whiten.py"],
    "opmd": ["opmd.py:opmd"],
    "poad": ["poad.py", "tokens.py"],
    "reinforce_pp": ["reinforce_pp.py:reinforce_pp", "whiten.py"],
    "reinforce_pp_baseline": ["reinforce_pp.py:reinforce_pp_baseline", "whiten.py"],
    "rloo": ["rloo.py", *CENTRED],
    "rtmc": ["rtmc.py", "signatures.py"],
    "salt": ["salt.py"],
    "td0": ["td0.py", "poad.py:decomposed"],
    "turn_ppo": ["turn_ppo.py", "ends.py"],
    "vetta": ["vetta.py", "tokens.py:mean"],
}
# Where a file is followed by a function, only that function is changed. Of a method that is not listed,
# the file that registers it.
# Mutants that change no result: (file, part of the line) -> why.
HARMLESS = {
    ("", "np.append("): "the appended number stands where a last turn is masked out",
    ("", "np.maximum("): "the bound only keeps an empty group from dividing by 0",
    ("", "if mode == "): "an unknown mode was refused before",
    ("groups.py", "empty_G"): "no value belongs to an empty group",
    ("groups.py", "alive=(most_G"): "differences of 1e-12 do not turn up in tests",
    ("groups.py", "noise_N ="): "only what is rounding is set to 0 there",
    ("graft.py", "<= _NOISE"): "nothing lies exactly on the bound",
    ("values.py", "return np.zeros(0)"): "there is no node that would be given it",
    ("values.py", "[: len(table)]"): "the last turn is always the last of its trajectory",
    ("values.py", "np.append(node_N, 0)"): "the appended number is never looked at",
    ("hops.py", "_CELLS"): "how much is looked at together changes no result",
    ("hops.py", "max(num, 1)"): "the bound only keeps an empty batch from dividing by 0",
    ("gagpo.py", "np.maximum("): "the bound only keeps an empty batch from dividing by 0",
    ("signatures.py", "_numbers"): "which 64 bits stand for an action changes no result",
    ("signatures.py", "mixed_N"): "likewise",
    ("salt.py", "size_N > 1"): "the mean over one turn is that turn's own",
    ("mars.py", "step = "): "the width of what counts as equal",
}
# What an estimator does not use of a shared file.
UNUSED = {"dr_grpo": ("square_G", "std="), "rloo": ("square_G", "std=")}
CPU_LIMIT_S = 20
_SETTINGS = """[pytest]
addopts = --import-mode=importlib
filterwarnings =
    error
    ignore::pytest.PytestAssertRewriteWarning
"""


def main() -> None:
    """Run the check and write its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    files = _files()
    parser.add_argument("names", nargs="*", default=[], metavar="ESTIMATOR")
    parser.add_argument("--most", type=int, default=10, help="mutants of each estimator")
    parser.add_argument("--keep", type=Path, help="file of verdicts, read and written")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/credit-mutation.md")
    options = parser.parse_args()
    names = options.names or sorted(files)
    for package in ("numpy", "pytest", "torch"):  # loaded here once, so that each child finds them
        importlib.import_module(package)
    from hypothesis import Phase, settings

    # That an example fails is enough; the search for the simplest one would be most of the time.
    # Without a deadline, since a busy machine would pass for a mistake.
    settings.register_profile(
        "mutants", phases=(Phase.explicit, Phase.generate), database=None, deadline=None
    )
    settings.load_profile("mutants")
    kept = _kept(options.keep, options.most)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        _copy(copy)
        for name in names:
            if name in kept:
                continue
            if _outcome(copy, name) != "passed":
                print(f"the tests of {name} fail without any change: nothing can be checked", flush=True)
                continue
            kept[name] = _try(copy, name, files[name], options.most)
            if options.keep:
                _keep(options.keep, options.most, kept)
            _report(options.out, {name: kept[name] for name in sorted(kept)}, files)
    print(options.out)


def _files() -> dict[str, list[str]]:
    """Return the files that are changed for each method there is; the code is read, not imported."""
    found = {}
    for file in sorted((ROOT / CREDIT / "methods").rglob("*.py")):
        named = re.findall(r'@register\(\s*"(\w+)"', file.read_text())
        found.update({name: [file.name] for name in named})
    return found | FILES


@dataclass(frozen=True)
class Verdict:
    """What the tests came to for one mutant: "passed", "failed" or "endless"."""

    file: str
    line: int
    change: str
    outcome: str

    @property
    def noticed(self) -> bool:
        """Tell whether it was noticed; tests that run on and on for it have noticed it too."""
        return self.outcome != "passed"


def _digest(most: int) -> str:
    """Return a hash of what verdicts depend on: the code, the tests and this check."""
    digest = hashlib.sha256(str(most).encode())
    for folder in (CREDIT, "tests/trainers/credit", "tests/golden", "benchmarks/credit"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".py", ".json"):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _kept(file: Path | None, most: int) -> dict[str, list[Verdict]]:
    if file is None or not file.exists():
        return {}
    stored = json.loads(file.read_text())
    if stored["digest"] != _digest(most):
        return {}
    return {name: [Verdict(**verdict) for verdict in tried] for name, tried in stored["verdicts"].items()}


def _keep(file: Path, most: int, verdicts: dict[str, list[Verdict]]) -> None:
    plain = {name: [asdict(verdict) for verdict in tried] for name, tried in verdicts.items()}
    draft = file.with_suffix(".part")
    draft.write_text(json.dumps({"digest": _digest(most), "verdicts": plain}, indent=1) + "\n")
    draft.replace(file)


def _copy(copy: Path) -> None:
    for part in (
        "src",
        "trainers",
        "tests/trainers/credit",
        "tests/trainers/rewards",
        "tests/golden",
        "agents",
        "envs",
    ):
        shutil.copytree(ROOT / part, copy / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "servers").symlink_to(ROOT / "servers")
    (copy / "pytest.ini").write_text(_SETTINGS)


def _try(copy: Path, name: str, files: list[str], most: int) -> list[Verdict]:
    candidates = [
        (place.partition(":")[0], mutant)
        for place in files
        for mutant in _worth_trying(copy / CREDIT, place, UNUSED.get(name, ()))
    ]
    step = max(1, len(candidates) // most)
    verdicts = []
    for file, mutant in candidates[::step][:most]:
        path = _file(copy / CREDIT, file)
        source = path.read_text()
        _put(path, mutant.source)
        verdicts.append(Verdict(file, mutant.line, mutant.change, _outcome(copy, name)))
        _put(path, source)
        print(f"{name}: {file}:{mutant.line}  {mutant.change}  {verdicts[-1].outcome}", flush=True)
    return verdicts


_MOMENTS = itertools.count(1_000_000_000)


def _put(path: Path, source: str) -> None:
    """Write a source at a moment of its own, so that no compiled file of another is taken for it."""
    path.write_text(source)
    second = next(_MOMENTS)
    os.utime(path, (second, second))


def _file(folder: Path, name: str) -> Path:
    return next(folder.rglob(name))


def _worth_trying(folder: Path, place: str, unused: tuple[str, ...]) -> list[Mutant]:
    file, _, function = place.partition(":")
    path = _file(folder, file)
    lines = path.read_text().splitlines()
    return [
        mutant
        for mutant in mutants_of(path.read_text(), function)
        if not any(where in ("", path.name) and part in lines[mutant.line - 1] for where, part in HARMLESS)
        and not any(part in lines[mutant.line - 1] for part in unused)
    ]


def _outcome(copy: Path, name: str) -> str:
    """Run the estimator's tests in a child that imports the copy, within a limit of processor time."""
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
        os._exit(_run(copy, name))
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "endless"
    return "failed" if os.waitstatus_to_exitcode(status) else "passed"


def _run(copy: Path, name: str) -> int:
    import pytest

    os.chdir(copy)
    sys.path.insert(0, str(copy / "src"))
    folder = copy / "tests/trainers/credit"
    about = {"test_docs", "test_naming", "test_similarity", "test_table"}  # of all methods, or of none
    files = [str(file) for file in sorted(folder.glob("test_*.py")) if file.stem not in about]
    common = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:timeout",
        "-c",
        str(copy / "pytest.ini"),
        "-k",
        name,
    ]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return int(pytest.main([*common, *files]))


def _report(out: Path, verdicts: dict[str, list[Verdict]], files: dict[str, list[str]]) -> None:
    lines = [
        "# Mutation check of the credit estimators",
        "",
        f"{datetime.date.today()}; `python benchmarks/credit/mutate.py`.",
        "",
        "Small changes (a sign, an off-by-one, a swapped branch, an operator), one at a time, taken at even"
        " distances from all mutants of the estimator's file and of the files that do its work. Noticed:"
        f" a test that bears the estimator's name fails, or takes over {CPU_LIMIT_S} s of processor time"
        " (endless).",
        "",
        "| estimator | files | mutants | noticed |",
        "|---|---|---|---|",
    ]
    for name, tried in verdicts.items():
        noticed = sum(verdict.noticed for verdict in tried)
        lines.append(f"| {name} | {', '.join(files[name])} | {len(tried)} | {noticed} |")
    untried = [name for name in files if name not in verdicts]
    if untried:
        lines += ["", f"Not tried yet: {', '.join(untried)}."]
    lines += ["", "## Every mutant", "", "| estimator | place | change | tests |", "|---|---|---|---|"]
    for name, tried in verdicts.items():
        for verdict in tried:
            change = verdict.change.replace("|", "\\|")
            outcome = verdict.outcome if verdict.noticed else "**passed**"
            lines.append(f"| {name} | {verdict.file}:{verdict.line} | `{change}` | {outcome} |")
    lines += ["", "## Lines that are not changed, since no result would be another", ""]
    lines += ["| file | line with | why |", "|---|---|---|"]
    lines += [f"| {file or 'all'} | `{part.strip()}` | {why} |" for (file, part), why in HARMLESS.items()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
