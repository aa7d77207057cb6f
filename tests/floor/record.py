"""Record what must stay equal while the code is rewritten, and compare it with what was recorded.

    python tests/floor/record.py                  compare everything; exit 1 and the first differences
    python tests/floor/record.py server           compare one part
    python tests/floor/record.py --update server  record it anew; the commit says why

Parts: training (trajectories, run logs, weights, evaluations), server, workers (the
same with two), listed (help and OpenAPI: these may change, when it is said). Only the
command line, sockets and files of a run are used; nothing of turnwise is imported.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import serving
import training
from masks import differences

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "floor"
PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "training": training.record,
    "server": serving.record_one,
    "workers": serving.record_two,
    "listed": serving.record_listed,
}
EQUAL, DIFFERENT, NOT_COMPARED = 0, 1, 77


def compare(part: str, found: dict[str, Any], shown: int) -> int:
    """Compare a recording with the golden one; print what differs."""
    golden = json.loads((GOLDEN / f"{part}.json").read_text())
    code = EQUAL
    if golden.get("machine") != found.get("machine"):
        print(f"{part}: floating-point results not compared: recorded on {golden['machine']}, this is "
              f"{found['machine']}")  # fmt: skip
        golden, found = golden["everywhere"], found["everywhere"]
        code = NOT_COMPARED
    different = list(islice(differences(golden, found), shown))
    for line in different:
        print(f"{part}{line}")
    return DIFFERENT if different else code


def write(part: str, found: dict[str, Any]) -> None:
    """Write a golden recording, a line for each short value."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / f"{part}.json").write_text(_laid_out(found, 0) + "\n")


def _laid_out(value: Any, depth: int) -> str:
    compact = json.dumps(value, ensure_ascii=False)
    if len(compact) < 100 or not isinstance(value, dict | list) or depth > 7:
        return compact
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        return f"[{inner}{f',{inner}'.join(_laid_out(each, depth + 1) for each in value)}{outer}]"
    rows = (
        f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(each, depth + 1)}" for key, each in value.items()
    )
    return f"{{{inner}{f',{inner}'.join(rows)}{outer}}}"


def main() -> int:
    """Record, and compare or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--update", action="store_true", help="write the golden files")
    parser.add_argument("--shown", type=int, default=3, help="differences to show of each part")
    asked = parser.parse_args()
    unknown = set(asked.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown parts {sorted(unknown)}; expected some of {list(PARTS)}")
    codes = []
    for part in asked.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            found = PARTS[part](Path(folder))
        if asked.update:
            write(part, found)
        else:
            codes.append(compare(part, json.loads(json.dumps(found)), asked.shown))
            print(f"{part}: {'DIFFERS' if codes[-1] == DIFFERENT else 'equal'}")
    return DIFFERENT if DIFFERENT in codes else max(codes, default=EQUAL)


if __name__ == "__main__":
    sys.exit(main())
