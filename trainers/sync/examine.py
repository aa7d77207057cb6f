"""The probes of a sync on a server that runs already, beside its model in transformers."""

from __future__ import annotations

import torch

from ...agents.models import TransformersLM
from ...agents.policies.transformers import eos_ids, load_tokenizer
from ...agents.policies.vllm.config import EngineConfig
from ...agents.policies.vllm.http import HttpEngine
from ...agents.prompts.chat_template import ChatCodec
from ...agents.sampling import NEUTRAL
from ..learner.probe import rehearse
from .probe import Expected, Finding, Limit, prime, probe, verdict


async def examine(url: str, source: str = "", timeout_s: float = 120.0) -> tuple[list[Finding], str]:
    """Return what the probes find on a server of vLLM, and what is wrong; "" if nothing is.

    Args:
        url: of the server.
        source: the model that it should answer as, a folder or name; "" is where it says it has its own from.
        timeout_s: an answer may take.

    Raises:
        UsageError: if it is no URL.
        PolicyError: if the server does not answer.
        CheckpointError: if the model cannot be loaded here.
    """
    config = EngineConfig(urls=(url,), timeout_s=timeout_s)
    engine = HttpEngine(url.rstrip("/").removesuffix("/v1"), config)
    try:
        facts = await engine.facts()
        source = source or facts.model
        dtype = getattr(torch, str(facts.shape.get("dtype", "float32")))
        model = TransformersLM.load(source, dtype)
        codec = ChatCodec(load_tokenizer(source), source, eos_ids(model.model))
        expected = Expected(model, codec, NEUTRAL, Limit.of(dtype, rehearse(model)))
        context = min(model.context_tokens, facts.context_tokens or model.context_tokens)
        await prime(engine, expected, context)
        findings = await probe(engine, expected, context, thorough=True)
        return findings, verdict(findings, model)
    finally:
        await engine.aclose()
