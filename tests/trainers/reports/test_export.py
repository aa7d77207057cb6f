"""A trained model leaves as a folder that transformers reads as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from architectures import write_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from turnwise.agents.policies.places import policy_folder
from turnwise.agents.policies.transformers import save_tokenizer
from turnwise.errors import UsageError
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.reports.export import export
from turnwise.trainers.train import train


def short(lights: Callable[..., Recipe], checkpoint: Path) -> Recipe:
    return lights(
        policy={"kind": "transformers", "checkpoint": str(checkpoint)},
        rollout={
            "num_groups": 2,
            "group_size": 2,
            "max_turns": 2,
            "max_tokens": 8,
            "max_episode_tokens": 400,
        },
        optim={"num_minibatches": 1},
        train={"num_updates": 1},
        eval={"every": 0, "episodes": 4},
    )


def test_an_exported_model_has_the_same_logits_and_a_card(
    lights: Callable[..., Recipe], chat_model: Path, tmp_path: Path
) -> None:
    (chat_model / "README.md").write_text("---\nlicense: apache-2.0\nbase_model: some/model\n---\nA model.\n")
    recipe = short(lights, chat_model)
    run, out = tmp_path / "run", tmp_path / "out"
    train(recipe, run)
    source = export(run, out)
    assert source == policy_folder(run)
    ids = torch.arange(5, 25)[None]
    theirs, ours = (AutoModelForCausalLM.from_pretrained(folder)(ids).logits for folder in (out, source))
    assert torch.equal(theirs, ours)
    assert AutoTokenizer.from_pretrained(out).chat_template
    assert (out / "agent.json").read_bytes() == (source / "agent.json").read_bytes()
    card = (out / "README.md").read_text()
    assert card.startswith('---\nbase_model: "some/model"\nlicense: "apache-2.0"\n')
    assert "| at the end of training |" in card and "| of these weights, which were chosen by it |" in card
    assert "95 % interval" in card
    assert 'name = "gigpo"' in card and "AutoTokenizer" not in card
    with pytest.raises(UsageError, match="is there already"):
        export(run, out)


def test_a_tokenizer_that_others_read_otherwise_is_told(
    lights: Callable[..., Recipe], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base, run, out = (tmp_path / name for name in ("base", "run", "out"))
    write_model("Qwen2", base)
    save_tokenizer(PreTrainedTokenizerFast.from_pretrained(base), base)
    train(short(lights, base), run)
    export(run, out)
    told = "AutoTokenizer, and vLLM with it, reads this tokenizer as Qwen2Tokenizer"
    assert told in (out / "README.md").read_text() and told in caplog.text
    theirs, ours = AutoTokenizer.from_pretrained(out), PreTrainedTokenizerFast.from_pretrained(out)
    said = "Take the tomato and clean it, please; 3 turns are left."
    assert theirs(said)["input_ids"] != ours(said)["input_ids"]


def test_a_tiny_policy_is_not_exported_but_told_where_it_is(
    lights: Callable[..., Recipe], tmp_path: Path
) -> None:
    from turnwise.trainers.recipe import dump

    (tmp_path / "recipe.toml").write_text(dump(lights()))
    with pytest.raises(UsageError, match="ckpt:"):
        export(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match=r"no recipe\.toml"):
        export(tmp_path / "nowhere", tmp_path / "out")
