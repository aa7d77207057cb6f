"""The sections of a recipe: frozen, typed, at most 30 fields each.

What a field means stands beside it; a recipe's comment says where its value comes from.
Sections that other rooms use as they are stand there: prompts, loss, optimizer, critic, launch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from ..agents.policies.vllm.config import EngineConfig
from ..agents.rollout.config import RolloutConfig
from ..settings import Setting
from .parts import Part

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MixSection:
    """[[env.mix]]: one of the environments of a mixture; see trainers.rollouts.mixture."""

    id: Annotated[str, Setting("Its id, as in [env].")] = ""
    weight: Annotated[float, Setting("Its share of the groups of an update, relative to the others'.")] = 1.0
    kwargs: Annotated[Table, Setting("Beside, and above, those of [env].")] = field(default_factory=dict)
    train_kwargs: Table = field(default_factory=dict)
    eval_kwargs: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvSection:
    """[env]: which environment, and which of its tasks are trained on."""

    id: Annotated[str, Setting("An id, package.module:Class or file.py:Class.")] = "household/demo-v0"
    kwargs: Annotated[Table, Setting("For training and evaluation.")] = field(default_factory=dict)
    train_kwargs: Annotated[Table, Setting('Beside kwargs, e.g. split = "train".')] = field(
        default_factory=dict
    )
    eval_kwargs: Annotated[Table, Setting('Beside kwargs, e.g. split = "unseen".')] = field(
        default_factory=dict
    )
    num_tasks: Annotated[
        int, Setting("Train on the seeds 0..num_tasks-1; 0: any seed of the training half.", least=0)
    ] = 0
    mix: Annotated[tuple[MixSection, ...], Setting("Several environments instead of id.")] = ()


@dataclass(frozen=True, slots=True)
class PolicySection:
    """[policy]: whose weights are trained."""

    kind: Annotated[
        str,
        Setting(
            "tiny, a small transformer of ours; transformers, a model of the Hugging Face format; or vllm, "
            "one that engines of vLLM sample."
        ),
    ] = "tiny"
    checkpoint: Annotated[
        str,
        Setting("A run (its best), any folder of one, or a shipped warm start; empty: made by [warmstart]."),
    ] = ""
    dtype: Annotated[
        Literal["float32", "float64", "bfloat16"], Setting("Of the weights, of a language model.")
    ] = "float32"
    cache_tokens: Annotated[
        int,
        Setting(
            "Of conversations, kept between turns under transformers; 0: as many as those under way fill.",
            least=0,
        ),
    ] = 0
    lora_rank: Annotated[
        int, Setting("Of a LoRA adapter, which alone trains under transformers; 0: all weights.", least=0)
    ] = 0
    lora_alpha: Annotated[float, Setting("Its factor is this by the rank; 0: twice the rank.", least=0)] = 0.0
    lora_targets: Annotated[
        tuple[str, ...], Setting("Names of linear layers that have one; empty: all but the output.")
    ] = ()
    engine: EngineConfig = field(default_factory=EngineConfig)
    vocab_size: Annotated[int, Setting("The sizes of a new tiny policy.")] = 1024
    hidden_size: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 2
    intermediate_size: int = 288
    context_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class WarmstartSection:
    """[warmstart]: cloning from demonstrations, where [policy] names no checkpoint."""

    base: Annotated[
        str, Setting("The model to go on from, under transformers: a folder, or a name of the hub.")
    ] = ""
    thoughts: Annotated[
        bool, Setting("Under transformers and tags: the teacher's subgoal is the thought before an action.")
    ] = False
    teacher: Annotated[
        Literal["auto", "explorer", "expert", "none"],
        Setting("Who is imitated; see trainers.warmstart.teachers."),
    ] = "auto"
    episodes: Annotated[int, Setting("Demonstrations, on training tasks.", least=1)] = 200
    slip: Annotated[
        float, Setting("Chance per turn that a demonstration does something random.", least=0, most=1)
    ] = 0.05
    teach_slips: Annotated[
        bool, Setting("Clone those turns too: a clumsy teacher, which cloning cannot outdo.")
    ] = False
    only_won: Annotated[
        bool, Setting("Leave out demonstrations that failed; those of unknown success stay.")
    ] = True
    copy_steps: Annotated[
        int,
        Setting("Steps of copying random tokens, before a new policy is cloned.", least=0),
    ] = 0
    language: Annotated[float, Setting("Weight of predicting every token, observations too.", least=0)] = 0.0
    max_steps: Annotated[int, Setting("Steps of cloning.", least=0)] = 300
    seconds: Annotated[
        float, Setting("Of processor time for cloning; 0: no limit. A limit makes runs differ.", least=0)
    ] = 0.0
    batch_size: Annotated[int, Setting("Episodes a step.", least=1)] = 16
    optimizer: Annotated[Literal["adamw", "muon"], Setting("Of cloning and copying.")] = "adamw"
    learning_rate: float = 2e-3
    muon_learning_rate: Annotated[float, Setting("Of matrices, under muon.")] = 0.02
    weight_decay: float = 0.01
    compact: Annotated[bool, Setting("Save weights in 16 bits.")] = False


@dataclass(frozen=True, slots=True)
class RolloutSection(RolloutConfig):
    """[rollout]: how the episodes of an update are played."""

    num_groups: Annotated[int, Setting("Tasks an update.", least=1)] = 16
    group_size: Annotated[int, Setting("Episodes of each.", least=1)] = 8
    horizon: Annotated[Part, Setting("Turns of an episode by update; without a name max_turns.")] = field(
        default_factory=Part
    )
    chooser: Annotated[
        Part, Setting("Which tasks are played; without a name all alike. It needs env.num_tasks.")
    ] = field(default_factory=Part)


@dataclass(frozen=True, slots=True)
class PlanSection(Part):
    """[plan]: how the episodes of a group come about."""

    name: Annotated[str, Setting("The rollout plan.")] = "independent"
    shared: Annotated[
        Literal["once", "each"], Setting("Whether turns that branches share are learned from once.")
    ] = "once"


@dataclass(frozen=True, slots=True)
class SamplingSection:
    """[sampling]: which of the groups that were played are trained on, in this order."""

    steps: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotateSection:
    """[annotate]: what is found out about turns after they were played, in this order."""

    steps: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class OfflineSection:
    """[offline]: stored episodes that are learned from; where there are some, none is played for training."""

    trajectories: Annotated[
        tuple[str, ...],
        Setting(
            "Runs, evaluations, files of trajectories, chats with rewards (JSON lines, parquet); --from."
        ),
    ] = ()
    required: Annotated[
        bool, Setting("Refuse to play episodes for training: without trajectories there is no run.")
    ] = False
    batch_size: Annotated[int, Setting("Episodes an update; groups stay together.", least=1)] = 64
    keep: Annotated[
        Literal["all", "won", "best"],
        Setting("Which episodes: all, those that were won, or the share with the highest returns."),
    ] = "all"
    best_share: Annotated[float, Setting("Of keep = best.", least=0, most=1)] = 0.25
    tokens: Annotated[
        Literal["stored", "made"],
        Setting("Stored tokens where the policy's tokenizer reads them as what was said, or all made anew."),
    ] = "stored"


@dataclass(frozen=True, slots=True)
class PartsSection:
    """[parts]: parts of your own that the other sections name."""

    files: Annotated[
        tuple[str, ...], Setting("Python files that register them; imported, and copied beside the run.")
    ] = ()


@dataclass(frozen=True, slots=True)
class RewardSection:
    """[reward]: what happens to rewards between rollout and credit, in this order."""

    scale: Annotated[float, Setting("Of every reward, first of all.")] = 1.0
    kl_coef: Annotated[float, Setting("Of the KL (k1) to the reference, taken from the turn's reward.")] = 0.0
    transforms: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class CreditSection(Part):
    """[credit]: the credit estimator."""

    name: Annotated[str, Setting("The credit estimator.")] = "gigpo"


@dataclass(frozen=True, slots=True)
class AdvantageSection:
    """[advantage]: what happens to advantages before they reach tokens, in this order."""

    transforms: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightsSection(Part):
    """[weights]: how the advantage of a turn reaches its tokens."""

    name: Annotated[str, Setting("The token weighter.")] = "turn"


@dataclass(frozen=True, slots=True)
class TrainSection:
    """[train]: when the run stops, what it keeps, and how it computes."""

    seed: Annotated[int, Setting("Decides all random numbers of the run.", least=0)] = 0
    num_updates: Annotated[int, Setting("After which the run ends.", least=1)] = 100
    max_seconds: Annotated[
        float, Setting("Of updates, evaluations apart; the last one is finished. 0: no limit.", least=0)
    ] = 0.0
    target_success: Annotated[
        float, Setting("Stop when an evaluation reaches it; 0: never.", least=0, most=1)
    ] = 0.0
    save_every: Annotated[int, Setting("Updates between two checkpoints.", least=1)] = 10
    keep: Annotated[int, Setting("How many checkpoints stay.", least=1)] = 2
    max_failed: Annotated[float, Setting("Share of rollouts that may fail.", least=0, most=1)] = 0.1
    allow_single: Annotated[bool, Setting("Whether groups of one are taken.")] = False
    mode: Annotated[
        Literal["sync", "async"],
        Setting("Whether an update waits for its own episodes, or those of later updates play meanwhile."),
    ] = "sync"
    max_staleness: Annotated[
        int,
        Setting(
            "Under async: updates ahead of the learner that episodes play; older tokens are masked.", least=0
        ),
    ] = 1
    most_slots: Annotated[
        int,
        Setting(
            "Under async: rollout.slots grows up to it and shrinks, by measured throughput; 0: it stays.",
            least=0,
            most=4096,
        ),
    ] = 0
    threads: Annotated[int, Setting("Threads of torch.", least=1)] = 1
    deterministic: Annotated[bool, Setting("Whether torch uses deterministic algorithms.")] = True

    @property
    def staleness(self) -> int:
        """Return how many updates old a token may be that is learned from."""
        return self.max_staleness if self.mode == "async" else 0

    def progress(self, update: int) -> float:
        """Return how much of the run is done as an update begins: 0 at the first, 1 at the last."""
        return min(1.0, update / max(1, self.num_updates - 1))


@dataclass(frozen=True, slots=True)
class EvalSection:
    """[eval]: evaluation on held-out tasks during training."""

    every: Annotated[int, Setting("Updates between two evaluations; 0: only before and after.", least=0)] = 10
    episodes: Annotated[int, Setting("Of each environment.", least=0)] = 100
    temperature: Annotated[float, Setting("In place of that of [rollout].", least=0)] = 1.0
    top_p: Annotated[float, Setting("In place of that of [rollout].", least=0, most=1)] = 1.0
    seed: Annotated[int, Setting("Another one plays other tasks.", least=0)] = 0


@dataclass(frozen=True, slots=True)
class ServerSection:
    """[server]: where the environments run; the key, if any, is read from TURNWISE_KEY."""

    url: Annotated[str, Setting("A running server.")] = ""
    spawn: Annotated[bool, Setting("Start one as a process of its own.")] = False


@dataclass(frozen=True, slots=True)
class LogSection:
    """[log]: what is written beside the checkpoints."""

    trajectories: Annotated[Literal["all", "sampled", "none"], Setting("Which are written.")] = "sampled"
    sampled: Annotated[int, Setting("Trajectories an update.")] = 16
    held_out: Annotated[
        Literal["all", "some", "none"],
        Setting("Evaluations whose trajectories are kept; some: the first, the best and the last."),
    ] = "some"
    held_out_mb: Annotated[float, Setting("Megabytes that each of them keeps.", least=0)] = 64.0
    turns_mb: Annotated[
        float,
        Setting(
            "Megabytes of turns kept until the next checkpoint, so that a run that was killed goes on in the "
            "middle of its episodes; 0: none.",
            least=0,
        ),
    ] = 256.0
    console: Annotated[bool, Setting("Whether progress is shown.")] = True
    to: Annotated[
        tuple[str, ...], Setting("Trackers: tensorboard, wandb, mlflow, trackio, or one of your own.")
    ] = ()
    project: Annotated[str, Setting("What trackers gather runs under.")] = "turnwise"
