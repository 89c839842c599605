"""A Redis Cluster, asked node by node: what a user did lies on the node of the user's slot.

Each node is a Redis like any other, with connections of its own, so one that is gone costs its
users and nobody else. (redis-py's client of clusters hangs up on all nodes when it looks for them
anew, and fails a pipeline as a whole.) A node that does not answer is asked no more until a task
has found that it does again, or that another has its slots.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, RedisError, ResponseError

from service import background
from service.errors import StoreAway

SLOTS = 16_384
PAUSE_S = 0.2  # between two looks while a node is away

ELSEWHERE = (AskError, ClusterDownError)  # MOVED is an AskError too

Address = tuple[str, int]
Answer = TypeVar("Answer")
Ask = Callable[[Redis, Sequence[str]], Awaitable[Sequence[Answer]]]

log = logging.getLogger(__name__)


class Cluster:
    """Every call may raise redis.exceptions.RedisError."""

    def __init__(self, first: Address, connect: Callable[[Address], Redis]) -> None:
        """`first` is any node, or a name that leads to one; it tells of the others."""
        self._first = first
        self._connect = connect
        self._nodes = {first: connect(first)}  # who is to tell next stands first
        self._owners: list[Address | None] = []  # by slot
        self._away: set[Address] = set()
        self._doubted = False  # whether slots may have moved
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Cluster":
        """Whether there is a cluster shows at the first call, as with one Redis."""
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking:
            await background.cancel(self._looking)
        await self._keep([])

    async def each(self, keys: Sequence[str], ask: Ask[Answer]) -> list[Answer | RedisError]:
        """What `ask` answers about each of some keys; each node is asked for its own, all at once.

        What it raises is the answer about the keys of that node.
        """
        if not self._owners:
            await self.ping()
        shares: defaultdict[Address | None, list[str]] = defaultdict(list)
        for key in keys:
            shares[self._owners[key_slot(key.encode())]].append(key)
        answers = await asyncio.gather(*(self._ask(*share, ask) for share in shares.items()))
        found: dict[str, Answer | RedisError] = {}
        for share, some in zip(shares.values(), answers, strict=True):
            found.update(zip(share, some, strict=True))
        return [found[key] for key in keys]

    async def ping(self) -> None:
        """Learn from any node where the slots lie."""
        await self._find()

    async def info(self, section: str) -> Any:
        """What a node says of itself."""
        return await (await self._find()).info(section)

    def register_script(self, text: str) -> Any:
        """A script to queue on pipelines of nodes."""
        return self._nodes[self._first].register_script(text)

    async def _ask(
        self, owner: Address | None, keys: Sequence[str], ask: Ask[Answer]
    ) -> Sequence[Answer | RedisError]:
        if owner is None or owner in self._away:
            self._look_again()
            return [StoreAway("the node of this user did not answer of late")] * len(keys)
        answers: Sequence[Answer | RedisError]
        try:
            answers = await ask(self._nodes[owner], keys)
        except ResponseError as error:  # an answer all the same
            answers = [error] * len(keys)
        except (RedisError, OSError) as error:
            self._lose(owner, error)
            return [StoreAway("the node of this user does not answer")] * len(keys)
        if any(isinstance(one, ELSEWHERE) for one in answers):
            self._look_again()
        return answers

    def _lose(self, owner: Address, error: Exception) -> None:
        if owner not in self._away:
            log.warning("%s:%d of the cluster does not answer: %s", *owner, type(error).__name__)
        self._away.add(owner)
        self._look_again()

    def _look_again(self) -> None:
        self._doubted = True
        if self._looking is None or self._looking.done():
            self._looking = background.start(self._look())

    async def _look(self) -> None:
        """Find out, on behalf of all, where the slots lie now and who of the lost is back."""
        while self._doubted or self._away:
            self._doubted = False
            with suppress(RedisError, OSError):
                await self._find()
            for address in list(self._away):
                await self._find_out(address)
            await asyncio.sleep(PAUSE_S)

    async def _find_out(self, address: Address) -> None:
        if address in self._owners:
            try:
                await self._nodes[address].ping()
            except (RedisError, OSError):
                return
            log.warning("%s:%d of the cluster answers again", *address)
        self._away.discard(address)

    async def _find(self) -> Redis:
        """Learn where the slots lie; return who told. Whoever told last is asked last."""
        failure: Exception = StoreAway("no node of the cluster answers")
        for address in sorted(self._nodes, key=self._away.__contains__):
            if (node := self._nodes.pop(address, None)) is None:
                continue  # another call has learned meanwhile that it left
            self._nodes[address] = node
            try:
                await self._learn(address, await node.cluster("SLOTS"))
            except (RedisError, OSError) as error:
                failure = error
            else:
                return node
        raise failure

    async def _learn(self, teller: Address, ranges: Sequence[Any]) -> None:
        """Each range is its first and last slot, then host, port and more of each of its nodes."""
        if not ranges:
            raise StoreAway("this node is in no cluster, or not any more")
        owners: list[Address | None] = [None] * SLOTS
        known = {self._first}
        for first, last, *nodes in ranges:
            # A node that does not know its own name gives none.
            owner, *replicas = [(host or teller[0], int(port)) for host, port, *_ in nodes]
            owners[first : last + 1] = [owner] * (last + 1 - first)
            known |= {owner, *replicas}
        for address in known - self._nodes.keys():
            self._nodes[address] = self._connect(address)
        self._owners = owners
        await self._keep(known)

    async def _keep(self, known: Collection[Address]) -> None:
        """Hang up on nodes that are not of the cluster any more."""
        gone = [self._nodes.pop(address) for address in self._nodes.keys() - known]
        for node in gone:
            await node.aclose()
