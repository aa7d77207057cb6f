"""docs/papers.md: its prose is docs/papers.jinja, its tables are what the parts say of themselves.

`python -m turnwise.trainers.catalogue.page` writes it.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from .absent import ABSENT
from .entries import Entry, entries

DOCS = Path(__file__).resolve().parents[2] / "docs"
_COLUMNS = ("paper", "exact", "recipe", "needs", "s", "our reading")


def page(template: str) -> str:
    """Return the page of a template, which calls `table(kind, ...)` and `absent()`."""
    known = entries()
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string(template).render(table=lambda *kinds: _table(known, kinds), absent=_absent)


def _table(known: list[Entry], kinds: tuple[str, ...]) -> str:
    """Return the rows of some kinds as Markdown; columns in which nothing stands are left out."""
    chosen = [entry for kind in kinds for entry in known if entry.kind == kind]
    rows = [_cells(entry) for entry in chosen]
    columns = [name for name in _COLUMNS if any(row[name] for row in rows)]
    lines = [f"| {kinds[0] if len(kinds) == 1 else 'part'} | {' | '.join(columns)} |"]
    lines += ["|---" * (1 + len(columns)) + "|"]
    for entry, row in zip(chosen, rows, strict=True):
        name = f"`{entry.name}`" if len(kinds) == 1 else f"{entry.kind} `{entry.name}`"
        lines.append(f"| {name} | {' | '.join(row[column] for column in columns)} |")
    return "\n".join(lines)


def _cells(entry: Entry) -> dict[str, str]:
    source = entry.source
    exact = f"{source.exact}: {source.how}" if source.how else source.exact
    return {
        "paper": ", ".join(filter(None, (source.paper, source.ref))),
        "exact": exact,
        "recipe": ", ".join(f"`{name}`" for name in entry.recipes),
        "needs": "; ".join(entry.needs),
        "s": entry.cost.text.partition(" ")[0] if entry.cost else "",
        "our reading": source.note,
    }


def _absent() -> str:
    return "\n".join(
        ["| method | source | what is missing |", "|---|---|---|"]
        + [f"| {method.name} | {method.ref} | {method.why} |" for method in ABSENT]
    )


def main() -> None:
    """Write the page."""
    (DOCS / "papers.md").write_text(page((DOCS / "papers.jinja").read_text()))


if __name__ == "__main__":
    main()
