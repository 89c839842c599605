"""Where histories lie, if not in the store: the nodes of a Redis Cluster, or another Redis.

What is said of the masters of a cluster is one line for all, about the worst of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redis import Redis

from couple import node_examination as node
from couple.findings import Finding, look, mend, well
from service.cluster import SLOTS, Address
from service.settings import Settings
from service.store import CLUSTERED, address_of, node_url

ABOUT = "histories"
SETTING = "COUPLE_HISTORIES_URL"
HELD = "histories"
GRAVITY = ("well", "look", "mend")

Masters = Mapping[Address, int]  # the number of replicas of each


def examine(settings: Settings) -> list[Finding]:
    """What there is to say; nothing where they lie in the store."""
    if settings.histories_url is None:
        return []
    url = settings.histories_url.get_secret_value()
    clustered = CLUSTERED in url
    try:
        with node.connect(node_url(url, address_of(url)) if clustered else url) as redis:
            return list(_cluster(redis, settings, url) if clustered else _single(redis, settings))
    except node.FAILURES as error:
        advice = f"start it, or set {SETTING} to one that runs"
        return [node.failed(ABOUT, SETTING, settings.histories_url, error, advice)]


def _single(redis: Redis, settings: Settings) -> Iterator[Finding]:
    info: Any = redis.info()
    yield node.version(ABOUT, info, settings.histories_url)
    if info.get("cluster_enabled"):
        advice = f"write redis+cluster:// in {SETTING}"
        yield mend(f"{ABOUT}: role", "it is a node of a cluster", advice)
    elif info["role"] != "master":
        found = f"it is a {info['role']}, which takes no writes"
        yield mend(f"{ABOUT}: role", found, f"name its master in {SETTING}")
    for one in node.findings(redis, info, settings, HELD):
        yield replace(one, about=f"{ABOUT}: {one.about}")


def _cluster(redis: Redis, settings: Settings, url: str) -> Iterator[Finding]:
    info: Any = redis.info()
    yield node.version(ABOUT, info, settings.histories_url)
    if not info.get("cluster_enabled"):
        advice = f"write redis:// in {SETTING}, or name a node of a cluster"
        yield mend(f"{ABOUT}: slots", "it is no cluster", advice)
        return
    ranges: Any = redis.cluster("SLOTS")
    masters = _masters(ranges, address_of(url)[0])
    yield _slots(sum(last - first + 1 for first, last, *_ in ranges), masters)
    yield _coverage(redis)
    yield _replicas(masters)
    yield from _nodes(masters, settings, url)


def _masters(ranges: Sequence[Any], teller: str) -> Masters:
    """Each range is its first and last slot, then host, port and more of each of its nodes."""
    masters: dict[Address, int] = {}
    for _, _, (host, port, *_), *replicas in ranges:
        masters[host or teller, int(port)] = len(replicas)
    return masters


def _slots(held: int, masters: Masters) -> Finding:
    about = f"{ABOUT}: slots"
    if held < SLOTS:
        found = f"{SLOTS - held:,} of {SLOTS:,} slots have no master: their users keep nothing"
        return mend(about, found, "redis-cli --cluster fix, or start the masters that have them")
    return well(about, f"{len(masters)} masters have all {SLOTS:,}")


def _coverage(redis: Redis) -> Finding:
    """Whether the loss of one part stops the others; a managed cluster may not tell."""
    about, name = f"{ABOUT}: coverage", "cluster-require-full-coverage"
    try:
        config: Any = redis.config_get(name)
    except node.FAILURES:
        return look(about, "this cluster does not tell its configuration", f"ask for {name} no")
    if config.get(name) == "yes":
        found = f"{name} yes: without one master nobody's history is told"
        return look(about, found, f"CONFIG SET {name} no on every node")
    return well(about, "a master that is gone is missed by its own users alone")


def _replicas(masters: Masters) -> Finding:
    about = f"{ABOUT}: replicas"
    if bare := [address for address, replicas in masters.items() if not replicas]:
        found = f"{_named(bare)} without one: if it goes, so do its histories"
        return look(about, found, "redis-cli --cluster add-node … --cluster-slave")
    return well(about, "every master has one")


def _nodes(masters: Masters, settings: Settings, url: str) -> Iterator[Finding]:
    """Whether each master answers from here, and what there is to say of those that do."""
    away, said = [], dict[Address, list[Finding]]()
    for address in masters:
        try:
            with node.connect(node_url(url, address)) as redis:
                info: Any = redis.info()
                said[address] = list(node.findings(redis, info, settings, HELD))
        except node.FAILURES:
            away.append(address)
    if away:
        found = f"{_named(away)} does not answer from here, or refuses us"
        advice = "start it, let us in, or have it announce another address (cluster-announce-ip)"
        yield mend(f"{ABOUT}: masters", found, advice)
    yield from _worst(said)


def _worst(said: Mapping[Address, Sequence[Finding]]) -> Iterator[Finding]:
    """One of each subject, with the masters it is true of."""
    by_subject: dict[str, dict[Address, Finding]] = {}
    for address, findings in said.items():
        for one in findings:
            by_subject.setdefault(one.about, {})[address] = one
    for about, found_at in by_subject.items():
        worst = max(found_at.values(), key=lambda one: GRAVITY.index(one.state))
        where = [address for address, one in found_at.items() if one.state == worst.state]
        told = f"{worst.found} ({_named(where)})"
        found = "well on every master" if worst.state == "well" else told
        yield replace(worst, about=f"{ABOUT}: {about}", found=found)


def _named(addresses: Sequence[Address]) -> str:
    return ", ".join(f"{host}:{port}" for host, port in addresses)
