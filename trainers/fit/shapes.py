"""The configuration of the model that a recipe names, without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...agents.models.hub import check_reachable
from ...errors import UsageError
from ..policies import get as get_kind
from ..sections import PolicySection
from ..validate import named_policy

# The config.json of each model on its page at huggingface.co/Qwen, for machines without it.
_QWEN = "Qwen/Qwen2.5-"
_KEYS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)
_PUBLISHED: dict[str, tuple[tuple[int, ...], int, bool]] = {
    # sizes in the order of the keys, vocabulary, whether input and output embedding are one
    f"{_QWEN}0.5B": ((896, 4864, 24, 14, 2), 151_936, True),
    f"{_QWEN}1.5B": ((1536, 8960, 28, 12, 2), 151_936, True),
    f"{_QWEN}3B": ((2048, 11_008, 36, 16, 2), 151_936, True),
    f"{_QWEN}7B": ((3584, 18_944, 28, 28, 4), 152_064, False),
}


def config_of(section: PolicySection, base: str = "") -> Any:
    """Return the configuration of a policy of transformers.

    Args:
        section: names it.
        base: the model that a warm start goes on from, where no policy is named.

    Raises:
        UsageError: if the policy is of another kind, or its configuration is not on this machine.
        CheckpointError: if a folder is named that is no policy.
    """
    from transformers import AutoConfig, Qwen2Config

    if not get_kind(section.kind).language_model:
        raise UsageError(
            f"policy.kind is {section.kind!r}: such a policy needs megabytes and fits anywhere; "
            "fit is for 'transformers'"
        )
    name = named_policy(section, base) or base
    published = None if Path(name).exists() else _PUBLISHED.get(name.removesuffix("-Instruct"))
    if published is not None:
        sizes, vocabulary, tied = published
        shape: dict[str, Any] = dict(zip(_KEYS, sizes, strict=True))
        return Qwen2Config(
            **shape,
            vocab_size=vocabulary,
            tie_word_embeddings=tied,
            max_position_embeddings=32_768,
        )
    check_reachable(name)
    try:
        return AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        cause = " ".join(str(error).split()).partition(". ")[0]
        raise UsageError(
            f"policy.checkpoint {name!r}: its configuration cannot be read ({cause})"
            + ("" if Path(name).exists() else "; give a folder, since it is not on this machine")
        ) from error
