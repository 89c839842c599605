"""One answer out of several channels: no item twice, each channel's places in proportion."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from service.channels.channel import Candidates, Channel, Question
from service.channels.mix import Mix, Name


class Blend(NamedTuple):
    """Candidates in order, and beside each the channel that brought it."""

    candidates: Candidates
    channels: list[Name]

    def add(self, name: Name, candidates: Candidates) -> None:
        """What one channel found, after all the rest."""
        self.candidates.extend(candidates)
        self.channels.extend([name] * len(candidates))


def blend(channels: Mapping[Name, Channel], mix: Mix, question: Question, k: int) -> Blend:
    """Up to k candidates that meet the question's terms; fewer only where fewer exist.

    Each channel with a quota is asked for k: were all of its k taken, the answer would be whole.
    One without is asked only when those run short, for what is missing.
    """
    made = _shared({name: channels[name].find(question, k) for name in mix.sharing}, mix, k)
    for name in mix.filling:
        missing = k - len(made.candidates)
        if not missing:
            break
        rest = question.without([item_id for item_id, _ in made.candidates])
        made.add(name, channels[name].find(rest, missing))
    return made


def _shared(found: Mapping[Name, Candidates], mix: Mix, k: int) -> Blend:
    """By turns; the best that is left of the channel whose turn it is, or of the next with any."""
    if len(found) == 1:
        ((name, candidates),) = found.items()
        return Blend(candidates, [name] * len(candidates))
    made, taken = Blend([], []), set[str]()
    left = {name: iter(candidates) for name, candidates in found.items()}
    for turn in mix.turns(k):
        best = _next(left, mix.rings[turn], taken)
        if best is None:
            break
        made.candidates.append(best[0])
        made.channels.append(best[1])
        taken.add(best[0][0])
    return made


def _next(
    left: Mapping[Name, Iterator[tuple[str, float]]], ring: Sequence[Name], taken: set[str]
) -> tuple[tuple[str, float], Name] | None:
    for name in ring:
        for candidate in left[name]:
            if candidate[0] not in taken:
                return candidate, name
    return None
