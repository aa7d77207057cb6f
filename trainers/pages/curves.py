"""The curves of one run, and of several seeds together with the band between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..runs.series import Points, bands, number
from .charts import Chart, Curve, chart
from .run import Run

# id, title, what to make of it, (label, names in the log, the first that is there), limits
_Line = tuple[str, tuple[str, ...]]
_CHARTS: tuple[tuple[str, str, str, tuple[_Line, ...], tuple[float, float] | None], ...] = (
    (
        "success",
        "Success",
        "Share of episodes that were won; the band of held-out tasks is their 95 % interval.",
        (("training tasks", ("success_rate",)), ("held-out tasks", ("eval/success_rate",))),
        (0.0, 1.0),
    ),
    (
        "return",
        "Return",
        "Sum of rewards of an episode.",
        (("training tasks", ("reward",)), ("held-out tasks", ("eval/reward",))),
        None,
    ),
    ("loss", "Loss", "Near 0 by its making; leaps are what to look for.", (("loss", ("loss",)),), None),
    (
        "kl",
        "KL",
        "How far an update goes, and how far sampler and learner are apart, in nats a token.",
        (
            ("of an update", ("approx_kl",)),
            ("to the reference", ("kl",)),
            ("sampler to learner", ("mismatch_kl",)),
        ),
        None,
    ),
    (
        "entropy",
        "Entropy",
        "In nats a token; near 0 nothing new is tried.",
        (("entropy", ("entropy",)),),
        None,
    ),
    (
        "signal",
        "Signal",
        "Groups without a signal, messages without an action or with one that is not on offer, and episodes "
        "that ran out of turns or tokens, as shares.",
        (
            ("dead groups", ("credit/dead_groups", "frac_reward_zero_std")),
            ("malformed", ("rollout/malformed",)),
            ("inadmissible", ("rollout/inadmissible",)),
            ("out of turns", ("rollout/truncated",)),
        ),
        (0.0, 1.0),
    ),
    (
        "difficulty",
        "Difficulty",
        "Training tasks by what came of them so far, as shares of all; docs/tasks.md.",
        (
            ("never played", ("tasks/never",)),
            ("never won", ("tasks/unsolved",)),
            ("won in some episodes", ("tasks/between",)),
            ("won in every episode", ("tasks/always",)),
        ),
        (0.0, 1.0),
    ),
    (
        "credit",
        "Credit",
        "Standard deviation of the advantage over turns.",
        (("standard deviation", ("credit/std",)), ("mean", ("credit/mean",))),
        None,
    ),
    (
        "tokens",
        "Throughput",
        "Tokens generated a second of rollout.",
        (("tokens a second", ("rollout/tokens_per_s",)),),
        None,
    ),
    (
        "seconds",
        "Seconds an update",
        "Where the time goes.",
        (
            ("all", ("step_time",)),
            ("policy", ("time/policy",)),
            ("environment", ("time/environment",)),
            ("learner", ("time/learner",)),
        ),
        None,
    ),
    (
        "work",
        "Who is at work",
        "Share of an update in which each is; who is there for all of it holds the others up.",
        (
            ("learner", ("time/busy_learner",)),
            ("engine", ("time/busy_engine",)),
            ("environment", ("time/busy_environment",)),
        ),
        (0.0, 1.0),
    ),
    (
        "staleness",
        "Staleness",
        "Shares of tokens by how many versions behind the learner their weights were.",
        (
            ("none", ("staleness/0",)),
            ("one", ("staleness/1",)),
            ("two", ("staleness/2",)),
            ("masked", ("staleness/masked",)),
        ),
        (0.0, 1.0),
    ),
)


def charts_of(run: Run) -> list[Chart]:
    """Return the charts of a run that have something to show."""
    drawn = []
    for id, title, about, lines, limits in _CHARTS:
        curves = [Curve(label, run.points(*names), *_interval(run, names)) for label, names in lines]
        drawn.append(chart(id, title, about, curves, limits))
    return [found for found in drawn if found is not None]


def charts_of_seeds(runs: Sequence[Run]) -> list[Chart]:
    """Return the charts of several seeds: the mean of each figure, between its least and its most."""
    drawn = []
    for id, title, about, lines, limits in _CHARTS:
        curves = [_together(label, [run.points(*names) for run in runs]) for label, names in lines]
        said = f"{about} Lines are means of the seeds, bands reach from the least to the most."
        drawn.append(
            chart(
                id,
                title,
                said.replace("; the band of held-out tasks is their 95 % interval", ""),
                curves,
                limits,
            )
        )
    return [found for found in drawn if found is not None]


def _together(label: str, several: Sequence[Points]) -> Curve:
    found = bands(several)
    mean = [(band.update, band.mean) for band in found]
    return Curve(label, mean, [(band.update, band.least, band.most) for band in found])


def _interval(run: Run, names: tuple[str, ...]) -> tuple[list[tuple[float, float, float]], bool]:
    """Return the 95 % interval where the log has one, and whether points are few enough to be marked."""
    if not names[0].startswith("eval/"):
        return [], False
    return (list(_band(run)) if names[0] == "eval/success_rate" else []), True


def _band(run: Run) -> Iterator[tuple[float, float, float]]:
    for entry in run.evals:
        update, low, high = (number(entry.get(name)) for name in ("update", "eval/ci_low", "eval/ci_high"))
        if update is not None and low is not None and high is not None:
            yield update, low, high
