"""How candidates are asked for and answered, whoever or whatever they are for."""

from typing import Any

from service.recommender import Answer
from service.sequence import LogSequence


def after_of(header: str | None) -> LogSequence | None:
    """What `X-Couple-After` asks to be reached first; raise SequenceMalformed."""
    return None if header is None else LogSequence.parse(header)


def tell(found: Answer) -> dict[str, Any]:
    """The candidates, and what they were found with."""
    return {
        "candidates": [
            {"item_id": item_id, "score": score, "channel": channel}
            for (item_id, score), channel in zip(found.candidates, found.channels, strict=True)
        ],
        "model": {"name": found.model.manifest.model, "version": found.model.manifest.version},
        "sequence": str(found.sequence) if found.sequence else None,
        "degraded": found.degraded,
    }
