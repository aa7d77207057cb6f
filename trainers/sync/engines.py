"""The sync to engines of vLLM: pause, load, forget old keys and values, go on, prove, let requests in.

A paused engine computes nothing, so the probe comes after the engine has been resumed, while our own
admission is still shut: what was frozen goes on under the new weights, and nothing new is let in until
the probe has passed. It stays shut where the probe has not.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, perf_counter
from typing import cast

from ...agents.models import TransformersLM
from ...agents.policies import PolicyStopped
from ...agents.policies.vllm.config import EngineConfig
from ...agents.policies.vllm.engine import Engine, EngineGone
from ...agents.policies.vllm.policy import VllmPolicy
from ...agents.policies.vllm.process import EngineProcess
from ...agents.sampling import Sampling
from ...errors import PolicyError, TrainingError
from ..learner.probe import Tolerance
from .base import SyncReport, WeightSync
from .carriers import Carrier
from .probe import Expected, Finding, Limit, prime, probe, verdict

log = logging.getLogger(__name__)


class EngineSync(WeightSync):
    """The way of a learner's weights to engines.

    Args:
        model: the learner's.
        policy: its engines get the weights.
        carrier: how they travel.
        sampling: the recipe's, under which the probe compares.
        config: how often an engine is started again.
        processes: of the engines that are ours; they are started by the first push.
    """

    def __init__(
        self,
        model: TransformersLM,
        policy: VllmPolicy,
        carrier: Carrier,
        sampling: Sampling,
        config: EngineConfig,
        processes: Mapping[Engine, EngineProcess],
    ) -> None:
        self._model, self._policy, self._carrier = model, policy, carrier
        self._config, self._processes = config, dict(processes)
        self._restarts = config.restarts
        self._started: dict[Engine, float] = {}
        self._place: Path | None = None
        self._probing = 0.0  # seconds of the last push
        self._moving = asyncio.Lock()
        dtype = next(model.parameters()).dtype
        self._expected = Expected(model, policy.codec, sampling, Limit.of(dtype, None))
        policy.label = f"turnwise-{secrets.token_hex(4)}"
        policy.revive, policy.release = self.revive, self.close

    def allow(self, tolerance: Tolerance) -> None:
        """Take what the rounding of the model explains."""
        dtype = next(self._model.parameters()).dtype
        self._expected = replace(self._expected, limit=Limit.of(dtype, tolerance))

    async def push(self, version: int) -> SyncReport:
        """Bring the weights to every engine, and prove that they arrived.

        Raises:
            TrainingError: naming the version, the engine and the worst place.
        """
        begun, self._probing = perf_counter(), 0.0
        self._restarts = self._config.restarts
        try:
            async with self._moving:
                place = await self._written(version)
                findings = await self._push(place, version)
        except PolicyError as error:
            raise TrainingError(f"sync of version {version}: {error}") from error
        self._carrier.arrived(place)
        worst = max(finding.worst for finding in findings)
        mean = max(finding.mean for finding in findings)
        return SyncReport(perf_counter() - begun, worst, mean, self._probing)

    async def _written(self, version: int) -> Path:
        """Write the weights; meanwhile start engines that do not run, and let them hold the long prompt."""
        found = await asyncio.gather(
            asyncio.to_thread(self._carrier.write, version),
            *map(self._begin, self._policy.engines),
            return_exceptions=True,  # neither goes on behind the other's back
        )
        if failed := next((each for each in found if isinstance(each, BaseException)), None):
            raise failed
        return cast(Path, found[0])

    async def _push(self, place: Path, version: int) -> Sequence[Finding]:
        policy = self._policy
        self._place = place
        self._expected = replace(self._expected, version=f"{policy.label}:{version}")
        async with policy.admission.shut():
            findings = [found for engine in policy.engines for found in await self._bring(engine, version)]
            policy.version = version
        return findings

    async def revive(self, engine: Engine, error: EngineGone, since: float) -> None:
        """Start an engine again that is ours, with the weights that it had.

        Args:
            engine: it did not answer.
            error: how.
            since: when it was asked; one that was started later is back already.

        Raises:
            PolicyStopped: if it is not ours, or was started again too often.
        """
        async with self._moving:
            if self._started.get(engine, since) > since:
                return
            if self._place is None or engine not in self._processes:
                raise PolicyStopped(f"{error}; start it again, then go on with --resume") from error
            try:
                async with self._policy.admission.shut():
                    await self._start_again(engine, error)
                    await self._bring(engine, self._policy.version)
            except (PolicyError, TrainingError) as again:
                raise PolicyStopped(str(again)) from again

    def close(self) -> None:
        """End the engines that are ours, and drop what lies on its way."""
        for process in self._processes.values():
            process.close()
        self._carrier.close()

    async def _begin(self, engine: Engine) -> None:
        """Start an engine that is ours and does not run; let one that runs hold the probe's long prompt."""
        process = self._processes.get(engine)
        if process is not None and not process.runs():
            await self._start(engine)
        try:
            await engine.resume()  # a run that was killed may have left it paused
            await prime(engine, self._expected, self._policy.context_tokens)
        except EngineGone as error:
            await self._start_again(engine, error)  # what was started anew holds nothing stale

    async def _start(self, engine: Engine) -> None:
        process = self._processes[engine]
        await asyncio.to_thread(process.stop)
        await asyncio.to_thread(process.start)
        engine.started_anew()
        self._started[engine] = monotonic()

    async def _start_again(self, engine: Engine, error: EngineGone) -> None:
        """Start an engine that is gone, as often as it may be.

        Raises:
            EngineGone: if it is not ours, or was started again too often.
        """
        process = self._processes.get(engine)
        if process is None:
            raise error
        while self._restarts > 0:
            log.warning("%s; it is started again", error)
            self._restarts -= 1
            try:
                return await self._start(engine)
            except EngineGone as again:
                error = again
        raise EngineGone(
            f"{error}; it was started again {self._config.restarts} times since the last update and is not "
            f"any more; its log {process.log_file} ends:\n{process.log_tail()}"
        ) from error

    async def _bring(self, engine: Engine, version: int) -> Sequence[Finding]:
        """Bring the weights to an engine and prove it, from the beginning where it is gone on the way."""
        while True:
            try:
                await self._load(engine)
                return await self._prove(engine, version)
            except EngineGone as error:
                await self._start_again(engine, error)

    async def _load(self, engine: Engine) -> None:
        assert self._place is not None, "nothing was pushed"
        await engine.pause()
        await self._carrier.load(engine, self._place)
        await engine.set_version(self._expected.version)
        await engine.reset_cache()
        await engine.resume()

    async def _prove(self, engine: Engine, version: int) -> Sequence[Finding]:
        begun = perf_counter()
        findings = await probe(engine, self._expected, self._policy.context_tokens)
        self._probing += perf_counter() - begun
        if wrong := verdict(findings, self._model):
            raise TrainingError(
                f"sync of version {version}: {engine.name} does not answer as the learner does: {wrong}. "
                "Nothing was trained on it; the last checkpoint is valid"
            )
        return findings
