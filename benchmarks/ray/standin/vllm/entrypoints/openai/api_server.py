"""A server with the routes of vLLM that turnwise asks, over a model of transformers: slow, and right.

It takes the command line that vLLM takes, and starts with the weights of its folder, so that one which has
died and was started again answers wrongly until it is given newer ones.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from safetensors.torch import load_file

from turnwise.agents.decoding import SamplingRows, sample
from turnwise.agents.decoding.scoring import score_continuations
from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.transformers import eos_ids, load_tokenizer
from turnwise.agents.prompts.chat_template import ChatCodec
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import Message

parser = argparse.ArgumentParser()
for flag in ("--model", "--served-model-name", "--host"):
    parser.add_argument(flag)
parser.add_argument("--port", type=int)
parser.add_argument("--max-model-len", type=int)
asked = parser.parse_known_args()[0]
torch.set_num_threads(1)
model = TransformersLM.load(asked.model)
codec = ChatCodec(load_tokenizer(asked.model), asked.model, eos_ids(model.model))
app, running, draws = FastAPI(), asyncio.Event(), np.random.default_rng(0)
held = {"version": "default"}
running.set()


@app.get("/health")
async def health() -> dict[str, Any]:
    return {}


@app.get("/v1/models")
async def models() -> dict[str, Any]:
    known = {"id": asked.served_model_name, "root": asked.model, "max_model_len": asked.max_model_len}
    return {"data": [known]}


@app.get("/weight_info")
async def weight_info() -> dict[str, Any]:
    return {"weight_version": held["version"]}


@app.post("/update_weight_version")
async def update_weight_version(document: dict[str, Any]) -> dict[str, Any]:
    held["version"] = document["new_version"]
    return {}


@app.post("/pause")
async def pause() -> dict[str, Any]:
    running.clear()
    return {}


@app.post("/resume")
async def resume() -> dict[str, Any]:
    running.set()
    return {}


@app.post("/reset_prefix_cache")
async def reset_prefix_cache() -> dict[str, Any]:
    return {"success": True}  # nothing is kept


@app.post("/collective_rpc")
async def collective_rpc(document: dict[str, Any]) -> dict[str, Any]:
    if document["method"] == "turnwise_load":
        state = load_file(Path(document["args"][0]) / "model.safetensors")
        model.model.load_state_dict(state, strict=False)
    return {"results": [{}]}


@app.post("/tokenize")
async def tokenize(document: dict[str, Any]) -> dict[str, Any]:
    said = [Message(each["role"], each["content"]) for each in document["messages"]]
    return {"tokens": list(codec.encode_prompt(said))}


@app.post("/inference/v1/generate")
async def generate(document: dict[str, Any]) -> dict[str, Any]:
    ids, sampling = list(document["token_ids"]), document["sampling_params"]
    await running.wait()
    if "prompt_logprobs" in sampling:
        scores = score_continuations(model, [(tuple(ids[:1]), tuple(ids[1:]))])[0]
        rows = [{str(token): {"logprob": score}} for token, score in zip(ids[1:], scores, strict=True)]
        return {"prompt_logprobs": [None, *rows], **_said(ids[-1:], [0.0], "length")}
    rule, logprobs = Sampling(temperature=sampling["temperature"], top_p=sampling["top_p"]), list[float]()
    stops, begun = set(sampling["stop_token_ids"]), len(ids)
    with torch.inference_mode():
        while len(logprobs) < sampling["max_tokens"] and not (logprobs and ids[-1] in stops):
            hidden_BLD = model.hidden(torch.tensor([ids]), torch.tensor([len(ids)]))
            drawn = sample(model.head(hidden_BLD[:, -1]), SamplingRows([rule], draws.random(1), [None]))
            ids.append(drawn.tokens[0])
            logprobs.append(drawn.logprobs[0])
            await asyncio.sleep(0)
    return _said(ids[begun:], logprobs, "stop" if ids[-1] in stops else "length")


def _said(ids: list[int], logprobs: list[float], finish: str) -> dict[str, Any]:
    choice = {
        "token_ids": ids,
        "logprobs": {"content": [{"logprob": value} for value in logprobs]},
        "finish_reason": finish,
        "weight_versions": [{"version": held["version"], "start": 0, "end": len(ids)}],
    }
    return {"choices": [choice]}


uvicorn.run(app, host=asked.host, port=asked.port, log_level="warning")
