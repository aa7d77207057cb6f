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
        self._reviving = asyncio.Lock()
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
        policy, begun = self._policy, perf_counter()
        self._restarts = self._config.restarts
        place = await asyncio.to_thread(self._carrier.write, version)
        self._expected = replace(self._expected, version=f"{policy.label}:{version}")
        findings: list[Finding] = []
        probing = 0.0
        try:
            for engine in policy.engines:
                await self._begin(engine)
            async with policy.admission.shut():
                for engine in policy.engines:
                    await self._bring_or_restart(engine, place)
                proving = perf_counter()
                for engine in policy.engines:
                    findings += await self._prove(engine, version)
                probing = perf_counter() - proving
                policy.version = version
        except PolicyError as error:
            raise TrainingError(f"sync of version {version}: {error}") from error
        self._place = place
        self._carrier.arrived(place)
        worst = max(finding.worst for finding in findings)
        mean = max(finding.mean for finding in findings)
        return SyncReport(perf_counter() - begun, worst, mean, probing)

    async def revive(self, engine: Engine, error: EngineGone, since: float) -> None:
        """Start an engine again that is ours, with the weights that it had.

        Args:
            engine: it did not answer.
            error: how.
            since: when it was asked; one that was started later is back already.

        Raises:
            PolicyStopped: if it is not ours, or was started again too often.
        """
        async with self._reviving:
            if self._started.get(engine, since) > since:
                return
            process = self._processes.get(engine)
            if process is None:
                raise PolicyStopped(f"{error}; start it again, then go on with --resume") from error
            if self._restarts < 1 or self._place is None:
                raise PolicyStopped(
                    f"{error}; it was started again {self._config.restarts} times since the last update and "
                    f"is not any more; its log {process.log_file} ends:\n{process.log_tail()}"
                ) from error
            log.warning("%s; it is started again", error)
            self._restarts -= 1
            try:
                async with self._policy.admission.shut():
                    await self._start(engine)
                    await self._bring(engine, self._place)
                    await self._prove(engine, self._policy.version)
            except (PolicyError, TrainingError) as again:
                raise PolicyStopped(f"{error}; started again: {again}") from again

    def close(self) -> None:
        """End the engines that are ours, and drop what lies on its way."""
        for process in self._processes.values():
            process.close()
        self._carrier.close()

    async def _begin(self, engine: Engine) -> None:
        """Start an engine that is ours and does not run, and let it hold the probe's long prompt."""
        process = self._processes.get(engine)
        if process is not None and not process.runs():
            await self._start(engine)
        await prime(engine, self._expected, self._policy.context_tokens)

    async def _start(self, engine: Engine) -> None:
        process = self._processes[engine]
        await asyncio.to_thread(process.stop)
        await asyncio.to_thread(process.start)
        self._started[engine] = monotonic()

    async def _bring_or_restart(self, engine: Engine, place: Path) -> None:
        try:
            await self._bring(engine, place)
        except EngineGone as error:
            if engine not in self._processes or self._restarts < 1:
                raise
            log.warning("%s; it is started again", error)
            self._restarts -= 1
            await self._start(engine)
            await self._bring(engine, place)

    async def _bring(self, engine: Engine, place: Path) -> None:
        await engine.pause()
        await self._carrier.load(engine, place)
        await engine.set_version(self._expected.version)
        await engine.reset_cache()
        await engine.resume()

    async def _prove(self, engine: Engine, version: int) -> Sequence[Finding]:
        findings = await probe(engine, self._expected, self._policy.context_tokens)
        if wrong := verdict(findings, self._model):
            raise TrainingError(
                f"sync of version {version}: {engine.name} does not answer as the learner does: {wrong}. "
                "Nothing was trained on it; the last checkpoint is valid"
            )
        return findings
