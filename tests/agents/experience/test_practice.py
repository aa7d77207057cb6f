"""Lessons in words: learned from groups, bounded, gone on from, and heeded in evaluations.

1. Practice finds what the signs mean, asks only about groups whose rewards differ, and then asks no more.
2. A writer that stops, a Ctrl-C in an episode and a kill in a step lose nothing that was answered or played.
3. A question that fails costs its group alone; an answer that cannot be read is counted.
4. The command writes a library that `turnwise eval --experience` shows; other settings are refused.
"""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import practised
import pytest
from typer.testing import CliRunner

import turnwise
from turnwise.__main__ import app
from turnwise.agents.experience.config import PLAYED, PracticeConfig
from turnwise.agents.experience.lessons import Library
from turnwise.agents.experience.practice import tasks_of
from turnwise.agents.policy import PolicyStopped
from turnwise.errors import PolicyError, UsageError

PLACE = Path(practised.__file__)
ENV, READER, AUTHOR = f"{PLACE}:Doors", f"{PLACE}:Reader", f"{PLACE}:Author"
SMALL = PracticeConfig(tasks=6, epochs=2, batch=3, group_size=3)
LEARNED = {"Sign rot: open red", "Sign verde: open green", "Sign bleu: open blue"}


def practise(out: Path, reader: Any, author: Any, config: PracticeConfig = SMALL) -> Any:
    return turnwise.practise(ENV, reader, out, writer=author, practice=config, seed=0)


def met(step: int) -> set[int]:
    return {seed % 3 for seed in tasks_of(SMALL, 0, step)}


def test_it_learns_what_the_signs_mean(tmp_path: Path) -> None:
    reader, author = practised.Reader(), practised.Author()
    done = practise(tmp_path, reader, author)
    assert set(done.lessons.texts) == LEARNED
    first, *_, last = done.steps
    assert first["success"] == pytest.approx(1 / 3) and last["success"] == 1.0
    assert first["compared"] == 3 and first["add"] == len(met(0))
    # per compared group 3 summaries, lessons, operations; one settling for the batch; 15 tokens a question
    assert first["asked"] == 3 * 5 + 1 and first["writer_tokens"] == 15 * 16
    assert first["micro_dollars"] == 16_000
    assert (last["compared"], last["asked"], last["lessons"]) == (0, 0, 3)
    assert reader.answered == SMALL.steps * 9
    assert sorted(tasks_of(SMALL, 0, 0) + tasks_of(SMALL, 0, 1)) == sorted(
        tasks_of(SMALL, 0, 2) + tasks_of(SMALL, 0, 3)
    )
    again = practised.Reader()
    assert practise(tmp_path, again, author) == done and again.answered == 0
    longer = practise(tmp_path, again, author, replace(SMALL, epochs=3, at_once=1))
    assert longer.steps[:4] == done.steps and len(longer.steps) == 6 and again.answered == 2 * 9


def test_what_stops_the_writer_loses_no_answer(tmp_path: Path) -> None:
    whole = practise(tmp_path / "whole", practised.Reader(), practised.Author())
    reader, stopped = practised.Reader(), practised.Author("Make one list", PolicyStopped("cost cap"))
    with pytest.raises(PolicyStopped, match="cost cap"):
        practise(tmp_path / "cut", reader, stopped)
    assert (reader.answered, len(stopped.questions)) == (9, 16)
    log = tmp_path / "cut" / "step-0000" / "answers.jsonl"
    assert len(log.read_text().splitlines()) == 15
    with log.open("a") as file:  # killed in the middle of a line
        file.write('["settled 0", "```js')
    reader, author = practised.Reader(), practised.Author()
    done = practise(tmp_path / "cut", reader, author)
    assert done.lessons == whole.lessons
    assert [each["success"] for each in done.steps] == [each["success"] for each in whole.steps]
    assert done.steps[0]["asked"] == 1 and reader.answered == (SMALL.steps - 1) * 9


class Interrupted(practised.Reader):
    """A reader that is interrupted in its fifth message."""

    async def generate(self, request: Any) -> Any:
        if self.answered == 4:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does
            await asyncio.sleep(10)
        return await super().generate(request)


def test_an_interruption_keeps_the_episodes_that_had_ended(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        turnwise.practise(
            ENV, Interrupted(), tmp_path, writer=practised.Author(), practice=SMALL, seed=0,
            config=replace(PLAYED, slots=1),
        )  # fmt: skip
    reader = practised.Reader()
    done = practise(tmp_path, reader, practised.Author())
    assert set(done.lessons.texts) == LEARNED and reader.answered == SMALL.steps * 9 - 4


def test_what_fails_costs_its_group_alone(tmp_path: Path) -> None:
    failing = practised.Author("Several attempts", PolicyError("late"))
    one = PracticeConfig(tasks=3, epochs=1, batch=3, group_size=3)
    done = practise(tmp_path / "late", practised.Reader(), failing, one)
    assert done.lessons.texts == () and done.steps[0]["failed"] == 3 and done.steps[0]["asked"] == 12

    class Rambling(practised.Author):
        def answer(self, system: str, told: str) -> str:
            return "```json\n{" if "Make one list" in system else super().answer(system, told)

    done = practise(tmp_path / "rambling", practised.Reader(), Rambling(), one)
    assert done.lessons.texts == () and done.steps[0]["unreadable"] == 3  # tried three times


def test_the_command_and_an_evaluation_with_its_lessons(tmp_path: Path) -> None:
    out, run = tmp_path / "lessons", CliRunner()
    numbers = ["--tasks", "6", "--epochs", "2", "--batch", "3", "--group-size", "3", "--seed", "0"]
    command = ["practise", "--env", ENV, "--agent", READER, "--writer", AUTHOR, "--out", str(out), *numbers]
    said = run.invoke(app, command)
    assert said.exit_code == 0, said.output
    assert "step 3: success 100" in said.output and "Sign rot: open red" in said.output
    file = out / "experience.json"
    evaluate = ["eval", "--env", ENV, "--agent", READER, "--episodes", "6", "--json"]
    before = json.loads(run.invoke(app, evaluate).output)
    after = json.loads(run.invoke(app, [*evaluate, "--experience", str(file)]).output)
    assert before["success_rate"] == pytest.approx(1 / 3) and after["success_rate"] == 1.0
    assert "Sign rot: open red" in after["settings"]["rollout"]["prompt"]["system"]
    assert turnwise.evaluate(ENV, practised.Reader(), episodes=6, experience=file).success_rate == 1.0
    refused = run.invoke(app, [*command, "--lessons", "1"])
    assert isinstance(refused.exception, UsageError) and "holds another practice" in str(refused.exception)
    assert Library.read(file).texts and set(Library.read(file).texts) == LEARNED
