"""Drained Parquet → what each user of an experiment was shown, and clicked.

What counts: an item of an answer was shown when an impression or a click names its request, once
however often it is told, and clicked when a click does. Times are those of arrival, by the clock
of Redis, so a caller's clock does not matter.

Shapes: U users, F facts of each (`FACTS`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from bundle.errors import CoupleError
from couple.drained import EVENTS, RECOMMENDATIONS

FACTS = ("impressions", "clicks", "cold")
MEMORY = "1200MB"  # what DuckDB takes before it spills to disk
Facts = NDArray[np.float64]


class NothingServed(CoupleError):
    """A folder that says nothing of this experiment."""


@dataclass(frozen=True)
class Novelty:
    """New items that an arm showed first while they were new."""

    items: int
    median_hours: float | None  # from publication to the arm's first impression
    by_day: tuple[int, ...]  # of these items, how many were shown by the end of each day


@dataclass(frozen=True)
class Served:
    """One experiment; `facts` [U, F] and `requests` by arm."""

    facts: Mapping[str, Facts]
    requests: Mapping[str, int]
    novelty: Mapping[str, Novelty]
    first: datetime
    last: datetime
    left_out: Mapping[str, int]  # reason → how many


# One call may ask for several users, and a record may have been written twice.
ASKED = """
CREATE TEMP TABLE asked AS
SELECT request_id, user_id, any_value(place.arm) AS arm,
       min(arrived) AS arrived, (row_number() OVER ())::INTEGER AS number
FROM (SELECT request_id, user_id, arrived, unnest(experiments) AS place
      FROM read_parquet($recommendations))
WHERE place.experiment = $name AND NOT place.forced
GROUP BY request_id, user_id
HAVING min(place.arm) = max(place.arm)
"""
# Weights and salt of an experiment are frozen, so this should find nobody.
TORN = """
CREATE TEMP TABLE torn AS
SELECT user_id FROM asked GROUP BY user_id HAVING min(arm) <> max(arm)
"""
ITEMS = """
CREATE TEMP TABLE items AS
SELECT hash(one.item_id) AS item, max(one.published_at) AS published
FROM (SELECT unnest(candidates) AS one FROM read_parquet($recommendations))
GROUP BY item
"""
AGED = """
CREATE TEMP TABLE aged AS
SELECT shown.*, published, seen_at - published AS age,
       coalesce(seen_at - published <= $cold_s, false)::UTINYINT AS cold
FROM (SELECT number, item, min(seen_at) AS seen_at, max(clicked) AS clicked
      FROM (SELECT request_id, user_id, hash(item_id) AS item, epoch(arrived) AS seen_at,
                   (type = 'click')::UTINYINT AS clicked
            FROM read_parquet($events) WHERE type IN ('impression', 'click')) AS told
      JOIN asked ON told.request_id = asked.request_id AND told.user_id = asked.user_id
      WHERE asked.user_id NOT IN (FROM torn)
      GROUP BY number, item) AS shown
LEFT JOIN items USING (item)
"""
USERS = """
SELECT arm, coalesce(impressions, 0)::DOUBLE, coalesce(clicks, 0)::DOUBLE, coalesce(cold, 0)::DOUBLE
FROM (SELECT DISTINCT user_id, arm FROM asked WHERE user_id NOT IN (FROM torn)) AS users
LEFT JOIN (SELECT user_id, count(*) AS impressions, sum(clicked) AS clicks, sum(cold) AS cold
           FROM aged JOIN asked USING (number) GROUP BY user_id) AS seen USING (user_id)
"""
NOVEL = """
SELECT arm, count(*), median(age) / 3600,
       list(greatest(0, floor((seen_at - $first) / 86400))::INTEGER)
FROM (SELECT arm, item, min(seen_at) AS seen_at, arg_min(age, seen_at) AS age,
             arg_min(cold, seen_at) AS cold
      FROM aged JOIN asked USING (number) GROUP BY arm, item)
WHERE cold = 1 GROUP BY arm
"""
LEFT_OUT = {
    "requests of a user that two arms share": """
        SELECT count(DISTINCT (request_id, user_id)) - (SELECT count(*) FROM asked)
        FROM (SELECT request_id, user_id, unnest(experiments) AS place
              FROM read_parquet($recommendations))
        WHERE place.experiment = $name AND NOT place.forced""",
    "requests with a forced arm": """
        SELECT count(*)
        FROM (SELECT unnest(experiments) AS place FROM read_parquet($recommendations))
        WHERE place.experiment = $name AND place.forced""",
    "users of two arms": "SELECT count(*) FROM torn",
    "impressions and clicks of a request that is not here": """
        SELECT count(*) FROM read_parquet($events) AS told
        WHERE type IN ('impression', 'click') AND request_id IS NOT NULL
        AND request_id NOT IN (SELECT request_id FROM read_parquet($recommendations))""",
    "impressions of items of unknown age, which count as not cold": """
        SELECT count(*) FROM aged WHERE published IS NULL""",
}


def read(folder: Path, name: str, cold_days: float) -> Served:
    """Read a drained folder; an item is cold within so many days after its publication.

    Raises:
        NothingServed: the folder holds no recommendation of this experiment, or is damaged.
    """
    if not any(folder.glob(f"day=*/*/{RECOMMENDATIONS}")):
        raise NothingServed(
            f"{folder} holds no recommendations: name a folder of `couple events drain`"
        )
    try:
        with duckdb.connect(config={"memory_limit": MEMORY}) as database:
            return _read(_Query(database, folder, name, cold_days * 86_400), name)
    except duckdb.Error as error:
        raise NothingServed(f"{folder} cannot be read: {str(error)[:200]}") from error


class _Query:
    """Runs a statement with those of the parameters that it names."""

    def __init__(
        self, database: duckdb.DuckDBPyConnection, folder: Path, name: str, cold_s: float
    ) -> None:
        self._database = database
        self._given: dict[str, object] = {
            "recommendations": f"{folder}/day=*/*/{RECOMMENDATIONS}",
            "events": f"{folder}/day=*/*/{EVENTS}",
            "name": name,
            "cold_s": cold_s,
        }

    def __call__(self, sql: str, **more: object) -> duckdb.DuckDBPyConnection:
        given = {**self._given, **more}
        return self._database.execute(sql, {k: v for k, v in given.items() if f"${k}" in sql})


def _read(query: _Query, name: str) -> Served:
    for statement in (ASKED, TORN, ITEMS, AGED):
        query(statement)
    requests = dict(query("SELECT arm, count(*) FROM asked GROUP BY arm ORDER BY arm").fetchall())
    if not requests:
        raise NothingServed(f"no recommendation of the experiment {name} is here")
    ((first, last),) = query(
        "SELECT epoch(min(arrived)), epoch(max(arrived)) FROM asked"
    ).fetchall()
    arms, *facts = query(USERS).fetchnumpy().values()
    table = np.stack(facts, axis=1)
    novel = query(NOVEL, first=first).fetchall()
    days = int((last - first) // 86_400) + 1
    found = {arm: _novelty(count, hours, firsts, days) for arm, count, hours, firsts in novel}
    counts = {reason: query(sql).fetchall()[0][0] for reason, sql in LEFT_OUT.items()}
    return Served(
        facts={arm: table[np.asarray(arms) == arm] for arm in requests},
        requests=requests,
        novelty={arm: found.get(arm, Novelty(0, None, (0,) * days)) for arm in requests},
        first=datetime.fromtimestamp(first, UTC),
        last=datetime.fromtimestamp(last, UTC),
        left_out={reason: count for reason, count in counts.items() if count},
    )


def _novelty(items: int, hours: float, firsts: list[int], days: int) -> Novelty:
    by_day = np.bincount(np.minimum(firsts, days - 1), minlength=days).cumsum()
    return Novelty(items, hours, tuple(by_day.tolist()))
