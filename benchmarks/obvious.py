"""The obvious implementation: FastAPI, models of pydantic, a call of redis-py, the tower, faiss.

What one writes in an afternoon from the manuals, and no worse: one thread a library, the route
async, the models as the manuals have them. Frozen before the service was tuned.

    python -m benchmarks.obvious --bundle BUNDLE --index FOLDER --redis URL --port PORT
"""

import json
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from benchmarks.floor import options
from benchmarks.serve_bare import Bare
from bundle import pad_histories, pad_item_ids


class Ask(BaseModel):
    """The request."""

    user_id: str
    k: Annotated[int, Field(ge=1, le=500)] = 100


class Candidate(BaseModel):
    """One recommended item."""

    item_id: str
    score: float
    channel: str


class Answer(BaseModel):
    """The response."""

    user_id: str
    candidates: list[Candidate]


def create_app(bare: Bare, redis: Redis) -> FastAPI:
    """The whole service."""
    app = FastAPI()
    vocabulary, item_ids, limits = (
        bare.bundle.vocabulary,
        bare.bundle.item_ids,
        bare.bundle.manifest,
    )

    @app.get("/readyz")
    async def health() -> None:
        pass

    @app.post("/recommend")
    async def recommend(ask: Ask) -> Answer:
        entries = await redis.lrange(f"couple:hist:{{{ask.user_id}}}", 0, -1)
        history = [json.loads(entry) for entry in reversed(entries)]
        tags = [vocabulary.ids(watched["tags"]) for watched in history]
        given = {"tags": pad_histories([tags], limits.max_items, limits.max_tags)}
        if limits.max_history:
            known = item_ids.ids([watched["item_id"] for watched in history])
            given["items"] = pad_item_ids([known], limits.max_history)
        user = bare.tower.run(None, given)[0][:, 0]
        scores, rows = bare.index.search(user, ask.k)
        candidates = [
            Candidate(item_id=bare.ids[row], score=score, channel="model")
            for row, score in zip(rows[0], scores[0], strict=True)
            if row >= 0
        ]
        return Answer(user_id=ask.user_id, candidates=candidates)

    return app


def main() -> None:
    given = options()
    redis: Redis = Redis.from_url(given.redis, decode_responses=True)
    app = create_app(Bare.load(given.bundle, given.index), redis)
    uvicorn.run(app, port=given.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
