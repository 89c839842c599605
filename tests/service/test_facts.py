"""What a replica knows without a model, against a dictionary and the obvious."""

import hashlib
import random
from collections.abc import Sequence

import numpy as np
import pytest

from service import newest
from service.catalogue import Stored
from service.digest import stamp
from service.facts import Facts
from service.item import Attributes, Item
from service.terms import Terms

NOW = 1000.0
LIVE = Terms(NOW, ["live"], {}, ())


def stored(
    item_id: str,
    published: float | None = 0.0,
    *,
    version: int = 1,
    logged_at: float = 0.0,
    author: str | None = None,
    domain: str = "live",
    expires: float | None = None,
    attributes: Attributes | None = None,
) -> Stored:
    item = Item(item_id, [], domain, None, author, published, expires, attributes or {})
    return Stored(item, version, logged_at)


def filled(*items: Stored) -> Facts:
    facts = Facts(lambda: NOW)
    facts.put({one.item.item_id: one for one in items})
    return facts


def newest_ids(facts: Facts, terms: Terms, count: int = 100) -> list[str]:
    return facts.ids(facts.merged(facts.latest(terms, count), count))


def window_ids(facts: Facts) -> list[str]:
    return facts.ids(facts.window("live").rows)


def test_only_what_is_live_and_of_a_domain_asked_for_is_eligible() -> None:
    """Published by now, not expired, and not one of those excluded."""
    facts = filled(
        stored("a", NOW),
        stored("ahead", NOW + 0.001),
        stored("over", expires=NOW),
        stored("lasting", expires=NOW + 0.001),
        stored("shop", domain="shop"),
        stored("seen"),
    )
    assert set(newest_ids(facts, LIVE._replace(exclude={"seen", "nobody"}))) == {
        "a",
        "lasting",
    }
    assert newest_ids(facts, LIVE._replace(domains=["shop", "unheard of"])) == ["shop"]
    assert newest_ids(facts, LIVE._replace(domains=[])) == []


def test_filters_hold_for_every_key_and_any_value() -> None:
    facts = filled(
        stored("a", 3, attributes={"language": ["en", "ja"], "region": "tw"}),
        stored("b", 2, attributes={"language": "en"}),
        stored("c", 1),
    )
    cases: list[tuple[Attributes, list[str]]] = [
        ({"language": ["en"]}, ["a", "b"]),
        ({"language": "ja"}, ["a"]),
        ({"language": ["de", "en"], "region": ["tw"]}, ["a"]),
        ({"language": []}, []),
        ({"mood": "any"}, []),
    ]
    for filters, expected in cases:
        assert newest_ids(facts, LIVE._replace(filters=filters)) == expected


def test_many_rows_are_filtered_like_few() -> None:
    """All at once and in parts; and filters that let many through find what narrow ones do."""
    facts = filled(*(stored(f"v{n}", n, attributes={"n": str(n % 7)}) for n in range(5000)))
    rows = facts.find(f"v{n}" for n in range(5000))
    terms = LIVE._replace(now=1e9, filters={"n": ["3", "5"]})
    at_once = facts.eligible(rows, terms)
    parts = [facts.eligible(rows[n : n + 500], terms) for n in range(0, 5000, 500)]
    assert at_once.tolist() == np.concatenate(parts).tolist()
    expected = [f"v{n}" for n in reversed(range(5000)) if n % 7 in (3, 5)]
    assert newest_ids(facts, terms, 1400) == expected[:1400]
    threes = [f"v{n}" for n in reversed(range(5000)) if n % 7 == 3]
    assert newest_ids(facts, terms._replace(filters={"n": "3"}), 9999) == threes


def test_an_item_without_a_time_is_as_new_as_its_last_log_entry() -> None:
    """An update makes it new again; one that has a time keeps it."""
    facts = filled(stored("a", None, logged_at=5), stored("b", 6), stored("c", None, logged_at=7))
    assert newest_ids(facts, LIVE) == ["c", "b", "a"]
    facts.put({"a": stored("a", None, version=2, logged_at=8), "b": stored("b", 6, version=2)})
    assert newest_ids(facts, LIVE) == ["a", "c", "b"]


def test_items_of_one_time_stand_in_an_order_that_replicas_share() -> None:
    """Whatever the order in which they came; and cut at any count."""
    items = [stored(f"v{n}", 5) for n in range(60)]
    one, two = filled(*items), filled(*reversed(items))
    assert newest_ids(one, LIVE) == newest_ids(two, LIVE) == window_ids(one) == window_ids(two)
    for count in (1, 7, 59):
        assert newest_ids(two, LIVE, count) == newest_ids(one, LIVE)[:count]


def test_the_digest_is_the_sum_of_what_is_there() -> None:
    """Of (version, id) as documented, whatever else changes; of nothing it is zero."""
    facts = filled(stored("a", version=-5), stored("ü b", version=2**62), stored("c"))
    assert facts.digest.count == 3
    total = stamp("a", -5) + stamp("ü b", 2**62) + stamp("c", 1)
    assert facts.digest.hash == f"{total % 2**64:016x}"
    named = hashlib.blake2b("62:ü b".encode(), digest_size=8)
    assert stamp("ü b", 62) == int(named.hexdigest(), 16)
    facts.put({"a": None, "ü b": None, "c": None})
    assert (facts.digest.count, facts.digest.hash) == (0, "0" * 16)


def test_an_expired_item_counts_until_the_log_says_that_it_went() -> None:
    """Else two replicas asked at two moments would differ."""
    facts = filled(stored("a", expires=NOW - 1))
    assert newest_ids(facts, LIVE) == []
    assert facts.digest.count == 1


def test_an_authors_newest_items_are_found() -> None:
    """Also after their author, time or existence changed; the newest stand last."""
    facts = filled(
        stored("a", 1, author="x"), stored("b", 3, author="x"), stored("c", 2, author="x")
    )
    assert facts.ids(np.array(facts.by_author("x", 2))) == ["c", "b"]
    assert facts.author_of("a") == "x"
    facts.put({"b": stored("b", 3, author="y", version=2), "a": stored("a", 9, author="x")})
    assert facts.ids(np.array(facts.by_author("x", 9))) == ["c", "a"]
    assert facts.ids(np.array(facts.by_author("y", 9))) == ["b"]
    facts.put({"a": None, "c": None, "b": stored("b", 3)})
    assert [list(facts.by_author(name, 9)) for name in "xyz"] == [[], [], []]
    assert [facts.author_of(name) for name in "abz"] == [None, None, None]


def test_impressions_stay_with_an_item_and_not_with_its_row() -> None:
    """An update keeps them; whoever takes the row of one that left starts at none."""
    facts = filled(stored("a"), stored("b"))
    facts.note_seen(["a", "gone"], [7, 9])
    facts.put({"a": stored("a", 4, version=2)})
    assert facts.seen(facts.find(["a", "b"])).tolist() == [7, 0]
    facts.put({"a": None})
    facts.put({"c": stored("c")})
    assert facts.seen(facts.find(["c", "b"])).tolist() == [0, 0]


def test_items_of_one_domain_leave_the_window_of_another_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many newer ones there are; the window of their own is cut."""
    monkeypatch.setattr(newest, "WIDTH", 16)
    videos = [stored(f"v{n}", n) for n in range(30)]
    products = [stored(f"p{n}", 100 + n, domain="shop") for n in range(500)]
    facts = filled(*videos, *products)
    assert window_ids(facts) == [f"v{n}" for n in reversed(range(30))]
    assert facts.window("live").whole
    assert len(facts.window("shop").rows) == 16
    assert newest_ids(facts, LIVE, 99) == window_ids(facts)
    facts.put({"v29": stored("v29", 999, version=2, domain="shop"), "v0": None})
    assert window_ids(facts) == [f"v{n}" for n in reversed(range(1, 29))]
    assert facts.ids(facts.window("shop").rows[:2]) == ["v29", "p499"]
    assert facts.window("unheard of").rows.tolist() == []


def test_of_the_past_is_what_is_published() -> None:
    facts = filled(stored("ahead", NOW + 1), stored("now", NOW), stored("before", NOW - 1))
    window = facts.window("live")
    assert facts.ids(window.past(NOW)) == ["now", "before"]
    assert facts.ids(window.past(NOW + 1)) == ["ahead", "now", "before"]
    assert facts.ids(window.past(0)) == []


class Oracle:
    """The same, the obvious way."""

    def __init__(self) -> None:
        self.items: dict[str, Stored] = {}

    def put(self, items: dict[str, Stored | None]) -> None:
        for item_id, one in items.items():
            self.items.pop(item_id, None)
            if one:
                self.items[item_id] = one

    def newest(self, *domains: str) -> list[str]:
        """All published ones of some domains, the newest first."""
        ranked = [
            (-(one.item.published_at or 0), stamp(item_id, one.version), item_id)
            for item_id, one in self.items.items()
            if (one.item.published_at or 0) <= NOW and one.item.domain in domains
        ]
        return [item_id for *_, item_id in sorted(ranked)]

    def total(self) -> int:
        return sum(stamp(item_id, one.version) for item_id, one in self.items.items()) % 2**64


def changes(seed: random.Random, ids: Sequence[str], version: int) -> dict[str, Stored | None]:
    """Some new, some again, some away; times of which many are equal, and a few ahead."""
    return {
        item_id: None
        if seed.random() < 0.45
        else stored(
            item_id,
            float(seed.randrange(900, 1010)),
            version=version,
            author=seed.choice(["x", "y", None]),
            domain=seed.choice(["live", "live", "shop"]),
            attributes={"parity": str(version % 2)},
        )
        for item_id in seed.sample(ids, 40)
    }


@pytest.mark.parametrize("number", range(5))
def test_random_programs_agree_with_the_obvious(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Window, authors, digest; the window so small that it is cut and filled again all the time."""
    monkeypatch.setattr(newest, "WIDTH", 16)
    monkeypatch.setattr("service.facts.WIDTH", 16)
    seed, facts, oracle = random.Random(number), Facts(lambda: NOW), Oracle()
    ids = [f"v{n}" for n in range(200)]
    for version in range(60):
        some = changes(seed, ids if version % 20 else ids[:50], version)
        facts.put(some)
        oracle.put(some)
        expected = oracle.newest("live")
        window = [one for one in window_ids(facts) if one in set(expected)]
        assert window == expected[: len(window)]
        assert len(window) >= min(8, len(expected))
        assert not facts.window("live").whole or len(window) == len(expected)
        assert newest_ids(facts, LIVE, 30) == expected[:30]
        both = LIVE._replace(domains=["shop", "live"])
        assert newest_ids(facts, both, 30) == oracle.newest("live", "shop")[:30]
        odd = [one for one in expected if oracle.items[one].version % 2]
        filters: Attributes = {"parity": "1"}
        assert newest_ids(facts, LIVE._replace(filters=filters), 30) == odd[:30]
        assert (facts.digest.count, facts.digest.total) == (len(oracle.items), oracle.total())
        for author in "xy":
            rows = np.array(facts.by_author(author, 1000), dtype=np.int64)
            times = facts.published(rows)
            assert (np.diff(times) >= 0).all()
            assert set(facts.ids(rows)) == {
                one for one, kept in oracle.items.items() if kept.item.author_id == author
            }
