"""The faults that are tried, by name, and how one try is written down.

Each script of this folder holds one area of one framework and runs with a Python that has it:
`PYTHON benchmarks/peers/texts_trl.py`. It prints one JSON line a fault; `table.py` runs all of
them and makes a table of the lines.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

FRAMEWORKS = ("turnwise", "trl", "verifiers", "openenv")

BESIDE = {"trl": ("transformers", "torch"), "verifiers": ("renderers",)}
"""Packages whose versions decide what is tried, too."""

FAULTS: dict[str, dict[str, tuple[str, str]]] = {
    "texts": {
        "control tokens in an observation": (
            "an observation holds the names of the chat template's control tokens",
            "as many control tokens as for harmless text, the text unchanged",
        ),
        "actions in an opened thought": (
            "the template opened the thought; it names one action, the answer another; or it is cut off",
            "the answer's action; of a thought that was cut off nothing",
        ),
        "tags in a thought": (
            "the message's own thought holds a call, or the tag of one",
            "what stands in a thought is not executed",
        ),
        "arguments of calls": (
            "arguments as JSON text; the same cut off; one brace too many",
            "taken; refused as cut off; refused or repaired, never an empty call",
        ),
        "30.0 for an integer": ("30 and 30.0 where the schema says integer", "both are 30"),
        "kinds of tokenizers and templates": (
            "tokenizers that put a blank before a piece; templates that merge tool messages or drop thoughts",
            "turn 2 as the template renders it, or refused before anything is played",
        ),
        "the dummy text": (
            "an observation equal to the text that stands in for one inside",
            "any text is legal",
        ),
        "escapes on a terminal": (
            "terminal escapes, markup and marks of direction in what is printed during a run",
            "shown as text",
        ),
    },
    "endpoints": {
        "broken answers": (
            "200 with an error in it or in its choice, no choices, null, cut JSON; then a good one",
            "asked again, as after a 5xx",
        ),
        "refused settings": (
            "400 for max_tokens under its old name, 400 for temperature, 422 for seed",
            "adapted once for all requests, or one stop that names the setting",
        ),
        "content as parts": (
            "a thought and a text as parts of a content",
            "the text; the thought kept apart",
        ),
        "ways to end": (
            "only reasoning and length; content_filter; error; a tool call without content; the same under "
            "the names of GLM, Mistral and MiniMax",
            "told apart; a filtered message is not the agent's fault",
        ),
        "the bill": (
            "usage inside broken answers and inside content as parts",
            "counted, and a cap holds",
        ),
        "defaults of the server": (
            "top_k, min_p, repetition_penalty where nobody set them",
            "sent, or said to be the server's",
        ),
        "late answers": ("an answer after the time-out", "one turn; the usage of both counted"),
    },
    "figures": {
        "a group with an error": ("rewards 1, 3, 2 and an episode that failed", "-1, 1, 0; exactly 0"),
        "sizes of micro batches": ("one batch in pieces of several sizes", "every figure equal to 1e-6"),
        "new weights between turns": (
            "two turns, other weights before the second",
            "log-probabilities as of a fresh policy, 1e-5",
        ),
        "interrupted generations": (
            "a message interrupted and continued under new weights",
            "at most max_tokens; each part's log-probabilities of its own weights",
        ),
        "an environment that dies": (
            "100 tasks, 30 die, then resume",
            "the rate over 70, and that 30 are missing; resume plays exactly the 30",
        ),
    },
    "wire": {
        "odd rewards": (
            "rewards of shape (1,), of numpy, \"1.0\", not a number",
            "taken as the number, or refused; never changed in silence",
        ),
        "shared info": (
            "one dictionary that the environment changes and gives back at each step",
            "what was seen at a step stays",
        ),
        "an expert after a detour": (
            "actions of somebody else between the expert's own",
            "the expert goes on from where things stand, and wins",
        ),
        "half a character": (
            "a lone surrogate in an observation",
            "arrives, or is refused; the rest goes on",
        ),
    },
}  # fmt: skip


@dataclass
class Found:
    """What one framework made of the inputs of one fault.

    Args:
        called: the functions that were called.
        parts: for each input whether the outcome is right, and the outcome in a few words.
        note: what else there is to know.
    """

    called: str
    parts: dict[str, tuple[bool, str]] = field(default_factory=dict)
    note: str = ""

    def add(self, name: str, right: bool, came: object) -> None:
        """Write down one input."""
        self.parts[name] = (right, str(came))

    @property
    def verdict(self) -> str:
        """Return right, wrong, or partly."""
        rights = [right for right, _ in self.parts.values()]
        return "right" if all(rights) else "partly" if any(rights) else "wrong"

    @property
    def came(self) -> str:
        """Return what came where it is not right, or all of it."""
        wrong = [f"{name}: {came}" for name, (right, came) in self.parts.items() if not right]
        return "; ".join(wrong or [f"{name}: {came}" for name, (_, came) in self.parts.items()])


Try = Callable[[], Found] | str
"""What tries a fault, or why a framework has no such part."""


def main(area: str, framework: str, tries: Mapping[str, Try]) -> None:
    """Try the faults of an area with one framework; print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=f"faults of {area}, tried with {framework}")
    parser.add_argument("--only", help="the name of one fault")
    options = parser.parse_args()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in BESIDE.get(framework, ())]
    version = importlib.metadata.version(framework) + (f" ({', '.join(versions)})" if versions else "")
    for fault in FAULTS[area]:
        if fault in tries and options.only in (None, fault):
            line = {"fault": fault, "who": framework, "version": version, **_line(tries[fault])}
            print(json.dumps(line), flush=True)


def _line(attempt: Try) -> dict[str, str]:
    if isinstance(attempt, str):
        return {"verdict": "none", "came": attempt, "called": ""}
    try:
        found = attempt()
    except Exception as error:  # noqa: BLE001 - what it raises is the finding
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return {"verdict": "failed", "came": f"{type(error).__name__}: {error}"[:300], "called": ""}
    return {"verdict": found.verdict, "came": found.came, "called": found.called, "note": found.note}
