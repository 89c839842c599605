"""Recommendations: histories → user tower → channels → answers. They always come back.

And what is like an item: its tags → item tower → search → answer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import repeat
from time import perf_counter as now
from typing import Any

import numpy as np
from redis.exceptions import RedisError

from service.catalogue import Catalogue
from service.channels.blend import blend
from service.channels.channel import Channel, Question
from service.channels.mix import Name
from service.clock import Clock
from service.errors import NotFound, SequenceForeign
from service.event import Watched
from service.experiments import Assignment
from service.facts import Facts
from service.generation import Candidates, Generation, Look, Seen
from service.generations import Generations
from service.histories import Histories, Past, Read
from service.item import Attributes, Item
from service.metrics import Metrics
from service.model import Known, Model
from service.replica import Replica, reached
from service.sequence import LogSequence
from service.terms import Terms
from service.treatments import Treatment, Treatments
from service.turns import in_turns


@dataclass(frozen=True)
class Ask:
    """What a caller wants; `history` (oldest first) replaces the stored one."""

    user_id: str
    k: int
    exclude_seen: bool = True
    exclude: Collection[str] = ()
    filters: Attributes = field(default_factory=dict)
    history: list[Watched] | None = None
    forced: Mapping[str, str] = field(default_factory=dict)  # arms by experiment

    @property
    def stored(self) -> bool:
        """Whether it takes what is stored of the user."""
        return self.history is None or self.exclude_seen


@dataclass(frozen=True)
class Like:
    """What a caller wants more of: an item of the catalogue, or tags where there is no id."""

    item_id: str | None
    tags: list[str]
    k: int
    exclude: Collection[str] = ()
    filters: Attributes = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Candidates (item id, score) in order; why they are less than they could be."""

    candidates: list[tuple[str, float]]
    channels: Sequence[Name]  # the one that brought each
    model: Model
    sequence: LogSequence | None
    degraded: list[str]
    history: Sequence[Watched] = ()  # oldest first, as the user tower was given it
    arms: tuple[Assignment, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """An ask with what is known of its user; no past where Redis does not say."""

    ask: Ask
    treatment: Treatment
    past: Past | None
    history: list[Watched]
    known: Known
    terms: Terms


@dataclass(frozen=True)
class Recommender:
    """Stateless but for what it reads."""

    generations: Generations
    histories: Histories
    catalogue: Catalogue
    facts: Replica[Facts]
    clock: Clock
    channels: Mapping[Name, Channel]
    treatments: Treatments
    after_timeout_s: float
    metrics: Metrics | None = None  # None: nothing is counted

    async def recommend(self, ask: Ask, after: LogSequence | None = None) -> Answer:
        """Raises SequenceForeign when `after` is of another store, ExperimentRefused when there is
        no arm as forced; nothing else."""
        (answer,) = await self.recommend_all([ask], after)
        return answer

    async def recommend_all(
        self, asks: Sequence[Ask], after: LogSequence | None = None
    ) -> list[Answer]:
        """An answer for each, in order: one round trip to Redis, one run of each user tower.

        Raises:
            SequenceForeign: `after` is of another store.
            ExperimentRefused: no such experiment or arm to force, or two of one layer.
        """
        began = now()
        treatments = [self.treatments.of(ask.user_id, ask.forced) for ask in asks]
        if after is not None:
            await self._wait_for_all([one.generation for one in treatments], after)
        pasts = await self._pasts(asks)
        read = now()
        known = in_turns(zip(asks, treatments, pasts, strict=True))
        asked = [self._asked(*one) async for one in known]
        looks = await _looks(asked)
        looked = now()
        answers: list[Answer] = []
        for one, seen in zip(asked, looks, strict=True):
            if answers:
                await asyncio.sleep(0)  # other callers have their turn between two searches
            answers.append(self._answer(one, seen, after))
        if self.metrics:
            self.metrics.staged(began, read, looked, now())
        return answers

    def _asked(self, ask: Ask, treatment: Treatment, past: Past | None) -> _Asked:
        history, model = _history(ask, past), treatment.generation.model
        domains = model.manifest.target_domains
        terms = Terms(self.clock.now(), domains, ask.filters, _exclude(ask, past))
        return _Asked(ask, treatment, past, history, model.known(history), terms)

    def _answer(self, asked: _Asked, seen: Seen, after: LogSequence | None) -> Answer:
        ask, past, treatment = asked.ask, asked.past, asked.treatment
        generation = treatment.generation
        question = Question(generation, seen.user, asked.history, asked.terms, seen.nearest)
        found, channels = blend(self.channels, treatment.mix, question, ask.k)
        reasons = {
            "no_history": not asked.history and past is not None,
            "unknown_tags": bool(asked.history) and not asked.known,
            "redis_unavailable": past is None or past.remembered,
            "stale_index": self._behind(generation, after),
            "model_failed": not np.isfinite(seen.user).all(),
            "arm_unavailable": treatment.lacking,
            "short": len(found) < ask.k,
        }
        degraded = _named(reasons)
        if self.metrics:
            self.metrics.recommended(ask.k, channels, degraded)
        return Answer(
            *(found, channels, generation.model, generation.sequence, degraded),
            history=asked.history,
            arms=treatment.arms,
        )

    async def similar(self, like: Like, after: LogSequence | None = None) -> Answer:
        """Items nearest to one of any domain, itself left out; none where nothing of it is known.

        Raises:
            NotFound: the catalogue holds no item of this id.
            SequenceForeign: `after` is of another store.
        """
        generation = self.generations.active
        await self._wait_for(generation, after)
        item = await self._item(like)
        nearest = await self._nearest(generation, item, like) if item else []
        found = nearest or []
        reasons = {
            "unknown_tags": item is not None and not generation.model.ids(item.tags, item.title),
            "redis_unavailable": item is None,
            "stale_index": self._behind(generation, after),
            "model_failed": nearest is None,
            "short": len(found) < like.k,
        }
        channels: list[Name] = ["model"] * len(found)
        return Answer(found, channels, generation.model, generation.sequence, _named(reasons))

    async def _nearest(self, generation: Generation, item: Item, like: Like) -> Candidates | None:
        """None where the item tower fails."""
        model = generation.model
        vector = model.item_vectors([model.read(item)])  # [1, D], zeros: no known tag
        if not np.isfinite(vector).all():
            return None
        exclude, domains = {*like.exclude, item.item_id}, model.manifest.target_domains
        terms = Terms(self.clock.now(), domains, like.filters, exclude)
        return await generation.near(vector[:, None], like.k, terms)

    async def _item(self, like: Like) -> Item | None:
        """The item itself, or one made of the tags; None when Redis does not say."""
        if like.item_id is None:
            return Item("", like.tags, domain="")
        try:
            stored = await self.catalogue.get(like.item_id)
        except RedisError:
            return None
        if stored is None or stored.item.expired(self.clock.now()):
            raise NotFound("the catalogue holds no such item: post it first, or send its tags")
        return stored.item

    async def _pasts(self, asks: Sequence[Ask]) -> list[Past | None]:
        """What is stored of each user, where it is needed; None where Redis does not say."""
        reads = [Read(ask.user_id, ask.exclude_seen) for ask in asks if ask.stored]
        pasts: Iterator[Past | RedisError | None] = repeat(None)
        if reads:
            with suppress(RedisError):
                pasts = iter(await self.histories.read_all(reads))
        return [_readable(next(pasts)) if ask.stored else Past([], []) for ask in asks]

    async def _wait_for_all(self, generations: Sequence[Generation], after: LogSequence) -> None:
        each = {generation.version: generation for generation in generations}
        await asyncio.gather(*(self._wait_for(one, after) for one in each.values()))

    async def _wait_for(self, generation: Generation, after: LogSequence | None) -> None:
        """Give what is answered from a while to reach what the caller has seen."""
        if after is None or generation.sequence is None:
            return
        found = await reached(self._read(generation), after, self.after_timeout_s)
        if not found and after.store != generation.sequence.store:
            await self._check_store(after)

    def _behind(self, generation: Generation, after: LogSequence | None) -> bool:
        """Whether what was looked into lacks what the caller has seen, or may lack a lot."""
        return any(
            replica.lost or not (after is None or replica.has(after))
            for replica in self._read(generation)
        )

    def _read(self, generation: Generation) -> Sequence[Replica[Any]]:
        """Everything that an answer is made from: each follows the log by itself."""
        return self.facts, generation.replica

    async def _check_store(self, after: LogSequence) -> None:
        try:
            head = await self.catalogue.head()
        except RedisError:
            return
        if head and head.store != after.store:
            raise SequenceForeign("X-Couple-After was given out by another store: drop it")


async def _looks(asked: Sequence[_Asked]) -> list[Seen]:
    """What each user's own model sees; all of one model look at once."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(asked):
        places[one.treatment.generation.version].append(place)
    seen: dict[int, Seen] = {}
    for mine in places.values():
        looks = asked[mine[0]].treatment.generation.looks
        seen.update(zip(mine, await looks([_look(asked[n]) for n in mine]), strict=True))
    return [seen[place] for place in range(len(asked))]


def _look(asked: _Asked) -> Look:
    treatment = asked.treatment
    by_model = "model" in treatment.mix.sharing or treatment.generation.far
    return Look(asked.known, asked.ask.k if by_model else 0, asked.terms)


def _named(reasons: Mapping[str, bool]) -> list[str]:
    return [name for name, holds in reasons.items() if holds]


def _readable(past: Past | RedisError | None) -> Past | None:
    return past if isinstance(past, Past) else None


def _history(ask: Ask, past: Past | None) -> list[Watched]:
    if ask.history is not None:
        return ask.history
    return past.history[::-1] if past else []


def _exclude(ask: Ask, past: Past | None) -> frozenset[str]:
    exclude = set(ask.exclude)
    if ask.exclude_seen:
        watched = [*(ask.history or []), *(past.history if past else [])]
        exclude.update(item.item_id for item in watched if item.item_id)
        exclude.update(past.seen if past else [])
    return frozenset(exclude)
