"""Who asked lately, as a model sees them: recall is measured on queries, and lists made for them.

Nobody has asked a new model anything yet, and what does for made-up queries found its first users
91 % of their best items. But users stay when the model goes, and the event stream names them.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import orjson
from redis.asyncio import Redis

from bundle.probe import Vectors
from service.event_stream import KEY
from service.generation import telling
from service.histories import Histories, Past, Read
from service.model import Model

MOST = 256  # users: an index keeps so many queries
ENTRIES = 1024  # of the event stream that are looked through for them


async def newest(redis: Redis) -> list[str]:
    """Users of the newest recommendations and events, each once; may raise RedisError."""
    entries: Any = await redis.xrevrange(KEY, count=ENTRIES)  # its annotations leave too much open
    users = dict.fromkeys(user for _, fields in entries if (user := _user(fields)))
    return list(islice(users, MOST))


def _user(fields: Mapping[str, str]) -> str | None:
    """None where an entry names none, as one of another hand may."""
    try:
        user = orjson.loads(fields["data"])["user_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return user if isinstance(user, str) else None


async def vectors(model: Model, histories: Histories, users: Sequence[str]) -> Vectors:
    """[U, I, D] of those users whose history says something to a model; may raise RedisError."""
    pasts = await histories.read_all([Read(user, seen=False) for user in users])
    told = [model.known(past.history[::-1]) for past in pasts if isinstance(past, Past)]
    known = list(filter(None, told))
    if not known:
        return np.empty((0, model.manifest.interests, model.manifest.dim), dtype=np.float32)
    found = model.user_vectors(known)
    return found[telling(found)]
