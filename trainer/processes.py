"""Training on several processes: who takes part, and what all of them add up.

`torchrun -m couple train` starts the processes. Each takes a part of every batch, and what their
parts have in common - item vectors, means over the batch, gradients - is summed over all, so that
each takes the very step that one process would have taken with the whole batch. Without torchrun
there is one process, and everything here hands back what it is given.

Only the CPU trains, so gloo carries the messages. B batch of all processes, C part of one, U rows
a part touches, D dim.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from trainer.errors import ConfigError, LostProcess

MEETING = timedelta(minutes=5)  # for all to arrive
# The others wait for the first while it validates; what has died is noticed at once all the same.
PATIENCE = timedelta(hours=2)
Value = TypeVar("Value")


@contextmanager
def joined() -> Iterator[None]:
    """Within: one of the processes that torchrun started, or the only one there is.

    Raises:
        ConfigError: the environment names a number of processes and not how they meet.
        LostProcess: another process has ended before its time, or never came.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield
        return
    _meet()
    try:
        yield
    finally:
        dist.destroy_process_group()


def _meet() -> None:
    """Wait for the others, then speak to them."""
    try:
        store, rank, size = next(rendezvous("env://", timeout=MEETING))
    except ValueError as error:
        raise ConfigError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']!r}, but the processes cannot meet ({error}): "
            "start them by torchrun, or unset WORLD_SIZE to train in one"
        ) from error
    except RuntimeError as error:  # of its kinds, the one for a store that cannot be reached too
        raise LostProcess(f"the other processes did not come within {MEETING}: {error}") from error
    # A key is used once. torch gives a second group of the same processes the keys of the first,
    # and then they wait at addresses where nobody is any more.
    meeting = (store.add("couple/arrived", 1) - 1) // size
    own = PrefixStore(f"couple/{meeting}", store)
    own.set(f"here/{rank}", "")
    everyone = [f"here/{other}" for other in range(size)]
    try:
        own.wait(everyone, MEETING)
    except RuntimeError as error:
        came = sum(own.check([name]) for name in everyone)
        raise LostProcess(f"{came} of {size} processes came within {MEETING}") from error
    with _heard():
        dist.init_process_group("gloo", store=own, rank=rank, world_size=size, timeout=PATIENCE)


def count() -> int:
    """How many take part."""
    return dist.get_world_size() if dist.is_initialized() else 1


def leads() -> bool:
    """Whether this is the one that writes, measures and prints."""
    return not dist.is_initialized() or dist.get_rank() == 0


def place() -> int:
    """This process's number among those of its host, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def first_here() -> int:
    """The number, among all processes, of this host's first: torchrun counts host by host."""
    return dist.get_rank() - place() if dist.is_initialized() else 0


def threads(of_host: int) -> int:
    """This process's part of a host's threads: one at least."""
    return max(1, of_host // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def part(size: int) -> slice:
    """This process's part of `size` examples: a stretch of them, as long as any other or one off.

    Of a batch and not of the data: batches stay those of one process, whatever the number of
    processes, and so a run may go on with another number.
    """
    rank = dist.get_rank() if dist.is_initialized() else 0
    return slice(size * rank // count(), size * (rank + 1) // count())


def total(tensor: Tensor) -> Tensor:
    """The sum over all processes, with gradient."""
    return tensor if count() == 1 else _Total.apply(tensor)  # type: ignore[no-untyped-call]


def gathered(part_CD: Tensor, size: int) -> Tensor:
    """The parts of all processes in the order of the batch, with gradient: [B, D]."""
    if count() == 1:
        return part_CD
    # A sum with zeros is exact, and parts need not be of one length.
    whole_BD = part_CD.new_zeros((size, *part_CD.shape[1:]))
    return total(torch.cat([whole_BD[: part(size).start], part_CD, whole_BD[part(size).stop :]]))


def mean(part_CD: Tensor) -> Tensor:
    """The mean over the whole batch, with gradient: [D]."""
    if count() == 1:
        return part_CD.mean(0)
    size = total(torch.tensor(len(part_CD)))
    return total(part_CD.sum(0)) / size


def sum_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Add up the gradients of small parameters, in one message; those without one stay so."""
    found = [p.grad for p in parameters if p.grad is not None]
    if count() == 1 or not found:
        return
    flat = _summed(torch.cat([grad.flatten() for grad in found]))
    for grad, whole in zip(found, torch.split(flat, [g.numel() for g in found]), strict=True):
        grad.copy_(whole.view_as(grad))


def sum_rows(rows: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [U] of a large table, each once, and their gradients [U, D] → those of all processes.

    Only what some process touches is sent. The sum is taken in one order, so it is the same, to
    the bit, everywhere.
    """
    if count() == 1:
        return rows, grad
    sizes = [int(n) for n in torch.cat(_all(torch.tensor([len(rows)])))]
    padding = max(sizes) - len(rows)
    all_rows = _all(torch.nn.functional.pad(rows, (0, padding)))
    grads = _all(torch.nn.functional.pad(grad, (0, 0, 0, padding)))
    flat = torch.cat([some[:n] for some, n in zip(all_rows, sizes, strict=True)])
    union, places = torch.unique(flat, return_inverse=True)
    summed = grad.new_zeros((len(union), grad.shape[1]))
    for at, some in zip(places.split(sizes), grads, strict=True):
        summed[at] += some[: len(at)]
    return union, summed


def told(value: Value) -> Value:
    """What the leader says, on every process; what the others say is not looked at."""
    if count() == 1:
        return value
    box = [value]
    with _heard():
        dist.broadcast_object_list(box, src=0)
    return box[0]


def everyone(value: Value) -> list[Value]:
    """What each process says, by process; nobody goes on before all have spoken."""
    if count() == 1:
        return [value]
    found: list[Value] = [value] * count()
    with _heard():
        dist.all_gather_object(found, value)
    return found


def told_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same for tensors, without a copy in between; the others' may be of other shapes."""
    outlines = told({name: (t.shape, t.dtype) for name, t in tensors.items()})
    mine = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in outlines.items()}
    for tensor in (tensors if leads() else mine).values():
        with _heard():
            dist.broadcast(tensor.contiguous(), src=0)
    return tensors if leads() else mine


class _Total(torch.autograd.Function):
    """Every process uses the sum, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return _summed(tensor.clone())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _summed(grad.clone())


def _summed(tensor: Tensor) -> Tensor:
    """In place."""
    with _heard():
        dist.all_reduce(tensor)
    return tensor


def _all(tensor: Tensor) -> list[Tensor]:
    """Tensors of one shape, by process."""
    found = [torch.empty_like(tensor) for _ in range(count())]
    with _heard():
        dist.all_gather(found, tensor)
    return found


@contextmanager
def _heard() -> Iterator[None]:
    """A message to the others, or from them."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcess(
            "another process of this training has ended: look for its own message, and run the "
            "same command again, which goes on from the last state that was saved"
        ) from error
