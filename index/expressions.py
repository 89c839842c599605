"""What an index asks of Milvus, in the language of Milvus' filter expressions.

Ids, keys and values are any text, and what a quote or a backslash means inside an expression
differs between versions of Milvus. So all text is stored and asked for as in a URL: letters, digits
and `_.-~` as they are, each other byte as `%` and two digits.
"""

import json
import sys
from collections.abc import Collection, Iterable
from urllib.parse import quote, unquote

from index.attributes import Profile, Wanted

NOTE = "!"  # the id of what is no item: none is spelled like this
ITEMS = f'id != "{NOTE}"'
FURTHEST = sys.float_info.max  # seconds: an expression has no word for infinity


def spelled(text: str) -> str:
    """Text as Milvus stores it."""
    return quote(text, safe="", errors="surrogatepass")


def read(stored: str) -> str:
    """What `spelled` was given."""
    return unquote(stored, errors="surrogatepass")


def within(seconds: float) -> float:
    """A time that expressions can name: the infinities become the furthest times there are."""
    return min(max(float(seconds), -FURTHEST), FURTHEST)


def labels(profile: Profile) -> list[str]:
    """Attributes as stored: a label for each key and value, the `=` between them being bare."""
    return sorted(f"{spelled(key)}={spelled(value)}" for key, value in profile)


def among(ids: Iterable[str]) -> str:
    """One of these ids."""
    return f"id in {_listed(spelled(one) for one in ids)}"


def expired(now: float) -> str:
    """Not live any more."""
    return f"{ITEMS} and expires <= {within(now)!r}"


def live(now: float) -> str:
    """Published, and not expired."""
    return f"published <= {within(now)!r} and expires > {within(now)!r}"


def eligible(now: float | None, barred: Collection[str], wanted: Wanted) -> str:
    """Live, not barred, and for each key of a filter any of its values."""
    asked = [live(now)] if now is not None else [ITEMS]
    if barred:
        asked.append(f"id not in {_listed(spelled(one) for one in barred)}")
    asked += sorted(f"array_contains_any(attributes, {_listed(labels(one))})" for one in wanted)
    return " and ".join(asked)


def _listed(words: Iterable[str]) -> str:
    return json.dumps(sorted(words))
