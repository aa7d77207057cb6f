"""What is wrong with a run, in words: the likely cause first, what follows from it below.

Each rule reads figures of the log alone (docs/view.md lists them with their limits), over the
last updates unless it says otherwise. They tell where to look, and prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...servers.pages.writing import line
from ...servers.pages.writing import number as short
from ...shown import percent
from ..runs.series import number, points_of
from .run import Run

Level = Literal["bad", "warn", "note", "good"]
LAST = 10  # updates that tell how a run stands
MOST, MANY, SOME = 0.9, 0.5, 0.1  # shares
LOW_ENTROPY, FALLEN = 0.1, 0.6  # nats a token; shares of what there was
LARGE_KL, LARGE_MISMATCH = 0.5, 0.01  # nats a token
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that one should know of a run.

    Attributes:
        level: how bad it is.
        title: what is the matter, in a sentence.
        text: the figures that say so, and what they mean.
        todo: what to look at or to change.
        about: which rule found it.
    """

    level: Level
    title: str
    text: str
    todo: str
    about: str


def alerts(run: Run) -> list[Alert]:
    """Return what stands out, likely causes first; one that says so where nothing does."""
    if not run.updates:
        return [_no_update(run)]
    found = [alert for rule in _RULES if (alert := rule(run)) is not None]
    if any(alert.level in ("bad", "warn") for alert in found):
        return found
    quiet = (
        "Episodes of a group differ, messages can be read, the policy still tries, engine and learner agree."
    )
    return [Alert("good", "Nothing stands out", quiet, "", "quiet"), *found]


def mean_of_last(run: Run, name: str) -> float | None:
    """Return the mean of a figure over the last updates that have it."""
    values = [value for _, value in points_of(run.updates[-LAST:], name)]
    return sum(values) / len(values) if values else None


def since(run: Run, name: str, holds: Callable[[float], bool]) -> int:
    """Return the update from which on a figure has held to the end, without a gap."""
    begin = run.updates[-1]["update"]
    for update, value in reversed(points_of(run.updates, name)):
        if not holds(value):
            break
        begin = update
    return int(begin)


def _no_update(run: Run) -> Alert:
    text = "The log has no update. " + ("An evaluation is there." if run.evals else "")
    return Alert("note", "Nothing was learned yet", text, "", "empty")


def _not_a_number(run: Run) -> Alert | None:
    for entry in run.updates:
        for name in ("loss", "grad_norm", "entropy"):
            if isinstance(entry.get(name), float) and number(entry[name]) is None:
                title = f"{name} is not a number since update {short(entry['update'])}"
                todo = "Lower the learning rate; look at the update before that one."
                return Alert("bad", title, "The weights are spoilt from there on.", todo, "number")
    return None


def _malformed(run: Run) -> Alert | None:
    share = mean_of_last(run, "rollout/malformed")
    if share is None or share < SOME:
        return None
    begin = since(run, "rollout/malformed", lambda value: value >= min(share, MANY))
    style = run.asked("prompt", "style", "plain")
    wanted = {
        "tags": "<action>what to do</action>, once, beside an optional <think>thought</think>",
        "plan": "a line of the plan, and then the action",
    }.get(str(style), "the action alone, beside a thought that is closed")
    text = (
        f"In the last updates the parser found no action in {percent(share)} of the messages, since update "
        f"{begin}. The environment got the messages as they are and answers as to any nonsense, so reward "
        f"and credit say little of what the policy wants to do."
    )
    todo = (
        f"prompt.style is {style!r}: expected was {wanted}. Read the messages below; teach the form first "
        "(a warm start, prompt.explain), allow more rollout.max_tokens, or ask in another style."
    )
    level: Level = "bad" if share >= MANY else "warn"
    return Alert(level, f"The parser rejects {percent(share, 0)} of the messages", text, todo, "malformed")


def _errors(run: Run) -> Alert | None:
    errors, episodes = mean_of_last(run, "rollout/errors"), mean_of_last(run, "rollout/episodes")
    if not errors or not episodes or errors / episodes < SOME:
        return None
    causes: dict[str, Any] = {}
    for entry in run.updates[-LAST:]:
        said = entry.get("rollout/causes")
        causes |= said if isinstance(said, dict) else {}
    most = "; ".join(line(cause, 200) for cause in list(causes)[:3]) or "the log names no cause"
    title = f"{percent(errors / episodes, 0)} of the episodes fail by the machine's fault"
    return Alert("bad", title, f"Causes: {most}.", "Such episodes train nothing.", "errors")


def _no_reward(run: Run) -> Alert | None:
    rewards = [value for _, value in points_of(run.updates, "reward")]
    spreads = [value for _, value in points_of(run.updates, "reward_std")]
    if not rewards or max(rewards) - min(rewards) > _SAME or max(spreads, default=0.0) > _SAME:
        return None
    episodes = sum(value for _, value in points_of(run.updates, "rollout/episodes"))
    given = rewards[0]
    ends = mean_of_last(run, "rollout/truncated")
    cut = f" {percent(ends, 0)} of the episodes ended because their turns ran out." if ends else ""
    text = (
        f"In all {short(episodes)} episodes of {len(run.updates)} updates the return was {short(given)}. "
        f"Credit compares the episodes of a group: where all are equal there is nothing to learn from.{cut}"
    )
    if given > 0:
        todo = "Every episode is as good as any other: harder tasks, or another reward."
        return Alert("warn", f"The return is {short(given)} in every episode", text, todo, "no reward")
    todo = (
        "See whether the environment gives a reward at all when its task is solved (`turnwise check ENV`, "
        "`turnwise play ENV`): open some episodes, and look for one that is right and was not paid. If it "
        "does, the policy never gets there: an easier task, a warm start, more turns "
        "(rollout.max_turns), or a reward on the way."
    )
    return Alert("bad", "No episode was ever given a reward", text, todo, "no reward")


def _collapse(run: Run) -> Alert | None:
    entropy = points_of(run.updates, "entropy")
    if len(entropy) < 3:
        return None
    before = max(value for _, value in entropy[:LAST])
    now = sum(value for _, value in entropy[-LAST // 2 :]) / len(entropy[-LAST // 2 :])
    if now > LOW_ENTROPY * min(1.0, before) or before <= _SAME:
        return None
    name = "success_rate" if points_of(run.updates, "success_rate") else "reward"
    outcome = points_of(run.updates, name)
    if not outcome:
        return None
    best_update, best = max(outcome, key=lambda point: point[1])
    last = sum(value for _, value in outcome[-LAST // 2 :]) / len(outcome[-LAST // 2 :])
    if last > FALLEN * best and last >= MANY:
        return None  # sure of itself, and right
    begin = since(run, "entropy", lambda value: value <= LOW_ENTROPY * min(1.0, before))
    what = f"{name.replace('_', ' ')} in training"
    fell = f"{what} fell from {short(best)} (update {short(best_update)}) to {short(last)}"
    text = (
        f"Entropy fell from {short(before)} to {short(now)} nats a token (since update {begin}), and {fell}: "
        f"the policy says nearly the same whatever it sees, and explores no more.{_steps(run)}"
    )
    todo = (
        f"The learning rate is {short(run.asked('optim', 'learning_rate'))}: lower it, or bind the policy to "
        "where it began (loss.kl, loss.entropy_coef); go on from the best checkpoint (RUN/best)."
        f"{_unbound(run)}"
    )
    return Alert("bad", "The policy collapsed", text, todo, "collapse")


def _unbound(run: Run) -> str:
    """Name the limits of a step that are set so far away that they stop nothing."""
    limits = {"max_grad_norm": 100.0, "spike_limit": 100.0, "mismatch_limit": 100.0}
    values = {name: run.asked("optim", name) for name in limits}
    off = [
        f"optim.{name} = {value:g}"
        for name, value in values.items()
        if isinstance(value, int | float)
        and (value >= limits[name] or (name == "max_grad_norm" and not value))
    ]
    return f" What would have stopped it is set aside: {', '.join(off)}." if off else ""


def _steps(run: Run) -> str:
    """Say how far single updates went, where that was far."""
    kl = points_of(run.updates, "approx_kl")
    if not kl:
        return ""
    update, most = max(kl, key=lambda point: point[1])
    return f" The largest step was update {short(update)}: KL {short(most)} nats." if most > LARGE_KL else ""


def _dead(run: Run) -> Alert | None:
    share = mean_of_last(run, "credit/dead_groups")
    share = mean_of_last(run, "frac_reward_zero_std") if share is None else share
    if share is None or share < MANY:
        return None
    success = mean_of_last(run, "success_rate")
    title = f"{percent(share, 0)} of the groups give no signal"
    text = "In these groups all episodes had the same return, so that every advantage is 0."
    if success is not None and success >= MOST:
        return Alert(
            "note", title, f"{text} {percent(success, 0)} are won: little is left to learn.", "", "dead"
        )
    todo = "Other tasks, larger groups (rollout.group_size), or a sampler that refills them (dynamic)."
    return Alert("bad" if share >= MOST else "warn", title, text, todo, "dead")


def _mismatch(run: Run) -> Alert | None:
    kl = mean_of_last(run, "mismatch_kl")
    if kl is None or kl < LARGE_MISMATCH:
        return None
    limit = run.asked("optim", "mismatch_limit", 0.1)
    text = f"The KL between what sampled and what learns is {short(kl)} nats a token; near 0 is right."
    todo = (
        "Another precision, stale weights in the engine, or another tokenizer or chat template on one side."
    )
    level: Level = "bad" if isinstance(limit, int | float) and kl > limit else "warn"
    return Alert(level, "Engine and learner do not agree", text, todo, "mismatch")


def _large_steps(run: Run) -> Alert | None:
    kl, clipped = mean_of_last(run, "approx_kl"), mean_of_last(run, "clip_ratio")
    if (kl or 0.0) < LARGE_KL and (clipped or 0.0) < MANY:
        return None
    text = f"KL of an update {short(kl)} nats, {percent(clipped)} of the tokens clipped."
    todo = "Lower optim.learning_rate, or take fewer minibatches and epochs an update."
    return Alert("warn", "Updates go far", text, todo, "steps")


def _inadmissible(run: Run) -> Alert | None:
    share = mean_of_last(run, "rollout/inadmissible")
    if share is None or share < MANY:
        return None
    text = "They were read, and the environment does not offer them in that state."
    todo = "Show what may be done (prompt.show_admissible), or allow nothing else (rollout.constraint)."
    return Alert("warn", f"{percent(share, 0)} of the actions are inadmissible", text, todo, "inadmissible")


def _penalty_only(run: Run) -> Alert | None:
    share = mean_of_last(run, "credit/penalty_only")
    if share is None or share < MANY:
        return None
    text = f"In {percent(share, 0)} of the groups only the penalty for invalid turns makes a difference."
    return Alert(
        "warn", "The penalty is all that is learned", text, "As for groups without a signal.", "penalty"
    )


_RULES: Sequence[Callable[[Run], Alert | None]] = (
    _not_a_number,
    _malformed,
    _errors,
    _collapse,
    _no_reward,
    _dead,
    _mismatch,
    _large_steps,
    _inadmissible,
    _penalty_only,
)
