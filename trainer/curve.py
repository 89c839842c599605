"""The course of a run, for its checkpoint and for TensorBoard: loss, learning rate and speed."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from tensorboardX import SummaryWriter
from torch import Tensor

from trainer.errors import ConfigError

EVERY = 25  # steps between two points
COLUMNS = ("step", "loss", "lr", "examples_per_s", "validation")
NEVER = float("nan")  # a point at which nothing was validated


class Curve:
    """Points of a run so far; a resumed run goes on with those it had."""

    def __init__(self, batch: int, logs: Path | None = None) -> None:
        """Take the examples of a step, and a folder for TensorBoard if one is wanted.

        Raises:
            ConfigError: that folder cannot be made.
        """
        self.smooth = NEVER  # loss, over some fifty steps
        self.rate = 0.0  # examples a second since this process began
        self._batch = batch
        self._points: list[tuple[float, ...]] = []
        self._began: tuple[float, int] | None = None
        self._writer = _writer(logs) if logs else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._writer:
            self._writer.close()

    def add(self, step: int, loss: float, lr: float) -> None:
        """Take the loss of a step, counted from 0."""
        known = self.smooth == self.smooth  # not NaN
        self.smooth = 0.98 * self.smooth + 0.02 * loss if known else loss
        now = time.monotonic()
        self._began = self._began or (now, step)
        self.rate = (step - self._began[1]) * self._batch / max(now - self._began[0], 1e-9)
        if step % EVERY == 0:
            self._point(step, lr, NEVER)

    def validated(self, step: int, lr: float, score: float) -> None:
        """Take a validation after `step` steps."""
        self._point(step, lr, score)

    def _point(self, step: int, lr: float, score: float) -> None:
        point = (float(step), self.smooth, lr, self.rate, score)
        self._points.append(point)
        if self._writer:
            for name, value in zip(COLUMNS[1:], point[1:], strict=True):
                if value == value:  # not NaN
                    self._writer.add_scalar(name, value, step)

    def points(self) -> list[dict[str, float]]:
        """One dictionary a point; `validation` only where there was one."""
        return [
            {name: value for name, value in zip(COLUMNS, point, strict=True) if value == value}
            for point in self._points
        ]

    def state(self) -> Tensor:
        """What `load` needs: [1 + points, columns], the smoothed loss of now in the first row."""
        now = (NEVER, self.smooth, NEVER, NEVER, NEVER)
        return torch.tensor([now, *self._points], dtype=torch.float64)

    def load(self, state: Tensor) -> None:
        """Go on after the points of an earlier process."""
        now, *self._points = (tuple(row) for row in state.tolist())
        self.smooth = now[1]


def _writer(logs: Path) -> SummaryWriter:
    try:
        return SummaryWriter(str(logs))
    except OSError as error:
        raise ConfigError(f"{logs} is no folder for TensorBoard: {error.strerror}") from error
