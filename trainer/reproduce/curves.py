"""The course of training, from what every checkpoint keeps of it."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from trainer.checkpoint import CURVE
from trainer.errors import CheckpointError
from trainer.reproduce.results import Curve, Line

MOST = 60  # points of a line on the page


def curve_of(line: Line, checkpoint: Path) -> Curve | None:
    """The smoothed loss of one run; None for a model that does not learn by steps."""
    path = checkpoint / CURVE
    try:
        points = TypeAdapter(list[dict[str, float]]).validate_python(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError) as error:
        raise CheckpointError(f"{path} cannot be read: use --restart") from error
    known = [point for point in points if "loss" in point]
    if not known:
        return None
    kept = known[:: max(1, len(known) // MOST)]
    return Curve(
        row=line.name,
        label=line.label,
        block=line.block,
        steps=tuple(int(point["step"]) for point in kept),
        loss=tuple(round(point["loss"], 4) for point in kept),
    )
