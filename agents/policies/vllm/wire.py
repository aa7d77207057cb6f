"""What vLLM 0.32 is sent and answers on its routes for tokens: plain values in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .engine import Asked, EngineGone, EngineRefused, Said


def parameters(asked: Asked) -> dict[str, Any]:
    """Return the sampling parameters of a message, all of them: no default of the server acts.

    No seed is sent: vLLM on the CPU dies of one for each request (its generator cannot skip).
    """
    stop = {"stop": list(asked.stop)} if asked.stop else {}
    return {
        **asked.sampling.document(),
        "max_tokens": asked.max_tokens,
        "stop_token_ids": list(asked.stop_ids),
        "ignore_eos": True,  # ours are the stop ids: nothing else ends a message
        "logprobs": 0,
        "detokenize": bool(asked.stop),  # text is made here: the server needs it for stop texts alone
        **stop,
    }


def read_said(document: Any) -> Said:
    """Read the answer of /inference/v1/generate.

    Raises:
        EngineGone: if the message was dropped, as a server does that is told to end.
        EngineRefused: if it is not one.
    """
    try:
        choice = document["choices"][0]
        ids = tuple(int(token) for token in choice["token_ids"])
        logprobs = tuple(float(entry["logprob"]) for entry in choice["logprobs"]["content"])
        versions = tuple(
            (str(span["version"]), int(span["start"]), int(span["end"]))
            for span in choice.get("weight_versions") or ()
        )
        details = (document.get("usage") or {}).get("prompt_tokens_details") or {}
        cached = int(details.get("cached_tokens") or 0) if details else -1
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise EngineRefused(f"an answer that cannot be read ({type(error).__name__}: {error})") from error
    if choice.get("finish_reason") == "abort":
        raise EngineGone(f"a message was dropped after {len(ids)} tokens")
    if not ids or len(logprobs) != len(ids):
        raise EngineRefused(f"an answer of {len(ids)} tokens and {len(logprobs)} logprobs; expected as many")
    return Said(ids, logprobs, str(choice.get("finish_reason")), versions, cached)


def read_scores(entries: Any, ids: Sequence[int], start: int) -> tuple[float, ...]:
    """Read the logprobs of ids[start:] out of `prompt_logprobs`: a table by token at each place.

    Raises:
        EngineRefused: if one is missing.
    """
    try:
        found: list[Mapping[str, Any]] = list(entries)[start : len(ids)]
        scores = [_logprob(table, token) for table, token in zip(found, ids[start:], strict=True)]
    except (KeyError, TypeError, ValueError) as error:
        raise EngineRefused(
            f"prompt logprobs that cannot be read ({type(error).__name__}: {error})"
        ) from error
    return tuple(scores)


def _logprob(table: Mapping[str, Any], token: int) -> float:
    return float(table[str(token)]["logprob"])
