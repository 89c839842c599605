"""One noise for a batch that several processes share.

Every process draws what one process would draw for the whole batch, and keeps its own examples'
part. So the loss of a step does not depend on the number of processes, dropout or not. Numbers are
drawn that are not used; a step's worth of them takes a small part of a step.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from trainer import processes


def shared(size: int) -> AbstractContextManager[Any]:
    """Within: the random numbers of examples are a part of those of all `size` examples."""
    return nullcontext() if processes.count() == 1 else _Shared(size)


class _Shared(TorchFunctionMode):
    """Stands before the three ways in which a network draws (torch.overrides)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._part = size, processes.part(size)

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.rand_like:
            return self._drawn(torch.rand, args[0].shape)
        if func is torch.rand:
            shape = args if isinstance(args[0], int) else args[0]
            return self._drawn(torch.rand, shape)
        if func is F.dropout:
            return self._dropout(args[0], *_settings(*args[1:], **(kwargs or {})))
        return func(*args, **(kwargs or {}))

    def _dropout(self, vectors: Tensor, share: float, training: bool) -> Tensor:
        if not training or not share:
            return vectors
        kept = self._drawn(lambda shape: torch.empty(shape).bernoulli_(1 - share), vectors.shape)
        return vectors * kept.div_(1 - share)

    def _drawn(self, draw: Callable[[Any], Tensor], shape: Sequence[int]) -> Tensor:
        """Of examples; what is no example's, such as a queued item's, is drawn alike by all."""
        if shape[0] != self._part.stop - self._part.start:
            return draw(tuple(shape))
        return draw((self._size, *shape[1:]))[self._part]


def _settings(p: float = 0.5, training: bool = True, inplace: bool = False) -> tuple[float, bool]:
    """Those of `F.dropout`; nothing here is done in place."""
    return p, training
