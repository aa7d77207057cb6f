"""What a computation really held: the other side of what is said before it.

On a card torch keeps the count. On the CPU the allocator's events are summed up; what the process takes
of the machine is the same where freed blocks go back to it at once (docs/memory.md).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import torch


def peak_of(call: Callable[[], Any], device: torch.device) -> int:
    """Run something and return how many bytes of a device it held at most, beside what was held before."""
    gc.collect()
    if device.type != "cuda":
        return _peak_on_cpu(call)
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _peak_on_cpu(call: Callable[[], Any]) -> int:
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call()
    results: Any = profile.profiler
    events = [event for event in results.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most
