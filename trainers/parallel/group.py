"""The ranks of a learner: how they compute together, and how one finds out what became of another.

Numbers go through collectives of torch.distributed (gloo on CPUs, NCCL between GPUs), which all ranks enter
within a time limit. What rank 0 asks for next stands in a store, at which the others wait as long as it
takes: a rollout may last hours. What makes a rank fail it writes there too, if it still can.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.tensor import DTensor

from ...errors import TrainingError, TurnwiseError
from .place import Place

T = TypeVar("T")
Numbers = TypeVar("Numbers", NDArray[np.float64], NDArray[np.float32])

STOP = "stop"
_GRACE_S = 15.0  # for other ranks to tell what has happened to them
_WAIT_S = 5.0  # at the store, again and again
_GO_ON = (
    "nothing of the update is kept, and what was saved last is whole: go on with --resume, with as many "
    "learners or with others (--set launch.learners=1)"
)


class Ranks:
    """The processes that learn together, seen from one of them; a learner's Group.

    Args:
        store: at which they meet.
        place: of this one.
        device: of its part of the model.
        timeout_s: how long one may let the others wait in a computation.
        ended: tells of each other rank that has ended how it did, where this process knows.
    """

    def __init__(
        self,
        store: Store,
        place: Place,
        device: torch.device,
        timeout_s: float,
        ended: Callable[[], Mapping[int, str]] = dict,
    ) -> None:
        self.rank, self.world, self.device = place.rank, place.world, device
        self._store, self._timeout_s, self._ended = store, timeout_s, ended
        self._orders = 0
        self._lost = ""  # what has ended the group
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(
            "gloo" if device.type == "cpu" else f"cpu:gloo,{device.type}:nccl",
            store=PrefixStore("group", store),
            rank=place.rank,
            world_size=place.world,
            timeout=timedelta(seconds=timeout_s),
        )

    def sum(self, value: Numbers) -> Numbers:
        """Return the sum over the ranks of an array of one shape, on each of them."""
        tensor = torch.from_numpy(value.copy())
        dist.all_reduce(tensor)
        summed: Numbers = tensor.numpy()
        return summed

    def gather(self, value: list[T]) -> list[T]:
        """Return the lists of all ranks end to end, in their order, on each; tensors in them on the CPU."""
        packed, found = io.BytesIO(), [b""] * self.world
        torch.save(value, packed)
        dist.all_gather_object(found, packed.getvalue())
        lists = (torch.load(io.BytesIO(each), map_location="cpu", weights_only=False) for each in found)
        return [one for each in lists for one in each]

    def whole(self, tensor: Tensor) -> Tensor:
        """Return a tensor of which each rank may hold a part."""
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def share(self, value: Any = None) -> Any:
        """Return on each rank what rank 0 gives."""
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    @property
    def is_lost(self) -> bool:
        """Tell whether a rank was lost, and with it the group."""
        return bool(self._lost)

    def order(self, name: str) -> None:
        """As rank 0, tell the others what is done next."""
        self._orders += 1
        self._store.set(f"order/{self._orders}", name)

    def next_order(self) -> str:
        """As another rank, wait for what is done next.

        Raises:
            torch.distributed.DistNetworkError: if the store is gone, and so is rank 0.
        """
        self._orders += 1
        return wait_for(self._store, f"order/{self._orders}")

    def reporting(self, _: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """As another rank, leave a block, and tell rank 0 what has made it fail, if it can still be told."""
        if error is not None:
            text = f"{type(error).__name__}: {_first_line(error)}"
            with suppress(dist.DistError):
                self._store.set(f"failed/{self.rank}", json.dumps([has_lost(error), text]))
        return False

    @contextmanager
    def together(self, what: str) -> Iterator[None]:
        """As rank 0, do with all ranks what stands inside, and say who has kept it from being done.

        Raises:
            TrainingError: naming the rank that died, hangs or failed; from then on at once.
        """
        if self._lost:
            raise TrainingError(self._lost)
        try:
            yield
        except TurnwiseError:
            raise
        except RuntimeError as error:
            if not has_lost(error):
                raise
            self._lost = f"{what}: {self._why(error)}; {_GO_ON}"
            raise TrainingError(self._lost) from error

    def close(self) -> None:
        """Leave the group; rank 0 tells the others to end."""
        if self.rank == 0:
            self.order(STOP)
        dist.destroy_process_group()

    def _why(self, error: BaseException) -> str:
        """Return which rank is the cause of an error that says that ranks have lost each other."""
        deadline = time.monotonic() + _GRACE_S
        while True:
            ended, reports = self._ended(), self._reports()
            causes = {rank: text for rank, (has_lost_others, text) in reports.items() if not has_lost_others}
            causes |= {rank: how for rank, how in ended.items() if rank not in reports}
            silent = [rank for rank in range(1, self.world) if rank not in reports and rank not in ended]
            if causes or not silent or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        gone = f"does not answer: it has died, or lets the others wait for more than {self._timeout_s:g} s"
        causes = causes or dict.fromkeys(silent, f"{gone} (launch.timeout_s)")
        named = [f"rank {rank} of {self.world} {how}" for rank, how in sorted(causes.items())]
        return "; ".join(named) or f"the ranks have lost each other: {_first_line(error)}"

    def _reports(self) -> dict[int, tuple[bool, str]]:
        """Return what other ranks have reported: whether they lost others themselves, and the words."""
        found = {}
        for rank in range(1, self.world):
            if self._store.check([key := f"failed/{rank}"]):
                has_lost_others, text = json.loads(self._store.get(key))
                found[rank] = bool(has_lost_others), f"failed: {text}"
        return found


def wait_for(store: Store, key: str) -> str:
    """Return what stands under a key of a store, once it does.

    Raises:
        torch.distributed.DistNetworkError: if the store is gone.
    """
    while True:
        try:
            store.wait([key], timedelta(seconds=_WAIT_S))
        except dist.DistStoreError:
            continue  # not yet
        return str(store.get(key), "utf-8")


def has_lost(error: BaseException) -> bool:
    """Tell whether an error says that ranks have lost each other, and not what went wrong in this one."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:300]
