"""A real vLLM on the CPU, started once where its state allows: `make test-vllm`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.process import EngineProcess

sys.path.insert(0, str(Path(__file__).parent))
from vllm_rooms import ARGUMENTS, parts_of, qwen2

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


@contextmanager
def servers(python: str) -> Iterator[Serve]:
    """Give what starts a server of a model, as a run does; they end with the block."""
    with ExitStack() as ends:

        def start(folder: Path, *more: str, **config: Any) -> EngineProcess:
            given = EngineConfig(python=python, start_s=3000.0, **config)
            process = EngineProcess(str(folder), given, [*ARGUMENTS, *more])
            ends.callback(process.close)
            process.start()
            return process

        yield start


@pytest.fixture
def serve(python: str) -> Iterator[Serve]:
    with servers(python) as start:
        yield start


@pytest.fixture(scope="module")
def server(python: str, model_folder: Path) -> Iterator[EngineProcess]:
    with servers(python) as start:
        yield start(model_folder)


@pytest.fixture
def parts(model_folder: Path, server: EngineProcess, tmp_path: Path) -> Callable[..., SimpleNamespace]:
    return lambda engine=HttpEngine, **more: parts_of(model_folder, server, tmp_path, engine, **more)
