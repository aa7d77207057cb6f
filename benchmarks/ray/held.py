"""`turnwise train RECIPE --ray ADDRESS` that counts, as the run is over, the sessions left on its servers.

python benchmarks/ray/held.py FILE train RECIPE --ray ADDRESS ...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx

from turnwise.__main__ import main
from turnwise.trainers.launch.supervise import Supervisor


def asking(self: Supervisor) -> None:
    """Count the open sessions of each server, then end as ever."""
    if sys.exc_info()[0] is not None:
        return end(self)
    left: dict[str, int] = {}
    for name, at in self._at.items():
        if name.startswith("server-"):
            key = self._job.inner_key if "router" in self._at else self._job.key
            headers = {"authorization": f"Bearer {key}"}
            said = httpx.get(f"{at.url}/metrics", headers=headers, trust_env=False, timeout=60)
            assert "# TYPE turnwise_sessions_open" in said.text, said.text[:200]
            rows = [line for line in said.text.splitlines() if line.startswith("turnwise_sessions_open")]
            left[name] = int(sum(float(row.rpartition(" ")[2]) for row in rows))
    file.write_text(json.dumps(left))
    end(self)


file, end = Path(sys.argv.pop(1)), Supervisor._end
Supervisor._end = asking  # type: ignore[method-assign]
main()
