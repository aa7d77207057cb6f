"""A count of the house as Markdown: `python tests/house/count.py [folder of a checkout]`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from graph import PACKAGE, WINGS, Wing, arrows, circles, floors, wing
from prose import Prose, prose

ROOT = Path(__file__).resolve().parents[2]


def report(root: Path) -> str:
    """Return the whole count as Markdown."""
    wings, text = [wing(root, name) for name in WINGS], prose(root)
    lines = [*_wing_table(wings), "", *_prose_table(text)]
    lines += _listed("Circles of rooms", wings, lambda one: circles(one.rooms))
    lines += _listed("Circles of modules", wings, lambda one: circles(one.modules))
    lines += ["", "Files over 350 lines:", "", *(f"- {file}" for file in text.long_files(350))]
    return "\n".join(lines)


def _wing_table(wings: Iterable[Wing]) -> Iterator[str]:
    yield "| wing | rooms | files at the top | .py files | floors | arrows | circles of rooms | of modules |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in wings:
        counts = [len(one.rooms), len(one.files), one.python, floors(one.rooms), arrows(one.rooms)]
        rings = [circles(one.rooms), circles(one.modules)]
        sizes = [f"{len(ring)} ({', '.join(str(len(c)) for c in ring)})" if ring else "0" for ring in rings]
        yield f"| {' | '.join([one.name, *map(str, counts), *sizes])} |"


def _prose_table(text: Prose) -> Iterator[str]:
    long, orders = text.long_functions(30), text.imperative_classes()
    bare = [name for name in orders if name.endswith((": Be", ": Hold", ": Say"))]
    rows = {
        "lines": sum(text.files.values()),
        "files": len(text.files),
        "longest file": next(iter(text.long_files(0)), "none"),
        "files over 250 lines": len(text.long_files(250)),
        "files over 350 lines": len(text.long_files(350)),
        "functions": len(text.functions),
        "functions over 30 lines": f"{len(long)} ({len(long) / max(1, len(text.functions)):.1%})",
        "class docstrings that begin with a verb": f"{len(orders)} of {len(text.classes)}",
        "of these with Be, Hold or Say": len(bare),
        'the words "is none" in docstrings': sum(one.count("is none") for one in text.docstrings),
    }
    yield "| measure | count |"
    yield "|---|---|"
    yield from (f"| {name} | {count} |" for name, count in rows.items())


def _listed(title: str, wings: Iterable[Wing], of: Callable[[Wing], list[list[str]]]) -> Iterator[str]:
    yield from ("", f"{title}:", "")
    for one in wings:
        start = f"{PACKAGE}.{one.name.replace('/', '.')}"
        for ring in of(one):
            names = (name.removeprefix(f"{start}.").replace(start, "__init__") for name in ring)
            yield f"- {one.name}, {len(ring)}: {', '.join(names)}"


if __name__ == "__main__":
    print(report(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT))
