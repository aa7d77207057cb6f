"""Let the tests import the modules of the benchmark, which are a script's, not a package's."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "credit_truth"))
