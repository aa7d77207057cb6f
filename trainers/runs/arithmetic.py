"""How a run computes: threads, and whether two runs of one seed are the same bit for bit."""

from __future__ import annotations

import os

import torch

from ..sections import TrainSection


def prepare_torch(section: TrainSection) -> None:
    """Set the number of threads, and deterministic algorithms where they are asked for."""
    torch.set_num_threads(section.threads)
    if section.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA refuses to multiply
    torch.use_deterministic_algorithms(section.deterministic)
