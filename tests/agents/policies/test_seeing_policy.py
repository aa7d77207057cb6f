"""A small random Qwen2-VL plays: what it is given of pictures, and that it computes what it does itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from turnwise.agents.models import seeing
from turnwise.agents.policies import make_policy
from turnwise.agents.policies.seeing import SeeingPolicy
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import GenerationRequest, Message
from turnwise.envs.images import as_text, png
from turnwise.errors import CheckpointError, PolicyError, UsageError

transformers = pytest.importorskip("transformers")

NAMES = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for part in m['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}


def drawn(height: int, width: int, colour: tuple[int, int, int] = (200, 0, 0)) -> str:
    return as_text(png(np.zeros((height, width), np.uint8), [colour]))


RED, BLUE = drawn(112, 112), drawn(112, 112, (0, 0, 200))


def tokenizer(template: str = TEMPLATE):
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(letters, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(NAMES))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=template
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = tokenizer()
    start, end, see, seen, image, video = words.convert_tokens_to_ids(list(NAMES))
    ends = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    text = {"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
            "rope_parameters": ROPE, **ends}  # fmt: skip
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
    tokens = {"image_token_id": image, "video_token_id": video, "vision_start_token_id": see,
              "vision_end_token_id": seen}  # fmt: skip
    torch.manual_seed(0)
    config = transformers.Qwen2VLConfig(text_config=text, vision_config=vision, **tokens, **ends)
    model = transformers.Qwen2VLForConditionalGeneration(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.25)
    place = tmp_path_factory.mktemp("qwen2vl")
    model.save_pretrained(place)
    words.save_pretrained(place)
    transformers.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=512 * 512).save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def policy(folder: Path) -> SeeingPolicy:
    return SeeingPolicy(str(folder), device="cpu")


def ask(policy: SeeingPolicy, *requests: GenerationRequest):
    async def together():
        return await asyncio.gather(*map(policy.generate, requests))

    return asyncio.run(together())


def request(*images: str, **changes) -> GenerationRequest:
    messages = (Message("user", "what <|image_pad|> is it?", images=images),)
    asked = GenerationRequest(messages=messages, max_tokens=8, key=(1,), sampling=Sampling(0.0))
    return replace(asked, **changes)


def test_a_picture_has_a_token_for_each_square_of_patches(policy: SeeingPolicy) -> None:
    """28 pixels a side make one token: 112 x 112 are 16, 56 x 84 are 6; a name in a text is letters."""
    message = Message("user", "a<|image_pad|>", images=(RED, drawn(56, 84)))
    start, end, see, seen, image, _ = tokenizer().convert_tokens_to_ids(list(NAMES))

    def letters(text: str) -> tuple[int, ...]:
        return tuple(policy.encode(text))

    pictures = (see, *[image] * 16, seen, see, *[image] * 6, seen)
    expected = (start, *letters("user\n"), *pictures, *letters("a<|image_pad|>"), end, *letters("\n"), start)
    expected += letters("assistant\n")
    assert policy.encode_prompt((message,)) == expected
    reply = policy.encode_reply((message,), "stop")
    assert reply == (*letters("\n"), *expected)


def test_greedy_agrees_with_transformers_generate(policy: SeeingPolicy) -> None:
    """Two pictures, then none after them: what stood in the prompt before is forgotten."""
    for images in ((RED, BLUE), (), (BLUE,)):
        (said,) = ask(policy, request(*images))
        ids_1T = torch.tensor([said.prompt_ids])
        given = seeing.shown(policy.model, policy._sight, ids_1T, images)
        own = policy.model.generate(
            input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T), max_new_tokens=8, do_sample=False,
            suppress_tokens=policy._sight.placeholders, **given,
        )  # fmt: skip
        assert said.token_ids == tuple(own[0, ids_1T.shape[1] :].tolist())
        assert len(said.logprobs) == len(said.token_ids)


def test_what_is_said_depends_on_the_picture(policy: SeeingPolicy) -> None:
    red, blue, again = ask(policy, request(RED), request(BLUE), request(RED, key=(1,)))
    assert red.token_ids != blue.token_ids and red == again


def test_no_picture_is_ever_said(policy: SeeingPolicy) -> None:
    (said,) = ask(policy, request(RED, max_tokens=200, sampling=Sampling(5.0)))
    assert not set(policy._sight.placeholders) & set(said.token_ids)


def test_it_plays_a_board_and_prompts_grow_by_tokens(folder: Path, play) -> None:
    policy = make_policy(f"hf:{folder}", device="cpu")
    assert isinstance(policy, SeeingPolicy)
    config = RolloutConfig(max_turns=3, max_tokens=24, constraint="admissible")
    tasks = [TaskItem("pictures/board-v0", seed=seed) for seed in range(2)]
    result, _ = play(policy, tasks, config, prompt=PromptConfig())
    for trajectory in result.trajectories:
        assert trajectory.error is None and all(turn.valid for turn in trajectory.turns)
        prompts = [turn.generation.prompt_ids for turn in trajectory.turns]
        counts = [prompt.count(policy._sight.image_id) for prompt in prompts]
        assert counts == [16 * (turn + 1) for turn in range(len(prompts))]
        for turn, after in zip(trajectory.turns, prompts[1:], strict=False):
            before = turn.generation.prompt_ids + turn.generation.token_ids
            assert after[: len(before)] == before


def test_pictures_and_places_that_do_not_match(policy: SeeingPolicy) -> None:
    with pytest.raises(PolicyError, match="0 places for 1 pictures"):
        policy._sight.expanded((1, 2), (RED,))
    with pytest.raises(UsageError, match="no `score`"):
        asyncio.run(policy.score((1,), (2,)))


def test_a_template_without_pictures_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tokenizer(TEMPLATE.replace("<|image_pad|>", "")).save_pretrained(tmp_path)
    with pytest.raises(PolicyError, match="0 places for 2 pictures"):
        SeeingPolicy(str(tmp_path), device="cpu")


def test_an_engine_that_forgets_the_pictures_is_refused(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(seeing, "shown", lambda *_: {})
    with pytest.raises(CheckpointError, match="the engine would not compute what Qwen2VL"):
        SeeingPolicy(str(folder), device="cpu")


def test_models_that_do_not_see_are_played_as_before(tmp_path: Path) -> None:
    transformers.Qwen2Config(vocab_size=300, hidden_size=16).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="cannot load it"):
        make_policy(f"hf:{tmp_path}", device="cpu")
    assert not TransformersPolicy.takes_images
