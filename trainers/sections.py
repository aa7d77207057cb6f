"""The sections of a recipe: frozen, typed, at most 30 fields each.

A field's comment says what it means; a recipe's comment says where its value
comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .parts import Part

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MixSection:
    """[[env.mix]]: one of the environments of a mixture; see trainers.rollouts.mixture."""

    id: str = ""
    weight: float = 1.0  # its share of the groups of an update, relative to the others'
    kwargs: Table = field(default_factory=dict)  # each beside, and above, those of [env]
    train_kwargs: Table = field(default_factory=dict)
    eval_kwargs: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvSection:
    """[env]: which environment, and which of its tasks are trained on."""

    id: str = "household/demo-v0"  # an id, package.module:Class or file.py:Class
    kwargs: Table = field(default_factory=dict)  # for training and evaluation
    train_kwargs: Table = field(default_factory=dict)  # beside kwargs, e.g. split = "train"
    eval_kwargs: Table = field(default_factory=dict)  # beside kwargs, e.g. split = "unseen"
    num_tasks: int = 0  # train on the seeds 0..num_tasks-1; 0: any seed of the training half
    mix: tuple[MixSection, ...] = ()  # several environments instead of id


@dataclass(frozen=True, slots=True)
class PolicySection:
    """[policy]: whose weights are trained."""

    kind: Literal["tiny", "transformers"] = "tiny"
    checkpoint: str = ""  # folder, or name of a shipped warm start; empty: made by [warmstart]
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    vocab_size: int = 1024  # the sizes of a new tiny policy
    hidden_size: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 2
    intermediate_size: int = 288
    context_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class WarmstartSection:
    """[warmstart]: cloning of a new tiny policy from demonstrations, where [policy] names no checkpoint."""

    teacher: Literal["auto", "explorer", "expert", "none"] = "auto"
    episodes: int = 200  # demonstrations, on training tasks
    slip: float = 0.05  # chance per turn that a demonstration does something random
    teach_slips: bool = False  # clone those turns too: a clumsy teacher, whom cloning cannot outdo
    only_won: bool = True  # clone successful demonstrations alone
    copy_steps: int = (
        0  # of copying random tokens, before cloning; of a new policy (trainers.warmstart.copying)
    )
    language: float = 0.0  # weight of predicting every token, observations too
    max_steps: int = 300
    seconds: float = 0.0  # of processor time for cloning, at most; 0: no limit (a limit makes runs differ)
    batch_size: int = 16  # episodes a step
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 2e-3
    muon_learning_rate: float = 0.02  # of matrices, under muon
    weight_decay: float = 0.01
    compact: bool = False  # save weights in 16 bits


@dataclass(frozen=True, slots=True)
class PromptSection:
    """[prompt]: what the policy is shown; see agents.prompts.config.PromptConfig."""

    mode: Literal["conversation", "window"] = "conversation"
    history: int = 2  # pairs of observation and action that a window shows
    style: Literal["plain", "tags", "plan"] = "plain"
    show_admissible: bool = False
    system: str = ""
    task_label: str = "Your task: "
    actions_label: str = "Admissible actions: "
    max_observation_chars: int = 16_384
    max_admissible: int = 256


@dataclass(frozen=True, slots=True)
class RolloutSection:
    """[rollout]: how episodes are collected; see agents.rollout.rollout.RolloutConfig."""

    num_groups: int = 16  # tasks an update
    group_size: int = 8  # episodes of each
    max_turns: int = 20
    max_tokens: int = 24  # of one message
    max_episode_tokens: int = 2048
    deadline_s: float = 600.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    constraint: Literal["none", "admissible", "listed"] = "none"  # listed: free where nothing is listed
    retries: int = 1
    slots: int = 128  # episodes under way at once
    deterministic: bool = True  # in lock-step, so that a run repeats itself bit for bit
    horizon: Part = field(default_factory=Part)  # max_turns by update; without a name: always the whole


@dataclass(frozen=True, slots=True)
class PlanSection(Part):
    """[plan]: how the episodes of a group come about."""

    name: str = "independent"
    shared: Literal["once", "each"] = "once"  # whether turns that branches share are learned from once


@dataclass(frozen=True, slots=True)
class SamplingSection:
    """[sampling]: which of the groups that were played are trained on, in this order."""

    steps: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotateSection:
    """[annotate]: what is found out about turns after they were played, in this order."""

    steps: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class PartsSection:
    """[parts]: parts of your own that the other sections name."""

    files: tuple[str, ...] = ()  # Python files that register them; imported, and copied beside the run


@dataclass(frozen=True, slots=True)
class RewardSection:
    """[reward]: what happens to rewards between rollout and credit, in this order."""

    scale: float = 1.0  # of every reward, first of all
    kl_coef: float = 0.0  # k1 to the reference, taken from the turn's reward
    transforms: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class CreditSection(Part):
    """[credit]: the credit estimator."""

    name: str = "gigpo"


@dataclass(frozen=True, slots=True)
class AdvantageSection:
    """[advantage]: what happens to advantages before they reach tokens, in this order."""

    transforms: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightsSection(Part):
    """[weights]: how the advantage of a turn reaches its tokens."""

    name: str = "turn"


@dataclass(frozen=True, slots=True)
class TrainSection:
    """[train]: when the run stops, what it keeps, and how it computes."""

    seed: int = 0
    num_updates: int = 100
    max_seconds: float = 0.0  # of updates, evaluations apart; 0: no limit
    target_success: float = 0.0  # stop when an evaluation reaches it; 0: never
    save_every: int = 10
    keep: int = 2  # checkpoints
    max_failed: float = 0.1  # share of rollouts that may fail
    allow_single: bool = False  # groups of one
    threads: int = 1  # of torch
    deterministic: bool = True


@dataclass(frozen=True, slots=True)
class EvalSection:
    """[eval]: evaluation on held-out tasks during training."""

    every: int = 10  # updates; 0: only before and after
    episodes: int = 100  # of each environment
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ServerSection:
    """[server]: where the environments run; the key, if any, is read from TURNWISE_KEY."""

    url: str = ""  # a running server
    spawn: bool = False  # start one as a process of its own


@dataclass(frozen=True, slots=True)
class LogSection:
    """[log]: what is written beside the checkpoints."""

    trajectories: Literal["all", "sampled", "none"] = "sampled"
    sampled: int = 16  # trajectories an update
    console: bool = True
