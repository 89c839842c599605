"""One recommendation: history → user tower → search → answer. It always comes back."""

from collections.abc import Collection
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from service.catalogue import Catalogue
from service.errors import SequenceForeign
from service.event import Watched
from service.histories import Histories, Past
from service.item import Attributes
from service.model import Model
from service.replica import Replica
from service.sequence import LogSequence


@dataclass(frozen=True)
class Ask:
    """What a caller wants; `history` (oldest first) replaces the stored one."""

    user_id: str
    k: int
    exclude_seen: bool = True
    exclude: Collection[str] = ()
    filters: Attributes = field(default_factory=dict)
    history: list[Watched] | None = None
    after: LogSequence | None = None


@dataclass(frozen=True)
class Answer:
    """Candidates (item id, score), the best first; why they are less than they could be."""

    candidates: list[tuple[str, float]]
    history: list[Watched]  # oldest first, as the user tower was given it
    sequence: LogSequence | None
    degraded: list[str]


@dataclass(frozen=True)
class Recommender:
    """Stateless but for what it reads."""

    model: Model
    replica: Replica
    histories: Histories
    catalogue: Catalogue
    after_timeout_s: float

    async def recommend(self, ask: Ask) -> Answer:
        """Raises SequenceForeign when `after` is of another store; nothing else."""
        await self._wait_for(ask.after)
        past = await self._past(ask)
        history = _history(ask, past)
        known = self.model.known(history)
        user = self.model.embed_user(known)
        found = self.replica.search(user, ask.k, _exclude(ask, past), ask.filters)
        reasons = {
            "no_history": not history and past is not None,
            "unknown_tags": bool(history) and not known,
            "redis_unavailable": past is None,
            "stale_index": self._behind(ask.after),
            "short": len(found) < ask.k,
        }
        degraded = [name for name, holds in reasons.items() if holds]
        return Answer(found, history, self.replica.sequence, degraded)

    async def _past(self, ask: Ask) -> Past | None:
        """What is stored of the user, where it is needed; None when Redis does not say."""
        if ask.history is not None and not ask.exclude_seen:
            return Past([], [])
        try:
            return await self.histories.read(ask.user_id)
        except RedisError:
            return None

    async def _wait_for(self, after: LogSequence | None) -> None:
        """Give the index a while to reach what the caller has seen."""
        if after is None or self.replica.sequence is None:
            return
        reached = await self.replica.reach(after, self.after_timeout_s)
        if not reached and after.store != self.replica.sequence.store:
            await self._check_store(after)

    def _behind(self, after: LogSequence | None) -> bool:
        """Whether the index that was searched lacks something the caller has seen."""
        if after is None:
            return self.replica.sequence is None
        return not self.replica.has(after)

    async def _check_store(self, after: LogSequence) -> None:
        try:
            head = await self.catalogue.head()
        except RedisError:
            return
        if head and head.store != after.store:
            raise SequenceForeign("X-Couple-After was given out by another store: drop it")


def _history(ask: Ask, past: Past | None) -> list[Watched]:
    if ask.history is not None:
        return ask.history
    return past.history[::-1] if past else []


def _exclude(ask: Ask, past: Past | None) -> set[str]:
    exclude = set(ask.exclude)
    if ask.exclude_seen:
        watched = [*(ask.history or []), *(past.history if past else [])]
        exclude.update(item.item_id for item in watched if item.item_id)
        exclude.update(past.seen if past else [])
    return exclude
