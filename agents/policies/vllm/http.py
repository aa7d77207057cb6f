"""An engine of vLLM behind HTTP: a server by its URL, or on a socket of this machine.

Weights change through vLLM's development routes (VLLM_SERVER_DEV_MODE=1). They ask for no key, so such a
server belongs on loopback, or better on a socket that only one user may open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import orjson

from ....errors import PolicyError
from ...types import Message
from .config import LIMITS, EngineConfig
from .engine import Asked, Engine, EngineGone, EngineRefused, Facts, Said
from .wire import parameters, read_said, read_scores

_MAX_BYTES = 64 << 20
_SHOWN = 400  # characters of an answer in an error
_LOOK_S = 5.0
_HERE = ("all://localhost", "all://127.0.0.1", "all://[::1]")
_EXTENSION = (
    "start it with PYTHONPATH=<folder of turnwise.agents.policies.vllm.inside> and --worker-extension-cls "
    "turnwise_weights.PlainWeights (docs/vllm.md), or set policy.engine.load = 'reload_weights'"
)


class HttpEngine(Engine):
    """A server of vLLM.

    Args:
        url: its root, without a version part.
        config: times, and how weights are loaded.
        model: the name that it serves; "" asks for it.
        transport: replaces the network: a socket, or a server made for a test.
    """

    def __init__(
        self,
        url: str,
        config: EngineConfig,
        model: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = f"vllm at {url}"
        self._config, self._model, self._adapter = config, model, ""
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            timeout=config.timeout_s,
            limits=LIMITS,
            transport=transport,
            mounts=dict.fromkeys(_HERE) if transport is None else None,  # no proxy of the environment
        )

    async def generate(self, asked: Asked) -> Said:
        """Say one message."""
        return read_said(await self._generate(asked.prompt_ids, parameters(asked)))

    async def score(self, ids: Sequence[int], start: int) -> tuple[float, ...]:
        """Return the logprobs of ids[start:] under the weights alone."""
        asked = {"max_tokens": 1, "prompt_logprobs": 0, "temperature": 1.0, "detokenize": False}
        document = await self._generate(ids, asked)
        return read_scores(document.get("prompt_logprobs"), ids, start)

    async def facts(self) -> Facts:
        """Say what it is."""
        listed = await self._get("/v1/models")
        try:
            model = next(each for each in listed["data"] if not each.get("parent"))
            self._model = self._model or str(model["id"])
            root, context = str(model.get("root") or model["id"]), int(model.get("max_model_len") or 0)
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise EngineRefused(f"{self.name}: /v1/models names no model: {str(listed)[:_SHOWN]}") from error
        version = str((await self._get("/weight_info")).get("weight_version"))
        return Facts(root, context, version, await self._shape())

    async def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the tokens of a conversation by the server's own chat template."""
        said = [{"role": each.role, "content": each.content} for each in messages]
        document = await self._post("/tokenize", {"model": await self._served(), "messages": said})
        return tuple(document.get("tokens") or ())

    async def pause(self) -> None:
        """Freeze what is under way."""
        await self._post("/pause", params={"mode": "keep"})

    async def resume(self) -> None:
        """Go on with what was frozen."""
        await self._post("/resume")

    async def load(self, folder: str) -> None:
        """Take the weights of the safetensors files of a folder."""
        if self._config.load == "turnwise":
            await self._rpc("turnwise_load", folder)
        else:
            call = {"method": "reload_weights", "kwargs": {"weights_path": folder}}
            await self._post("/collective_rpc", call)

    async def load_adapter(self, name: str, folder: str) -> None:
        """Answer with a LoRA adapter from now on."""
        await self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder})
        former, self._adapter = self._adapter, name
        if former:
            await self._post("/v1/unload_lora_adapter", {"lora_name": former})

    def started_anew(self) -> None:
        """Take note that the server holds no adapter any more."""
        self._adapter = ""

    async def set_version(self, name: str) -> None:
        """Name the weights that it has now."""
        await self._post("/update_weight_version", {"new_version": name})

    async def reset_cache(self) -> None:
        """Forget all keys and values, those of frozen requests too."""
        document = await self._post("/reset_prefix_cache", params={"reset_running_requests": "true"})
        if not document.get("success"):
            raise EngineRefused(f"{self.name}: the prefix cache was not emptied: {document}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _served(self) -> str:
        if not self._model:
            await self.facts()
        return self._adapter or self._model

    async def _generate(self, ids: Sequence[int], sampling: dict[str, Any]) -> dict[str, Any]:
        asked = {"model": await self._served(), "token_ids": list(ids), "sampling_params": sampling}
        return await self._ask(self._request("/inference/v1/generate", asked))

    async def _shape(self) -> dict[str, Any]:
        """Return the shape of the model; {} where our extension is missing."""
        try:
            return dict((await self._rpc("turnwise_shape"))[0])
        except EngineRefused:
            return {}

    async def _rpc(self, method: str, *arguments: str) -> list[Any]:
        """Call our extension in every worker."""
        try:
            document = await self._post("/collective_rpc", {"method": method, "args": list(arguments)})
        except EngineRefused as error:
            if "has no attribute" in str(error) or "not implemented" in str(error).lower():
                raise EngineRefused(f"{self.name} lacks our extension: {_EXTENSION}") from error
            raise
        return list(document.get("results") or [{}])

    async def _get(self, path: str) -> dict[str, Any]:
        return await self._ask(self._client.build_request("GET", path))

    async def _post(
        self, path: str, document: Any = None, params: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask for what the engine itself does: where it dies meanwhile, its server never answers."""
        asking = asyncio.ensure_future(self._ask(self._request(path, document, params)))
        try:
            while not (await asyncio.wait({asking}, timeout=_LOOK_S))[0]:
                if not await self._healthy():
                    raise EngineGone(f"{self.name}: its engine died during {path}")
            return await asking
        finally:
            asking.cancel()

    def _request(
        self, path: str, document: Any = None, params: dict[str, str] | None = None
    ) -> httpx.Request:
        content = None if document is None else orjson.dumps(document)
        headers = {"content-type": "application/json"}
        return self._client.build_request("POST", path, content=content, params=params, headers=headers)

    async def _ask(self, request: httpx.Request) -> dict[str, Any]:
        """Send a request; return the object that came back, {} for an empty answer or a bare text."""
        status, content = await self._exchange(request)
        if status != 200:
            refusal = _refusal(self.name, request.url.path, status, content)
            if status >= 500 and not await self._healthy():
                raise EngineGone(refusal)  # the server stays for a while after its engine
            raise EngineRefused(refusal)
        try:
            document = orjson.loads(content) if content else {}
        except orjson.JSONDecodeError:
            document = {}
        return document if isinstance(document, dict) else {}

    async def _healthy(self) -> bool:
        """Ask its health, twice where need be: a server closes the connection that an error went over."""
        health = self._client.build_request("GET", "/health")
        try:
            status, _ = await self._exchange(health)
        except EngineGone:
            status, _ = await self._exchange(health)
        return status == 200

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        """Send a request; return status and body."""
        path = request.url.path
        try:
            answer = await self._client.send(request, stream=True)
            try:
                return answer.status_code, await self._read(answer, path)
            finally:
                await answer.aclose()
        except httpx.TimeoutException as error:
            raise EngineGone(f"{self.name}: no answer to {path} in {self._config.timeout_s:g} s") from error
        except httpx.ConnectError as error:
            raise EngineGone(
                f"{self.name}: nothing answers there ({path}: ConnectError {error}); start a server at that "
                "address, or name the one of a server that runs"
            ) from error
        except httpx.TransportError as error:
            raise EngineGone(f"{self.name}: {path}: {type(error).__name__} {error}".strip()) from error

    async def _read(self, answer: httpx.Response, path: str) -> bytes:
        content = bytearray()
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > _MAX_BYTES:
                raise PolicyError(f"{self.name}: the answer to {path} is larger than {_MAX_BYTES >> 20} MiB")
        return bytes(content)


def _refusal(name: str, path: str, status: int, content: bytes) -> str:
    said = " ".join(content[:4096].decode(errors="replace").split())[:_SHOWN]
    hints = {
        403: "; start the server with --enable-scale-out",
        404: "; start the server with VLLM_SERVER_DEV_MODE=1 --enable-scale-out",
    }
    hint = "" if path.startswith("/v1/") else hints.get(status, "")
    return f"{name}: {path} was answered with {status}: {said}{hint}"
