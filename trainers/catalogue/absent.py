"""What of the literature is not here: a paper whose reference no part bears, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..parts import Source


@dataclass(frozen=True, slots=True)
class Absent:
    """A method that is not here.

    Args:
        name: of the method.
        ref: "arXiv 2509.13232", or the title where it has no number; a part whose source names it ends this.
        why: what is missing.
    """

    name: str
    ref: str
    why: str = "not built yet"


_ALL = (
    Absent("SPO, single-stream policy optimization", "arXiv 2509.13232"),
    Absent("SPO, segment policy optimization, over trees", "arXiv 2505.23564"),
    Absent("OPMD and AsymRE", "arXiv 2509.24203"),
    Absent("CANON", "CANON"),
    Absent("ASPO of tool-integrated reasoning", "arXiv 2508.19201"),
    Absent("M-GRPO, multi-agent", "arXiv 2511.13288"),
    Absent("BNPO", "arXiv 2506.02864"),
    Absent("RiskPO", "RiskPO"),
    Absent("RTMC", "arXiv 2604.11037"),
    Absent("CRBC", "arXiv 2609.35082"),
    Absent("GraphHCA", "GraphHCA"),
    Absent("GAGPO", "arXiv 2605.13217"),
    Absent("VETTA", "VETTA"),
    Absent("Step-GRPO of R1-Router", "R1-Router"),
    Absent("D3S", "arXiv 2509.22115"),
    Absent("VADE", "VADE"),
    Absent("sGPO", "sGPO"),
    Absent("Scaf-GRPO", "arXiv 2510.19807"),
    Absent("GHPO", "arXiv 2507.10628"),
    Absent("DR-PO", "arXiv 2404.08495"),
    Absent("CRAFT-GUI, a curriculum", "CRAFT-GUI"),
    Absent("Rewarding the unlikely", "arXiv 2506.02355"),
    Absent("Noisy verifiers", "arXiv 2510.00915"),
    Absent("ReNorm of PPR", "PPR"),
    Absent("DCPO", "DCPO"),
    Absent("HAPO", "HAPO"),
    Absent("Lp-Reg", "Lp-Reg"),
    Absent("GTPO, conflict tokens", "GTPO"),
    Absent("DisCO", "DisCO"),
    Absent("PACS", "arXiv 2509.02522"),
    Absent("MLE agents, weights by duration", "arXiv 2509.01684"),
    Absent("OREO, offline", "arXiv 2412.16145"),
    Absent("A-LoL, offline", "A-LoL"),
    Absent(
        "NLPO, action masking",
        "NLPO",
        "a second, slowly following policy masks each token as it is sampled; engines here hold one policy",
    ),
    Absent("Training-free GRPO", "arXiv 2510.08191"),
    Absent(
        "MARS, the games of its self-play",
        "self-play games",
        "games of two players; its credit is `mars`",
    ),
)


def absent(sources: Iterable[Source]) -> list[Absent]:
    """Return the methods that no source names by paper or reference."""
    told = " ".join(f"{source.paper} {source.ref}" for source in sources)
    return [method for method in _ALL if not re.search(rf"\b{re.escape(method.ref)}\b", told)]
