"""`turnwise eval`: measure an agent on an environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..agents.evaluation.config import EVALUATION, KEEP_MB
from ..agents.experience.lessons import Library
from ..agents.policies.by_name import AGENTS, make_policy
from ..agents.prompts.config import EXPLAINED, Mode, PromptConfig
from ..agents.rollout.config import RolloutConfig
from ..agents.sampling import NEUTRAL
from ..errors import Stopped, UsageError
from ..settings import KEY_ENV
from ..shown import UNKNOWN, interval, percent, visible
from .evaluate_hosted import play_benchmark
from .options import EnvKwargs, JsonFlag, emit_json, parse_kwargs
from .options_from import with_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ..agents.evaluation.results import Evaluation
    from ..agents.policy import Policy

__all__ = ["eval_"]

_SERVER_BUDGET_S = 30.0
_MAX_ERROR_SHARE = 0.1


@with_settings()
def eval_(
    agent: Annotated[str, typer.Option("--agent", metavar="AGENT", help=AGENTS)],
    env: Annotated[
        str | None, typer.Option("--env", metavar="ENV", help="An id, or a class on this machine.")
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME", help="The public split of a file, here; with --hosted one there."),
    ] = None,
    hosted: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"Play --benchmark NAME of this server; its key: {KEY_ENV}."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help=f"A server; its key is read from {KEY_ENV}.")
    ] = None,
    kwargs: EnvKwargs = None,
    agent_options: Annotated[
        list[str] | None,
        typer.Option(
            "--agent-option", "-a", metavar="NAME=VALUE", help="Option of the agent; a wrong name lists all."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, seen, unseen, test or all."),
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many tasks.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The first task's, and that of the sampling.")] = 0,
    config: RolloutConfig = EVALUATION,
    context: Annotated[
        Mode | None,
        typer.Option(help="Prompts that grow, or one a turn; the agent's own by default."),
    ] = None,
    prompt: PromptConfig = EXPLAINED,
    recipe: Annotated[
        str | None,
        typer.Option(help="Ask as this recipe does: its prompts, constraint, length of messages, harness."),
    ] = None,
    experience: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Lessons of `turnwise practise`, shown in prompts.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep rows, trajectories and result; go on from them.")
    ] = None,
    keep_mb: Annotated[
        float, typer.Option(min=0, help="Megabytes of trajectories that --out keeps; 0: none.")
    ] = KEEP_MB,
    as_json: JsonFlag = False,
) -> None:
    """Evaluate an agent: success rate with its interval, score, turns, tokens.

    Each task is played once. An evaluation with --out that is interrupted goes on
    when the same command is given again. Success is what the environment says in
    info["won"], a dash where it does not; coverage is the share of tasks of which it
    said so. The exit code is 1 if more than a tenth of the episodes failed for the
    machine's reasons.

    Examples:
      turnwise eval --env household/mix-v0 --agent expert --split unseen
      turnwise eval --env my_env.py:MyEnv --agent openai:http://127.0.0.1:8001/v1#my-model --out runs/eval
      turnwise eval --env search/generated-v1 --agent hf:Qwen/Qwen2.5-3B-Instruct --recipe grpo_search
    """
    from ..api.evaluating import evaluate
    from ..api.given import asked_by, check_local, harness_of
    from ..api.progress import Progress

    if (env is None) == (benchmark is None and hosted is None):
        raise UsageError("eval plays an environment or a benchmark: give either --env, or --benchmark")
    arguments, harness = parse_kwargs(kwargs), harness_of(recipe)
    if env is not None and server is None:
        check_local(env, arguments, split)
    policy = make_policy(agent, **parse_kwargs(agent_options, "--agent-option"))
    config = replace(config, deterministic=policy.repeatable)
    prompted = _prompted(policy, context, prompt, recipe)
    if recipe is not None:
        config, prompted = asked_by(recipe, config, prompted)
    if experience is not None:
        prompted = Library.read(experience).shown_to(policy, prompted)
    if env is None:
        play_benchmark(
            benchmark,
            hosted,
            policy,
            agent=agent,
            key=os.environ.get(KEY_ENV),
            config=config,
            prompt=prompted,
            out=out,
            keep_mb=keep_mb,
            as_json=as_json,
        )
        return
    progress, kept = Progress(episodes, shown=not as_json), _num_rows(out)
    try:
        with progress:
            evaluation = evaluate(
                env,
                policy,
                episodes=episodes,
                seed=seed,
                split=split,
                kwargs=arguments,
                server=server,
                key=os.environ.get(KEY_ENV),
                config=config,
                prompt=prompted,
                harness=harness,
                out=out,
                keep_mb=keep_mb,
                name=agent,
                close_agent=True,
                on_episode=progress.advance,
            )
    except (KeyboardInterrupt, Stopped) as ended:
        typer.echo(
            f"{str(ended) or 'interrupted'}; {_what_stays(progress.num_ended, episodes, config.slots, out)}",
            err=True,
        )
        raise typer.Exit(130) from None
    if as_json:
        emit_json(evaluation.document())
    else:
        _show(evaluation, out, _num_rows(out) - kept, names_actions=policy.names_actions)
    failed = evaluation.errors > _MAX_ERROR_SHARE * len(evaluation.per_task)
    if failed:
        cause = next(row.error for row in evaluation.per_task if not row.counts)
        typer.echo(
            f"error: {evaluation.errors} of {len(evaluation.per_task)} episodes failed (coverage "
            f"{percent(evaluation.coverage)}); the first: {visible(str(cause))}",
            err=True,
        )
    _warn_of_gaps(evaluation)
    raise typer.Exit(1 if failed else 0)


def _prompted(
    policy: Policy, context: Mode | None, prompt: PromptConfig, recipe: str | None
) -> PromptConfig | None:
    """Return how to ask as the options say; None: as the agent was trained to be, or all explained.

    Raises:
        UsageError: if only some of it is said, and an agent's training or a recipe says the rest.
    """
    if context is not None:
        return replace(prompt, mode=context)
    if prompt == EXPLAINED:
        return None
    if policy.settings is None and recipe is None:
        return replace(prompt, mode="conversation") if prompt.tools == "native" else prompt
    given = [
        each.name for each in fields(prompt) if getattr(prompt, each.name) != getattr(EXPLAINED, each.name)
    ]
    as_what = "it was trained" if recipe is None else "the recipe says"
    raise UsageError(
        f"{', '.join(given)}: without --context the agent is asked as {as_what}, whatever else is said of "
        "prompts; give --context conversation or --context window too"
    )


def _num_rows(out: Path | None) -> int:
    """Return how many rows a folder has, those of failed episodes too."""
    file = None if out is None else out / "rows.jsonl"
    return file.read_bytes().count(b"\n") if file is not None and file.is_file() else 0


def _what_stays(ended: int, episodes: int, slots: int, out: Path | None) -> str:
    """Say what an interrupted evaluation keeps, and how it goes on."""
    if out is None:
        return f"{ended} of {episodes} episodes had ended, and nothing is kept: --out DIR keeps them"
    if not ended:
        sooner = (
            f", and with fewer than {slots} at once (--slots) the first ones end sooner" if slots > 1 else ""
        )
        return f"no episode had ended, so {out} holds none; the same command begins again{sooner}"
    return f"{out} keeps {ended} of {episodes} episodes; the same command goes on from them"


def _warn_of_gaps(evaluation: Evaluation) -> None:
    """Say it where a rate is over too few of the episodes that were played."""
    untold = sum(row.counts and row.success is None for row in evaluation.per_task)
    if evaluation.success_rate is not None and untold > _MAX_ERROR_SHARE * len(evaluation.per_task):
        typer.echo(
            f"warning: of {untold} episodes the environment did not say whether they were won; they are in "
            "no rate: let it say info['won'] in every reply",
            err=True,
        )


def _show(evaluation: Evaluation, out: Path | None, played: int, *, names_actions: bool) -> None:
    """Print the figures; of an agent that names actions only those that can be other than nothing."""
    from rich.console import Console
    from rich.table import Table

    view = Table(box=None, pad_edge=False, show_header=False)
    view.add_row("success", _success(evaluation))
    taken = f", {evaluation.operated} taken over by an operator" if evaluation.operated else ""
    view.add_row("episodes", f"{evaluation.episodes} counted, {evaluation.errors} failed{taken}")
    view.add_row("return", f"{evaluation.mean_return:.4g}")
    if evaluation.score is not None:
        view.add_row("score", f"{evaluation.score:.4g}  (the environment's own figure, info['score'])")
    for name, value in evaluation.metrics.items():
        view.add_row(visible(name), f"{value:.4g}")
    rollout = evaluation.settings["rollout"]
    longest = max((row.turns for row in evaluation.per_task), default=0)
    allowed = f"the longest {longest}; at most {rollout['max_turns']} by --max-turns"
    view.add_row("turns", f"{evaluation.turns:.1f} an episode, {allowed}, or fewer by the environment")
    speaks = not names_actions or evaluation.tokens > 0
    if speaks:
        counted = "; not all answers told theirs" if evaluation.policy.get("without_usage") else ""
        view.add_row("tokens", f"{evaluation.tokens:.1f} an episode{counted}")
    if evaluation.cost:
        view.add_row("cost", f"{evaluation.cost:.4f} US dollars in all")
    if speaks or evaluation.malformed_rate:
        view.add_row("malformed", f"{evaluation.malformed_rate:.1%} of turns")
    if filtered := sum(row.filtered for row in evaluation.per_task):
        view.add_row("filtered", f"{filtered} messages withheld by the endpoint")
    if speaks or evaluation.inadmissible_rate:
        view.add_row("inadmissible", f"{evaluation.inadmissible_rate:.1%} of turns, where actions are listed")
    view.add_row("ends", ", ".join(f"{end} {number}" for end, number in evaluation.ends.items()))
    if evaluation.causes:
        view.add_row("lost by", ", ".join(f"{cause} {number}" for cause, number in evaluation.causes.items()))
    if speaks:
        view.add_row("decoding", _decoding(evaluation))
    _show_endpoint(view, evaluation.policy)
    if out is not None and played < len(evaluation.per_task):
        view.add_row("played now", f"{played} of {len(evaluation.per_task)}; the others were there already")
    if out is not None:
        view.add_row("files", f"{out / 'evaluation.json'}")
    Console().print(view)


def _decoding(evaluation: Evaluation) -> str:
    """Return how messages were drawn."""
    rollout = evaluation.settings["rollout"]
    changed = [name for name, value in NEUTRAL.document().items() if rollout[name] != value]
    names = dict.fromkeys(["temperature", "top_p", *changed, "constraint"])
    left = evaluation.policy.get("server_default", ())
    return ", ".join(f"{name} {'server default' if name in left else rollout[name]}" for name in names)


def _success(evaluation: Evaluation) -> str:
    """Return the headline: the rate, its interval, and over which share of the tasks."""
    if evaluation.success_rate is None:
        return f"{UNKNOWN}  (the environment does not say info['won'])"
    between = interval(evaluation.ci_low, evaluation.ci_high)
    return (
        f"{percent(evaluation.success_rate)}  (95 % interval {between}; coverage "
        f"{percent(evaluation.coverage)})"
    )


def _show_endpoint(view: Table, said: Mapping[str, Any]) -> None:
    """Add what an endpoint did that the figures do not show."""
    if "requests" not in said:
        return
    told = f"{said['requests']} requests, {said['retries']} repeated, {said['cost']:.4f} US dollars"
    for name, words in (
        ("late", "given up"),
        ("without_usage", "without usage"),
        ("tool_calls", "answered by calls of tools"),
    ):
        told += f", {said[name]} {words}" if said[name] else ""
    view.add_row("endpoint", told)
    if said["adapted"]:
        view.add_row("asked by", ", ".join(said["adapted"]))
    if said["server_default"]:
        view.add_row("server default", ", ".join(said["server_default"]) + ": refused, left to the server")
