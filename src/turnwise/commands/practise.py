"""`turnwise practise`: lessons in words out of groups of episodes; no weight changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..agents.experience.config import PLAYED, PracticeConfig
from ..agents.policies.by_name import AGENTS
from ..agents.prompts.config import EXPLAINED, Mode
from ..agents.rollout.config import RolloutConfig
from ..errors import Stopped
from ..settings import KEY_ENV
from ..shown import UNKNOWN, percent, visible
from .options import EnvKwargs, JsonFlag, emit_json, parse_kwargs
from .options_from import with_settings

__all__ = ["practise"]


@with_settings()
def practise(
    agent: Annotated[str, typer.Option("--agent", metavar="AGENT", help=AGENTS)],
    env: Annotated[str, typer.Option("--env", metavar="ENV", help="An id, or a class on this machine.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Lessons, trajectories, answers; go on from them.")
    ],
    practice: PracticeConfig = PracticeConfig(),
    kwargs: EnvKwargs = None,
    agent_options: Annotated[
        list[str] | None, typer.Option("--agent-option", "-a", metavar="NAME=VALUE", help="Of the agent.")
    ] = None,
    writer: Annotated[
        str | None, typer.Option(metavar="AGENT", help="Who writes the lessons; by default the agent.")
    ] = None,
    writer_options: Annotated[
        list[str] | None, typer.Option("--writer-option", metavar="NAME=VALUE", help="Of the writer.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="train, seen, unseen, test or all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of tasks, their order and the sampling.")] = 0,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help=f"A server; its key is read from {KEY_ENV}.")
    ] = None,
    config: RolloutConfig = PLAYED,
    context: Annotated[
        Mode | None, typer.Option(help="Prompts that grow, or one a turn; the agent's own by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Learn lessons in words from groups of episodes (training-free GRPO); no weight changes.

    Each task is played several times with the lessons so far in the prompt. The writer, a model that
    follows instructions, sums up the episodes of a group whose rewards differ, says what made the
    difference, and proposes lessons to add, update or delete. DIR/experience.json has them; evaluations
    show them to an agent with --experience. The same command goes on after Ctrl-C.

    Examples:
      turnwise practise --env household/mix-v0 --split train --agent openai:URL#MODEL --out lessons
      turnwise eval --env household/mix-v0 --agent openai:URL#MODEL --experience lessons/experience.json
    """
    from ..api.practising import practise as play

    prompt = None if context is None else replace(EXPLAINED, mode=context)
    try:
        practised = play(
            env, agent, out, practice=practice, seed=seed, split=split, kwargs=parse_kwargs(kwargs),
            agent_options=parse_kwargs(agent_options, "--agent-option"), writer=writer,
            writer_options=parse_kwargs(writer_options, "--writer-option"), server=server,
            key=os.environ.get(KEY_ENV), config=config, prompt=prompt,
            on_step=None if as_json else _tell,
        )  # fmt: skip
    except (KeyboardInterrupt, Stopped) as ended:
        typer.echo(f"{str(ended) or 'interrupted'}; the same command goes on from what {out} keeps", err=True)
        raise typer.Exit(130) from None
    if as_json:
        emit_json({"experiences": practised.lessons.texts, "steps": practised.steps})
        return
    typer.echo(visible(practised.lessons.listed()))
    typer.echo(f"{out / 'experience.json'}: {len(practised.lessons.texts)} lessons")


def _tell(step: int, figures: Mapping[str, float]) -> None:
    rate = percent(figures["success"]) if "success" in figures else UNKNOWN
    done = ", ".join(f"{figures[name]:.0f} {word}" for name, word in _DONE if name in figures)
    typer.echo(f"step {step}: success {rate}, return {figures.get('return', 0):.3g}; {done}")


_DONE = (
    ("groups", "groups"), ("compared", "compared"), ("add", "added"), ("update", "updated"),
    ("delete", "deleted"), ("lessons", "lessons"), ("failed", "questions failed"),
    ("unreadable", "answers unreadable"),
)  # fmt: skip
