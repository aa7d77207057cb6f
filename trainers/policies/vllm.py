"""Kind `vllm`: a language model that learns here and is sampled by engines of vLLM."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ...agents.models import TransformersLM
from ...agents.policies.vllm.config import EngineConfig
from ...agents.policies.vllm.engine import Engine
from ...agents.policies.vllm.http import HttpEngine
from ...agents.policies.vllm.process import EngineProcess
from ...agents.sampling import NEUTRAL
from ...errors import UsageError
from ..sections import PolicySection, RolloutSection
from .kinds import Asked, TrainedPolicy, register
from .transformers import adapted, load_lm, reference_of, saver, weights_of

_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # --max-lora-rank of vLLM takes these


def _check(section: PolicySection, rollout: RolloutSection) -> None:
    """Refuse what the learner could not replay of an engine's draws."""
    if rollout.constraint != "none":
        raise UsageError(
            f"rollout.constraint is {rollout.constraint!r}: vLLM does not tell what could have been drawn "
            'under a list of actions; set rollout.constraint = "none"'
        )
    changed = [name for name in rollout.sampling.changed if name not in ("temperature", "stop_token_ids")]
    if changed:
        raise UsageError(
            f"rollout.{changed[0]}: policy.kind vllm trains on draws from the whole vocabulary; set it to "
            f"{getattr(NEUTRAL, changed[0])!r} (evaluation may set it)"
        )
    if rollout.deterministic:
        raise UsageError(
            "rollout.deterministic: engines of vLLM do not repeat themselves bit for bit; set it to false"
        )
    if section.dtype == "float64":
        raise UsageError("policy.dtype float64: vLLM has float32 and bfloat16")


@register("vllm", reference=reference_of, weights=weights_of, check=_check)
def vllm(asked: Asked) -> TrainedPolicy:
    """Load a language model for the learner, and find the engines; the first push starts them."""
    from ...agents.policies.transformers import eos_ids, load_tokenizer
    from ...agents.policies.vllm.policy import VllmPolicy
    from ...agents.prompts.chat_template import ChatCodec
    from ..sync.carriers import carrier_of
    from ..sync.engines import EngineSync

    section, config = asked.section, asked.section.engine
    model = adapted(load_lm(asked.source, section.dtype), asked.source, section)
    codec = ChatCodec(load_tokenizer(asked.source), asked.source, eos_ids(model.model))
    context = min(model.context_tokens, asked.rollout.max_episode_tokens)
    processes: dict[Engine, EngineProcess] = {}
    if config.urls:
        engines: list[Engine] = [HttpEngine(url, config) for url in config.urls]
    else:
        process = _process(asked, config, model, context)
        engines = [HttpEngine("http://engine", config, process.model, process.transport())]
        processes[engines[0]] = process
    policy = VllmPolicy(
        engines,
        codec,
        name=f"vllm:{asked.source}",
        version=asked.version,
        context_tokens=context,
        vocab_size=model.vocab_size,
    )
    carrier = carrier_of(model, config.folder)
    sync = EngineSync(model, policy, carrier, asked.rollout.sampling, config, processes)
    return TrainedPolicy(model, policy, sync, saver(model, asked))


def _process(asked: Asked, config: EngineConfig, model: TransformersLM, context: int) -> EngineProcess:
    """Return the server for a model, not yet started."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    arguments = engine_arguments(asked.section, asked.rollout, context, on_cpu=on_cpu)
    adapter = model.adapter
    log_file = asked.run / "engine.log" if asked.run else None
    source = adapter.base if adapter else asked.source
    lasting = _lasting(source, asked.run)
    return EngineProcess(lasting, config, arguments, log_file, own_model=lasting != source)


def engine_arguments(
    section: PolicySection, rollout: RolloutSection, context: int, *, on_cpu: bool
) -> list[str]:
    """Return what a server for a recipe is told besides its model and where it listens.

    Args:
        section: of the policy.
        rollout: how many episodes are under way at once.
        context: the most tokens of an episode.
        on_cpu: whether it has no GPU.
    """
    arguments = ["--dtype", section.dtype, "--max-model-len", str(context)]
    arguments += ["--max-num-seqs", str(rollout.slots)]
    if on_cpu:
        # compiling takes minutes there, and gains little; blocks of 32 share more of a conversation than 128
        arguments += ["--enforce-eager", "--block-size", "32"]
    else:
        arguments += ["--gpu-memory-utilization", f"{section.engine.gpu_memory:g}"]
    if section.lora_rank:
        rank = min(each for each in _LORA_RANKS if each >= section.lora_rank)
        arguments += ["--enable-lora", "--max-loras", "2", "--max-lora-rank", str(rank)]
    return arguments


def _lasting(source: str, run: Path | None) -> str:
    """Return a folder of a model from which an engine that died can be started again.

    A checkpoint of the run itself goes when newer ones come, so its files get a second name.
    """
    if run is None or not Path(source).resolve().is_relative_to(run.resolve()):
        return source
    place = run / "engine-model"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for file in filter(Path.is_file, Path(source).iterdir()):
        try:
            os.link(file, place / file.name)
        except OSError:  # a file system without second names
            shutil.copyfile(file, place / file.name)
    return str(place)
