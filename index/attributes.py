"""Attributes of items, kept so that a filter is judged once per distinct set, not once per item.

Many items share theirs (a language, a region). Each distinct set is a profile with a number, an
item holds that number, and a filter becomes a mask over profiles.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Attributes = Mapping[str, str | Sequence[str]]
Profile = frozenset[tuple[str, str]]
Wanted = frozenset[Profile]  # for each key of a filter the pairs of which any will do


def profile_of(attributes: Attributes) -> Profile:
    """{"language": ["en", "ja"]} → {("language", "en"), ("language", "ja")}."""
    if {*map(type, attributes.values())} <= {str}:  # nearly always, and three times as fast
        return frozenset(attributes.items())  # type: ignore[arg-type]  # all values are strings
    return frozenset((key, value) for key in attributes for value in _values(attributes[key]))


def wanted_of(filters: Attributes) -> Wanted:
    """A filter by its meaning: the order of keys and values does not matter."""
    return frozenset(profile_of({key: values}) for key, values in filters.items())


def _values(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


class Profiles:
    """Profiles in use, numbered from 0; a number that falls free is given to the next profile.

    So numbers, and the masks over them, stay below the most profiles ever in use at once.
    """

    def __init__(self) -> None:
        self._numbers: dict[Profile, int] = {}
        self._profiles: dict[int, Profile] = {}
        self._holders: Counter[int] = Counter()
        self._carriers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._free: list[int] = []

    def acquire(self, profile: Profile) -> int:
        """The number of a profile, for one more item that holds it."""
        number = self._numbers.get(profile)
        if number is None:
            number = self._add(profile)
        self._holders[number] += 1
        return number

    def _add(self, profile: Profile) -> int:
        number = self._free.pop() if self._free else len(self._numbers)
        self._numbers[profile] = number
        self._profiles[number] = profile
        for pair in profile:
            self._carriers[pair].add(number)
        return number

    def release(self, number: int) -> None:
        """One item fewer holds this profile; with the last one it goes."""
        self._holders[number] -= 1
        if not self._holders[number]:
            self._forget(number)

    def _forget(self, number: int) -> None:
        profile = self._profiles.pop(number)
        del self._numbers[profile], self._holders[number]
        for pair in profile:
            self._carriers[pair].remove(number)
            if not self._carriers[pair]:
                del self._carriers[pair]
        self._free.append(number)

    def match(self, number: int, wanted: Wanted) -> bool:
        """Whether one profile has, for every key, any of the values asked for; a free number not.

        For many numbers `matching` is faster.
        """
        profile = self._profiles.get(number)
        return profile is not None and not any(pairs.isdisjoint(profile) for pairs in wanted)

    def table(self) -> dict[int, Profile]:
        """All profiles by number."""
        return dict(self._profiles)

    def fill(self, table: Sequence[Profile], numbers: NDArray[np.int32]) -> None:
        """Take over profiles 0 to P - 1 and the holders of each: `numbers`, one an item."""
        for profile in table:
            self._add(profile)
        holders = np.bincount(numbers, minlength=len(table)).tolist()
        self._holders.update(dict(enumerate(holders)))

    def matching(self, wanted: Wanted) -> NDArray[np.bool_]:
        """A mask over profile numbers: has, for every key, any of the values asked for."""
        mask = np.ones(len(self._numbers) + len(self._free), dtype=bool)
        for pairs in wanted:
            carriers = set[int]().union(*(self._carriers.get(pair, ()) for pair in pairs))
            hits = np.zeros_like(mask)
            hits[np.fromiter(carriers, dtype=np.intp, count=len(carriers))] = True
            mask &= hits
        return mask
