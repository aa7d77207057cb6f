"""A worker extension of vLLM 0.32: --worker-extension-cls turnwise_weights.PlainWeights.

On a CPU vLLM packs the weights of linear layers for oneDNN once and keeps the packed copy. A tied output
layer goes on using its old copy after a reload, without an error, and other weights cannot be loaded any
more. So packing is switched off when this module is imported, before the model is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from vllm.platforms import current_platform

if current_platform.is_cpu():
    import vllm._custom_ops as custom_ops
    import vllm.model_executor.layers.utils as layer_utils

    custom_ops._supports_onednn = False
    layer_utils.check_cpu_sgl_kernel = lambda *given, **named: False

_SHAPE = (
    "architectures",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "vocab_size",
    "tie_word_embeddings",
)


class PlainWeights:
    """What a worker can do beside vLLM's own: methods of this class are called by /collective_rpc."""

    model_runner: Any

    def turnwise_shape(self) -> dict[str, Any]:
        """Return the shape of the model."""
        runner = self.model_runner
        config = runner.model_config.hf_config.get_text_config()
        shape = {name: getattr(config, name, None) for name in _SHAPE}
        shape["dtype"] = str(runner.model_config.dtype).removeprefix("torch.")
        shape["block_size"] = runner.cache_config.block_size
        return shape

    def turnwise_load(self, folder: str) -> dict[str, Any]:
        """Load the weights of every safetensors file of a folder.

        Raises:
            ValueError: if the files leave out a weight of the model.
        """
        model = self.model_runner.model
        files = sorted(Path(folder).glob("*.safetensors"))
        if not files:
            raise ValueError(f"{folder}: no safetensors in it")
        taken = model.load_weights(_weights(files))
        missing = sorted({name for name, _ in model.named_parameters()} - set(taken or ()))
        if taken is not None and missing:
            raise ValueError(f"{folder}: {len(missing)} weights are missing, e.g. {missing[0]}")
        return {"loaded": len(taken or ())}


def _weights(files: list[Path]) -> Iterator[tuple[str, Any]]:
    for file in files:
        with safe_open(str(file), framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a dict
                yield name, opened.get_tensor(name)
