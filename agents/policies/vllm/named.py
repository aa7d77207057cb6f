"""The agent `vllm:URL#MODEL`: a server of vLLM that runs already, asked in token ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from ....errors import PolicyError, UsageError
from ...prompts.chat_template import ChatCodec
from ..settings import read_settings
from ..transformers import eos_ids, load_tokenizer
from .config import EngineConfig
from .http import HttpEngine
from .policy import VllmPolicy

_MAX_TIMEOUT_S = 30.0
_DEFAULT = EngineConfig()


def vllm_policy(
    url: str, model: str = "", *, tokenizer: str = "", timeout_s: float = _DEFAULT.timeout_s
) -> VllmPolicy:
    """Return a server as a policy.

    Args:
        url: of the server, with or without /v1.
        model: one that it serves; "" is its only one.
        tokenizer: a folder or name in the local cache of the hub; "" is where the server has its model from.
        timeout_s: an answer may take.

    Raises:
        UsageError: if it is no URL, or the server does not serve the model.
        PolicyError: if it does not answer.
        CheckpointError: if the tokenizer cannot be loaded.
    """
    config = EngineConfig(urls=(url,), timeout_s=timeout_s)
    root = url.rstrip("/").removesuffix("/v1")
    served = _served(root, model)
    source = tokenizer or str(served.get("root") or served["id"])
    loaded = load_tokenizer(source)
    policy = VllmPolicy(
        [HttpEngine(root, config, str(served["id"]))],
        ChatCodec(loaded, source, _ends(source)),
        name=f"vllm:{served['id']}",
        context_tokens=int(served.get("max_model_len") or loaded.model_max_length),
        vocab_size=len(loaded),
    )
    policy.settings = read_settings(source) if Path(source).is_dir() else None
    return policy


def _served(url: str, model: str) -> dict[str, Any]:
    """Return what a server says of a model that it serves."""
    try:
        answer = httpx.get(f"{url}/v1/models", timeout=_MAX_TIMEOUT_S, trust_env=False)
        listed = {str(each["id"]): dict(each) for each in answer.raise_for_status().json()["data"]}
    except httpx.TransportError as error:
        raise PolicyError(
            f"vllm at {url}: nothing answers there ({type(error).__name__} {error}); start a server at that "
            "address, or name the one of a server that runs"
        ) from error
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        cause = f"{type(error).__name__} {error}".strip()
        raise PolicyError(
            f"vllm at {url}: /v1/models gives no list of models ({cause}); is it vLLM?"
        ) from error
    if model not in listed and (model or len(listed) != 1):
        raise UsageError(
            f"vllm at {url} serves {', '.join(listed)}; expected vllm:URL#MODEL with one of these"
        )
    return listed[model or next(iter(listed))]


def _ends(source: str) -> tuple[int, ...]:
    from types import SimpleNamespace

    from transformers import GenerationConfig

    try:
        return eos_ids(SimpleNamespace(generation_config=GenerationConfig.from_pretrained(source)))
    except OSError:
        return ()
