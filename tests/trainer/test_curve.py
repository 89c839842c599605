"""The course of a run can be read back, by us and by TensorBoard."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboardX.crc32c import crc32c
from tensorboardX.proto.event_pb2 import Event

from trainer.curve import EVERY, Curve
from trainer.errors import ConfigError


def events(folder: Path) -> Iterator[Event]:
    """Read the TFRecord files of a folder: length, its checksum, an event, its checksum."""
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack_from("<Q", data)
            body = data[12 : 12 + length]
            assert struct.unpack_from("<I", data, 8)[0] == masked(data[:8])
            assert struct.unpack_from("<I", data, 12 + length)[0] == masked(body)
            yield Event.FromString(body)
            data = data[16 + length :]


def masked(data: bytes) -> int:
    """The checksum of a TFRecord."""
    found: int = crc32c(data)
    return ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Name → steps and values, in the order they were written."""
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_can_read_what_is_written(tmp_path: Path) -> None:
    """Loss, learning rate and speed every 25 steps; a validation where there was one."""
    with Curve(32, tmp_path) as curve:
        for step in range(60):
            curve.add(step, 4.0, 0.5)
        curve.validated(60, 0.25, 0.75)
    found = scalars(tmp_path)
    assert set(found) == {"loss", "lr", "examples_per_s", "validation"}
    assert found["loss"] == [(0, 4), (25, 4), (50, 4), (60, 4)]
    assert found["lr"] == [(0, 0.5), (25, 0.5), (50, 0.5), (60, 0.25)]
    assert found["validation"] == [(60, 0.75)]


def test_nothing_is_written_where_nobody_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a folder of TensorBoard's own choice."""
    monkeypatch.chdir(tmp_path)
    with Curve(32) as curve:
        curve.add(0, 4.0, 0.5)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"file is no folder for TensorBoard: "):
        Curve(32, tmp_path / "file")


def test_points_are_what_was_measured() -> None:
    """One every 25 steps and one a validation; a point without a validation does not name it."""
    curve = Curve(32)
    for step in range(2 * EVERY + 1):
        curve.add(step, 3.0, 0.5)
    curve.validated(2 * EVERY + 1, 0.5, 0.75)
    found = curve.points()
    assert [point["step"] for point in found] == [0, EVERY, 2 * EVERY, 2 * EVERY + 1]
    assert [point.get("validation") for point in found] == [None, None, None, 0.75]
    assert found[0] == {"step": 0, "loss": 3, "lr": 0.5, "examples_per_s": 0}
    assert all(point["examples_per_s"] > 0 for point in found[1:])


def test_the_loss_is_smoothed_and_follows() -> None:
    """Starts at the first loss; after fifty steps of another it is most of the way there."""
    curve = Curve(32)
    curve.add(0, 8.0, 0.5)
    assert curve.smooth == 8
    for step in range(1, 51):
        curve.add(step, 4.0, 0.5)
    assert 4 < curve.smooth < 6


def test_a_resumed_curve_goes_on_as_if_nothing_had_happened() -> None:
    """The same points with the same losses, wherever the kill fell; speeds are of a process."""
    losses = [10 / (step + 1) for step in range(80)]
    whole, first = Curve(32), Curve(32)
    for step, loss in enumerate(losses):
        whole.add(step, loss, 0.5)
    for step, loss in enumerate(losses[:37]):
        first.add(step, loss, 0.5)
    second = Curve(32)
    second.load(first.state())
    assert second.rate == 0
    for step, loss in enumerate(losses[37:], start=37):
        second.add(step, loss, 0.5)
    kept = ("step", "loss", "lr")
    assert second.smooth == whole.smooth
    assert [[p[k] for k in kept] for p in second.points()] == [
        [p[k] for k in kept] for p in whole.points()
    ]


def test_a_curve_without_points_can_be_saved() -> None:
    """A run may be killed before its first step has ended."""
    second = Curve(32)
    second.load(Curve(32).state())
    assert second.points() == []
    second.add(0, 5.0, 0.5)
    assert second.smooth == 5
