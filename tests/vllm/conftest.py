"""A real vLLM on the CPU, started once: `make test-vllm`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.process import EngineProcess

sys.path.insert(0, str(Path(__file__).parent))
from vllm_rooms import CONTEXT, parts_of, qwen2

PYTHON = Path(__file__).resolve().parents[2] / ".vllm" / "bin" / "python"


@pytest.fixture(scope="session")
def python() -> str:
    if not PYTHON.is_file():
        pytest.skip(f"{PYTHON} is not there: make vllm")
    return str(PYTHON)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return qwen2(tmp_path_factory.mktemp("model") / "tied", tied=True)


Serve = Callable[..., EngineProcess]


@pytest.fixture(scope="session")
def serve(python: str) -> Iterator[Serve]:
    """Return what starts a server of a model."""
    started: list[EngineProcess] = []

    def start(folder: Path, *more: str, **config: Any) -> EngineProcess:
        arguments = ["--dtype", "float32", "--max-model-len", str(CONTEXT), "--max-num-seqs", "64"]
        given = EngineConfig(python=python, start_s=3000.0, **config)
        started.append(EngineProcess(str(folder), given, [*arguments, "--enforce-eager", *more]))
        started[-1].start()
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture(scope="session")
def server(serve: Serve, model_folder: Path) -> EngineProcess:
    return serve(model_folder)


@pytest.fixture
def parts(model_folder: Path, server: EngineProcess, tmp_path: Path) -> Callable[..., SimpleNamespace]:
    return lambda engine=HttpEngine, **more: parts_of(model_folder, server, tmp_path, engine, **more)
