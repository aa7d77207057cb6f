"""TinyLM is a Qwen2: the same logits as the transformers library, from the same folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from turnwise.agents.models import TransformersLM
from turnwise.agents.tiny import (
    TinyConfig,
    TinyLM,
    TinyTokenizer,
    load_checkpoint,
    load_policy,
    save_checkpoint,
)
from turnwise.errors import CheckpointError, UsageError

transformers = pytest.importorskip("transformers")


def batch(model: TinyLM) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, model.vocab_size, (3, 20), generator=torch.Generator().manual_seed(0))
    return ids, torch.tensor([20, 7, 13])


def test_default_size() -> None:
    assert 0.6e6 < TinyLM(TinyConfig(vocab_size=1024)).num_parameters < 0.85e6


def test_same_logits_as_transformers(model: TinyLM, folder: Path) -> None:
    theirs = TransformersLM.load(str(folder)).eval()
    ids, lengths = batch(model)
    with torch.no_grad():
        ours_logits = model.head(model.hidden(ids, lengths))
        their_logits = theirs.head(theirs.hidden(ids, lengths))
        direct = theirs.model(ids).logits
    assert ours_logits.abs().max() > 3
    for row, length in enumerate(lengths.tolist()):
        assert torch.allclose(ours_logits[row, :length], their_logits[row, :length], atol=1e-5, rtol=0)
    assert torch.allclose(ours_logits[0], direct[0], atol=1e-5, rtol=0)
    assert (theirs.vocab_size, theirs.hidden_size, theirs.context_tokens) == (
        model.vocab_size,
        model.hidden_size,
        model.context_tokens,
    )


def test_same_gradients_as_transformers(model: TinyLM, folder: Path) -> None:
    theirs = TransformersLM.load(str(folder)).train()
    ids, lengths = batch(model)
    for lm in (model, theirs):
        lm.zero_grad()
        logits = lm.head(lm.hidden(ids, lengths)[:1, :-1].flatten(0, 1))
        torch.nn.functional.cross_entropy(logits, ids[0, 1:]).backward()
    ours_grad, their_grad = model.embed.weight.grad, theirs.model.get_input_embeddings().weight.grad
    model.zero_grad(set_to_none=True)
    assert ours_grad is not None and their_grad is not None
    assert ours_grad.abs().max() > 1e-3
    assert torch.allclose(ours_grad, their_grad, atol=1e-6)


def test_padding_changes_nothing_before_it(model: TinyLM) -> None:
    ids, lengths = batch(model)
    with torch.no_grad():
        padded = model.hidden(ids, lengths)
        alone = model.hidden(ids[1:2, :7], lengths[1:2])
    assert torch.allclose(padded[1, :7], alone[0], atol=1e-5)


def test_a_tree_of_rows_equals_the_rows_apart(model: TinyLM) -> None:
    """Pack a prefix of 4 tokens once, followed by two branches of 3 that must not see each other."""
    prefix, first, second = [5, 6, 7, 8], [10, 11, 12], [20, 21, 22]
    packed = torch.tensor([prefix + first + second])
    positions = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 4, 5, 6]])
    mask = torch.ones(1, 10, 10, dtype=torch.bool).tril()
    mask[0, 7:, 4:7] = False
    rows = torch.tensor([prefix + first, prefix + second])
    with torch.no_grad():
        tree = model.hidden(packed, torch.tensor([10]), positions, mask)[0]
        apart = model.hidden(rows, torch.tensor([7, 7]))
    assert torch.allclose(tree[:7], apart[0], atol=1e-5)
    assert torch.allclose(tree[7:], apart[1, 4:], atol=1e-5)


def test_the_transformers_wrapper_takes_a_tree_too(model: TinyLM, folder: Path) -> None:
    theirs = TransformersLM.load(str(folder)).eval()
    ids, lengths = batch(model)
    positions = torch.arange(20).expand(3, -1)
    mask = torch.ones(20, 20, dtype=torch.bool).tril().expand(3, -1, -1).clone()
    mask[:, 10:, 2:5] = False
    with torch.no_grad():
        expected = model.hidden(ids, lengths, positions, mask)
        given = theirs.hidden(ids, lengths, positions, mask)
    assert torch.allclose(expected, given, atol=1e-5)


def test_initial_weights_depend_on_the_seed_alone() -> None:
    config = TinyConfig(vocab_size=300, hidden_size=32, num_layers=1)
    before = torch.random.get_rng_state()
    first, again, other = TinyLM(config, seed=1), TinyLM(config, seed=1), TinyLM(config, seed=2)
    assert torch.equal(first.layers[0].qkv.weight, again.layers[0].qkv.weight)
    assert not torch.equal(first.layers[0].qkv.weight, other.layers[0].qkv.weight)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_folder_comes_back_bit_for_bit(model: TinyLM, tokenizer: TinyTokenizer, folder: Path) -> None:
    loaded, words = load_checkpoint(folder)
    assert loaded.config == model.config
    assert words.to_json() == tokenizer.to_json()
    for name, weight in model.named_parameters():
        assert torch.equal(weight, loaded.get_parameter(name)), name
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_wrong_sizes_are_refused(tokenizer: TinyTokenizer) -> None:
    with pytest.raises(UsageError, match="multiple of num_kv_heads"):
        TinyConfig(num_heads=4, num_kv_heads=3)
    with pytest.raises(UsageError, match="even whole number per head"):
        TinyConfig(hidden_size=130)
    with pytest.raises(UsageError, match="num_layers must be at least 1"):
        TinyConfig(num_layers=0)
    with pytest.raises(UsageError, match="256 positions"):
        lm = TinyLM(TinyConfig(vocab_size=300, max_positions=256))
        lm.hidden(torch.zeros(1, 257, dtype=torch.long), torch.tensor([257]))
    with pytest.raises(UsageError, match="a model of 999 tokens"):
        save_checkpoint(TinyLM(TinyConfig(vocab_size=999)), tokenizer, Path("nowhere"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", None, "config.json: there is no such file"),
        ("config.json", b"{", "config.json: not JSON"),
        ("config.json", b"[]", "config.json: holds list"),
        ("config.json", b'{"model_type": "llama"}', "config.json: model_type 'llama'"),
        (
            "config.json",
            b'{"model_type": "qwen2", "tie_word_embeddings": true}',
            "config.json: lacks hidden_size",
        ),
        ("model.safetensors", None, "model.safetensors: cannot be read"),
        ("model.safetensors", b"broken", "model.safetensors: cannot be read as safetensors"),
        ("tokenizer.json", None, "tokenizer.json: cannot be read"),
        ("tokenizer.json", b"{}", "tokenizer.json: not a tokenizer"),
    ],
)
def test_a_broken_folder_names_the_file_and_the_reason(
    folder: Path, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=reason):
        load_policy(tmp_path)


def test_weights_of_other_sizes_are_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["intermediate_size"] = 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        CheckpointError, match=r"model\.safetensors: does not fit config\.json: weight layers\.0"
    ):
        load_policy(tmp_path)
    config["num_hidden_layers"] = 9
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"does not fit config\.json: 'model\.layers\.3"):
        load_policy(tmp_path)


def test_weights_that_are_not_finite_are_refused(
    model: TinyLM, tokenizer: TinyTokenizer, tmp_path: Path
) -> None:
    broken = TinyLM(model.config)
    with torch.no_grad():
        broken.norm[0] = float("nan")
    save_checkpoint(broken, tokenizer, tmp_path)
    with pytest.raises(CheckpointError, match="not finite"):
        load_policy(tmp_path)
