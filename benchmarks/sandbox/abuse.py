"""Every try of the escape and abuse suite on each backend and in a bare `docker run`, as a table.

    python benchmarks/sandbox/abuse.py [--backends namespace,docker,bare] [--image NAME] [--out FILE]

The bare one is `docker run` of the image with the engine's own settings but no network bridge of its own
choosing: what one gets who adds nothing. The image needs bash and python3. Bombs are bounded by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from turnwise.envs.sandbox import Limits, Ran, Spec, backend_by_name
from turnwise.envs.sandbox.box import Cause
from turnwise.errors import TurnwiseError

if TYPE_CHECKING:
    from case import Case

ROOT = Path(__file__).resolve().parents[2]


def suite() -> ModuleType:
    """Return the module of the suite, which lies among the tests: CASES, LIMITS, facts, judge."""
    sys.path.insert(0, str(ROOT / "tests" / "envs" / "sandbox" / "abuse"))
    return importlib.import_module("judge")


class Bare:
    """A container with the engine's own settings, as far as scripts need it."""

    def __init__(self, image: str, limits: Limits) -> None:
        self.spec = SimpleNamespace(limits=limits)
        words = ["docker", "run", "-d", "--workdir", "/workspace", image, "sleep", "3600"]
        self.id = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    async def run(self, command: str, timeout_s: float = 60.0) -> Ran:
        words = ["docker", "exec", self.id, "timeout", "-s", "KILL", str(timeout_s), "bash", "-c", command]
        started = time.monotonic()
        done = await asyncio.create_subprocess_exec(*words, stdout=-1, stderr=-2, stdin=-3)
        output, _ = await done.communicate()
        seconds, code = time.monotonic() - started, done.returncode
        cause: Cause = "timeout" if seconds > timeout_s else "killed" if code == 137 else "exit"
        return Ran(code, output[: 1 << 20].decode("utf-8", "replace"), 0, seconds, cause)

    async def write(self, path: str, data: bytes) -> None:
        words = ["docker", "exec", "-i", self.id, "bash", "-c", f"cat > {path}"]
        subprocess.run(words, check=True, input=data)

    async def aclose(self) -> None:
        subprocess.run(["docker", "rm", "-f", self.id], check=True, capture_output=True)


async def column(
    tries: ModuleType, kind: str, image: str, cases: list[Case], known: dict[str, str]
) -> dict[str, str]:
    """Run cases of the suite on one kind; a box for each."""
    found = {}
    backend = None if kind == "bare" else await backend_by_name(kind)
    spec = Spec(image=f"image:{image}" if kind == "docker" else "host", limits=tries.LIMITS)
    for case in cases:
        if backend is None and case.act:
            found[case.name] = "-"
            continue
        box: Any = Bare(image, tries.LIMITS) if backend is None else await backend.start(spec)
        other: Any = Bare(image, tries.LIMITS) if backend is None else await backend.start(spec)
        try:
            found[case.name] = await tries.judge(case, box, other, known)
        except (TurnwiseError, OSError, subprocess.SubprocessError) as error:
            found[case.name] = f"failed ({type(error).__name__}: {str(error)[:60]})"
        finally:
            await box.aclose()
            await other.aclose()
        print(f"{kind:10} {case.name:32} {found[case.name]}", flush=True)
    if backend is not None:
        await backend.aclose()
    return found


def table(columns: dict[str, dict[str, str]], cases: list[Case]) -> str:
    lines = [
        f"# Escape and abuse suite, {time.strftime('%Y-%m-%d')}",
        "",
        "Written by `benchmarks/sandbox/abuse.py`. refused: it had no effect; contained: a limit of the box",
        "stopped it, others and the host unharmed; succeeded: it got what it wanted. `bare` is `docker run`",
        "with the engine's own settings, as root inside; tries at our interface (-) do not exist there.",
        "",
    ]
    for kind, found in columns.items():
        counts = {word: sum(value == word for value in found.values()) for word in ("refused", "contained")}
        bad = [name for name, value in found.items() if value.startswith(("succeeded", "failed"))]
        lines.append(
            f"- {kind}: {counts['refused']} refused, {counts['contained']} contained, {len(bad)} not"
        )
    lines += [
        "",
        "| try | what it is after | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for case in cases:
        values = " | ".join(found[case.name].replace("|", "/") for found in columns.values())
        lines.append(f"| {case.name} | {case.attempt} | {values} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", default="namespace,docker,bare")
    parser.add_argument("--image", default="turnwise-test-base")
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
    tries = suite()
    cases = [case for case in tries.CASES if asked.only in case.name]
    with tempfile.TemporaryDirectory() as folder, tries.facts(Path(folder)) as known:
        columns = {
            kind: asyncio.run(column(tries, kind, asked.image, cases, known))
            for kind in asked.backends.split(",")
        }
    text = table(columns, cases)
    print(text) if asked.out is None else asked.out.write_text(text)


if __name__ == "__main__":
    main()
