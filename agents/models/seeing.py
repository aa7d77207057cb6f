"""A model of the transformers library that sees: pictures as tokens and tensors, and the engine that runs it.

Models whose image processor cuts a picture into a grid of patches are supported; the language model sees
one token for each square of patches (Qwen2-VL, arXiv 2409.12191, and those after it). How many tokens a
picture has stands in the grid (transformers, processing_qwen2_vl.py). Others are refused.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ...envs.images import file_of
from ...errors import CheckpointError, PolicyError

_REMEMBERED = 64  # pictures made into tensors; as many as a prompt may hold
_NEVER = -1e4  # a logit: small, and finite


class Sight:
    """The image processor of a model.

    Args:
        processor: of the transformers library.
        config: of the model.
        source: of the checkpoint, for errors.

    Raises:
        CheckpointError: if the model's pictures are not made of grids.
    """

    def __init__(self, processor: Any, config: Any, source: str) -> None:
        self._processor = processor
        image_id = getattr(config, "image_token_id", None)
        if image_id is None or "image_grid_thw" not in processor.model_input_names:
            raise CheckpointError(
                f"{source}: {type(processor).__name__} does not say how many tokens a picture has; expected "
                "a model whose pictures are grids of patches, e.g. Qwen2-VL, Qwen2.5-VL or Qwen3-VL"
            )
        video_id = getattr(config, "video_token_id", None)
        self.image_id = int(image_id)
        self.placeholders = [self.image_id] if video_id is None else [self.image_id, int(video_id)]
        self._tokens_of = lru_cache(_REMEMBERED)(self._made)

    def mute(self, logits_NV: Tensor) -> Tensor:
        """Return logits under which no token for a picture is drawn: nothing would stand behind it."""
        muted_NV = logits_NV.clone()
        muted_NV[:, self.placeholders] = _NEVER
        return muted_NV

    def expanded(self, ids: Sequence[int], images: Sequence[str]) -> tuple[int, ...]:
        """Return the tokens of a prompt in which each picture's place has as many as the picture.

        Args:
            ids: tokens with one for each picture [P].
            images: the pictures, PNG files as base64 texts.

        Raises:
            PolicyError: if there are not as many places as pictures.
        """
        places = [place for place, token in enumerate(ids) if token == self.image_id]
        if len(places) != len(images):
            raise PolicyError(
                f"the chat template has {len(places)} places for {len(images)} pictures; expected as many"
            )
        parts, start = list[int](), 0
        for place, image in zip(places, images, strict=True):
            _, grid = self._tokens_of(image)
            count = int(grid.prod()) // self._processor.merge_size**2
            parts += [*ids[start:place], *[self.image_id] * count]
            start = place + 1
        return (*parts, *ids[start:])

    def inputs(self, images: Sequence[str]) -> dict[str, Tensor]:
        """Return what the model is given of pictures; nothing where there are none."""
        if not images:
            return {}
        made = [self._tokens_of(image) for image in images]
        pixels, grids = zip(*made, strict=True)
        return {"pixel_values": torch.cat(pixels), "image_grid_thw": torch.cat(grids)}

    def _made(self, image: str) -> tuple[Tensor, Tensor]:
        """Return the patches and the grid [1, 3] of one picture."""
        from PIL import Image

        with Image.open(io.BytesIO(file_of(image)), formats=["PNG"]) as opened:
            made = self._processor(images=[opened.convert("RGB")], return_tensors="pt")
        return made["pixel_values"], made["image_grid_thw"]


class SeeingRow:
    """The engine of one generation: its prompt with the pictures in it, and what follows, in one cache.

    Args:
        model: of the transformers library.
        sight: its image processor.
        images: the pictures of the prompt.
    """

    def __init__(self, model: Any, sight: Sight, images: Sequence[str]) -> None:
        self._model, self._sight, self._images = model, sight, images
        self._cache: Any = None

    @torch.inference_mode()
    def append(self, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> Tensor:
        """Append tokens to the one row and return the logits [1, V] after the last."""
        device = next(self._model.parameters()).device
        ids_1T = torch.tensor([list(tokens[0])], device=device)
        output = self._model(
            input_ids=ids_1T,
            past_key_values=self._begin() if self._cache is None else self._cache,
            use_cache=True,
            logits_to_keep=1,
            **(shown(self._model, self._sight, ids_1T, self._images) if self._cache is None else {}),
        )
        self._cache = output.past_key_values
        return self._sight.mute(output.logits[:, -1])

    def _begin(self) -> Any:
        """Return an empty cache; the model forgets where the pictures of another prompt stood."""
        from .growing import growing_cache

        for module in self._model.modules():
            if hasattr(module, "rope_deltas"):
                module.rope_deltas = None
        return growing_cache()


def shown(model: Any, sight: Sight, ids_1T: Tensor, images: Sequence[str]) -> dict[str, Tensor]:
    """Return what a model is given beside the tokens of a prompt: its pictures, in the model's precision."""
    inputs = sight.inputs(images)
    if not inputs:
        return {}
    weight = next(model.parameters())
    return {
        "pixel_values": inputs["pixel_values"].to(weight),
        "image_grid_thw": inputs["image_grid_thw"].to(weight.device),
        "mm_token_type_ids": (ids_1T == sight.image_id).int(),
    }
