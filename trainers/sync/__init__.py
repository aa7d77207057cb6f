"""Weight sync: from the learner to whoever samples, with proof.

base.py: what a sync is. shared.py: one set of tensors, in this process. apart.py: copied, in this process,
where the policy samples while the learner works. engines.py: to engines of vLLM;
carriers.py: as files or as an adapter; probe.py: the proof, after every one; examine.py: the same on any
server. NCCL, from GPU to GPU, is left out: it has not run anywhere here yet.
"""

from .base import SyncReport, WeightSync
from .shared import SharedSync

__all__ = ["SharedSync", "SyncReport", "WeightSync"]
