"""SeeingPolicy: a language model of the transformers library that takes pictures.

It runs each prompt anew, one after another, and does not train; what it runs is in agents/models/seeing.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...envs.images import as_text, png
from ...errors import CheckpointError, UsageError
from ..decoding.local import LocalPolicy, ScoreJob
from ..decoding.loop import Job, run_jobs
from ..models.agreement import compare
from ..models.complete import check_complete, unloadable
from ..models.hub import check_reachable
from ..models.seeing import SeeingRow, Sight, shown
from ..models.transformers import without_bars
from ..prompts.chat_template import ChatCodec
from ..types import Encoder, FinishReason, Generation, Message
from .transformers import dtype_of, eos_ids, load_tokenizer

_COLOURS = (((255, 255, 255), (0, 0, 0)), ((200, 0, 0), (0, 0, 200)))  # of the pictures of the probe


def sees(name_or_path: str) -> bool:
    """Tell whether a checkpoint is of a model that takes pictures as grids of patches.

    Raises:
        CheckpointMissing: if there is none, and the hub cannot be asked for it.
    """
    from transformers import AutoConfig

    check_reachable(name_or_path)
    try:
        config = AutoConfig.from_pretrained(name_or_path)
    except (OSError, ValueError):
        return False
    return hasattr(getattr(config, "vision_config", None), "spatial_merge_size")


class SeeingCodec:
    """A chat template whose messages may hold pictures.

    Args:
        chat: writes a conversation, with one token for each picture.
        sight: knows how many a picture has.
    """

    def __init__(self, chat: ChatCodec, sight: Sight) -> None:
        self._chat, self._sight = chat, sight
        self.opens_thought, self.takes_calls = chat.opens_thought, chat.takes_calls

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self._sight.expanded(self._chat.encode_prompt(messages), pictures(messages))

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self._sight.expanded(self._chat.encode_reply(messages, finish_reason), pictures(messages))


def pictures(messages: Sequence[Message]) -> tuple[str, ...]:
    """Return the pictures of a conversation, in their order."""
    return tuple(image for message in messages for image in message.images)


class SeeingPolicy(LocalPolicy):
    """A checkpoint of the Hugging Face format that sees.

    Args:
        name_or_path: a folder, or a name in the local cache of the hub.
        dtype: of the weights; by default bfloat16 on an accelerator, float32 on the CPU.
        device: where to run; by default an accelerator if there is one.
        version: the version of the weights.

    Raises:
        CheckpointError: if it cannot be loaded, or we would compute something else than it does itself.
        PolicyError: if the chat template is missing or cannot be used.
    """

    takes_images = True

    def __init__(
        self,
        name_or_path: str,
        *,
        dtype: str | torch.dtype | None = None,
        device: str | None = None,
        version: int = 0,
    ) -> None:
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self._sight = _load(name_or_path, dtype_of(dtype, device), device)
        self._chat = ChatCodec(load_tokenizer(name_or_path), name_or_path, eos_ids(self.model))
        text = self.model.config.get_text_config()
        super().__init__(
            self._chat,
            encode_message=self._chat.encode_message,
            name=name_or_path,
            version=version,
            context_tokens=int(text.max_position_embeddings),
            vocab_size=int(self.model.get_output_embeddings().weight.shape[0]),
            max_batch=32,
        )
        self.opens_thought = self._chat.opens_thought
        self._codec_of_images = SeeingCodec(self._chat, self._sight)
        _check(self.model, self._sight, self._codec_of_images, name_or_path)

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self._codec_of_images.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self._codec_of_images.encode_reply(messages, finish_reason)

    def encoder(self, tools: Sequence[Mapping[str, Any]], template: Mapping[str, Any]) -> Encoder:
        """Return what renders prompts with functions to call, and with arguments of the chat template.

        Raises:
            PolicyError: if the template shows no tools, or cannot be used so.
            UsageError: if an argument cannot be set.
        """
        if not tools and not template:
            return self._codec_of_images
        return SeeingCodec(self._chat.asked(tools, template), self._sight)

    def forget(self, conversation: str) -> None:
        """Do nothing: nothing is kept of a conversation."""

    def _generate(self, jobs: list[Job]) -> list[Generation]:
        generations = []
        for job in jobs:
            images = job.request.images or pictures(job.request.messages)
            row = SeeingRow(self.model, self._sight, images)
            generations += run_jobs(row, [job], [job.prompt_ids], codec=self._chat, version=self.version)
        return generations

    def _score(self, jobs: list[ScoreJob]) -> list[tuple[float, ...]]:
        raise UsageError(f"the policy {self.name!r} has no `score`: tokens alone do not hold its pictures")


def _load(name: str, dtype: torch.dtype, device: str) -> tuple[Any, Sight]:
    from safetensors import SafetensorError
    from transformers import AutoImageProcessor, AutoModelForImageTextToText

    try:
        with without_bars():
            model, told = cast(Any, AutoModelForImageTextToText).from_pretrained(
                name, dtype=dtype, output_loading_info=True
            )
            processor = AutoImageProcessor.from_pretrained(name)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise unloadable(name, "transformers", error) from error
    except ImportError as error:
        raise UsageError(f"pictures need Pillow: pip install 'turnwise[vision]' ({error})") from error
    check_complete(model, told, name)
    return model.to(device).eval(), Sight(processor, model.config, name)


def _check(model: Any, sight: Sight, codec: SeeingCodec, name: str) -> None:
    """Compare the engine, piece by piece, with the model's own pass over a prompt with two pictures.

    Raises:
        CheckpointError: if they differ, or pictures change nothing.
        PolicyError: if the chat template has no place for pictures.
    """
    stripes = np.tile(np.arange(2, dtype=np.uint8), (112, 56))
    drawn = [as_text(png(stripes, colours)) for colours in _COLOURS]
    ids = codec.encode_prompt((Message("user", "turnwise question", images=tuple(drawn)),))
    row, ends = SeeingRow(model, sight, drawn), [len(ids) - 3, len(ids) - 1, len(ids)]
    starts = [0, *ends[:-1]]
    engine = [row.append([0], [ids[start:end]]) for start, end in zip(starts, ends, strict=True)]
    own = _whole(model, sight, ids, drawn)
    kept_V = torch.ones(own.shape[1], dtype=torch.bool)
    kept_V[sight.placeholders] = False  # which the engine never draws
    ours = [logits[:, kept_V].float() for logits in engine]
    compare("the engine", [own[end - 1 : end, kept_V] for end in ends], ours, model, "", name)
    if torch.equal(own[-1], _whole(model, sight, ids, drawn[::-1])[-1]):
        raise CheckpointError(f"{name}: pictures change nothing of what {type(model).__name__} says")


@torch.inference_mode()
def _whole(model: Any, sight: Sight, ids: Sequence[int], images: Sequence[str]) -> Tensor:
    """Return the logits [P, V] of the model's own pass."""
    ids_1T = torch.tensor([list(ids)], device=next(model.parameters()).device)
    output = model(input_ids=ids_1T, use_cache=False, **shown(model, sight, ids_1T, images))
    logits: Tensor = output.logits[0].float()
    return logits
