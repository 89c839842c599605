"""How channels are joined: proportions, duplicates, and who fills in for whom."""

import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from service.channels.blend import blend
from service.channels.channel import Candidates, Question
from service.channels.mix import NAMES, Mix
from service.generation import Generation
from service.model import Model
from service.terms import Terms


class Listed:
    """A channel that knows a list by heart."""

    def __init__(self, *item_ids: str) -> None:
        self.item_ids = item_ids
        self.asked: list[int] = []

    def find(self, question: Question, wanted: int) -> Candidates:
        self.asked.append(wanted)
        left = [one for one in self.item_ids if one not in question.terms.exclude]
        return [(item_id, -float(place)) for place, item_id in enumerate(left[:wanted])]


@pytest.fixture(scope="module")
def question(bundle_folder: Path) -> Question:
    generation = Generation.of(Model.of(open_bundle(bundle_folder)))
    return Question(generation, np.ones((1, 1, 8), dtype=np.float32), [], Terms(0.0, [], {}, {"x"}))


def mix(**quotas: float) -> Mix:
    return Mix.model_validate([{"name": name, "quota": q} for name, q in quotas.items()])


def found(listed: Mapping[str, Listed], mix_: Mix, question: Question, k: int) -> str:
    """`a/m b/f`: ids and the channels that brought them."""
    channels = {name: listed.get(name, Listed()) for name in NAMES}
    made = blend(channels, mix_, question, k)
    pairs = zip(made.candidates, made.channels, strict=True)
    return " ".join(f"{item_id}/{name[0]}" for (item_id, _), name in pairs)


def test_channels_take_turns_in_proportion(question: Question) -> None:
    listed = {"model": Listed(*"abcdefgh"), "fresh": Listed(*"ABCDEFGH")}
    expected = "a/m b/m A/f c/m d/m e/m B/f f/m"
    assert found(listed, mix(model=0.75, fresh=0.25), question, 8) == expected


def test_an_item_comes_once_from_the_first_that_brings_it(question: Question) -> None:
    """The other goes on with its next best, and keeps its proportion."""
    listed = {"model": Listed(*"abcd"), "author": Listed(*"bacd"), "fresh": Listed(*"z")}
    assert found(listed, mix(model=0.5, author=0.5), question, 4) == "a/m b/a c/m d/a"


def test_the_next_fills_in_for_one_that_runs_short(question: Question) -> None:
    """In the order of the mix, round to its beginning; those with a quota first."""
    short = {"model": Listed(*"ab"), "author": Listed(*"ABCD"), "fresh": Listed(*"uvwxyz")}
    three = mix(model=0.5, author=0.25, fresh=0.25)
    assert found(short, three, question, 8) == "a/m A/a u/f b/m B/a C/a v/f D/a"
    last_first = {"model": Listed(*"abcdef"), "author": Listed()}
    assert found(last_first, mix(model=0.5, author=0.5), question, 4) == "a/m b/m c/m d/m"


def test_a_channel_without_a_quota_is_asked_only_for_what_is_missing(question: Question) -> None:
    """And for nothing that the answer has, or that the caller excludes."""
    listed = {
        "model": Listed(*"abc"),
        "author": Listed(*"ca"),
        "fresh": Listed(*"xbde"),
        "popular": Listed(*"f"),
    }
    assert found(listed, mix(model=1), question, 5) == "a/m b/m c/m d/f e/f"
    assert {name: one.asked for name, one in listed.items()} == {
        "model": [5],
        "author": [2],
        "fresh": [2],
        "popular": [],
    }


def test_a_short_answer_is_short_when_nobody_has_more(question: Question) -> None:
    listed = {"model": Listed(*"ab"), "popular": Listed(*"bc")}
    assert found(listed, mix(model=1), question, 9) == "a/m b/m c/p"
    assert found({}, mix(model=0.5, fresh=0.5), question, 9) == ""


def test_whatever_the_channels_hold_the_answer_is_whole(question: Question) -> None:
    """Random lists and mixes: k items when k exist, each once, each channel by falling score."""
    seed = random.Random(3)
    for _ in range(300):
        names = seed.sample(NAMES, seed.randrange(1, 5))
        weights = [seed.random() for _ in names]
        quotas = {name: w / sum(weights) for name, w in zip(names, weights, strict=True)}
        pool = [f"v{n}" for n in range(seed.randrange(1, 40))]
        listed = {name: Listed(*seed.sample(pool, seed.randrange(len(pool)))) for name in NAMES}
        everything = {one for channel in listed.values() for one in channel.item_ids}
        k = seed.randrange(1, 30)
        made = blend(listed, mix(**quotas), question, k)
        ids = [item_id for item_id, _ in made.candidates]
        assert len(ids) == len(set(ids)) == len(made.channels) == min(k, len(everything))
        for name, channel in listed.items():
            mine = [one for one, by in zip(ids, made.channels, strict=True) if by == name]
            assert mine == sorted(mine, key=channel.item_ids.index)
