"""A data set's own users as a world: their choices are the taste, and half of it stays secret."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from couple.simulation.households import affinities, households
from couple.simulation.world import World
from tests.golden.data import write_data
from trainer.config import Config
from trainer.evaluation import Trial, trial
from trainer.reading import read


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden data, with an author for every item."""
    folder = tmp_path_factory.mktemp("households") / "data"
    write_data(folder, users=200)
    items = pl.read_parquet(folder / "items.parquet")
    authors = pl.col("item_id").str.slice(-2).alias("author_id")
    items.with_columns(authors).write_parquet(folder / "items.parquet")
    return folder


@pytest.fixture(scope="module")
def held(data: Path) -> Trial:
    return trial(read(data), Config())


@pytest.fixture(scope="module")
def world(held: Trial, data: Path) -> World:
    return households(held, data, seed=1)


def test_the_catalogue_is_the_cold_items(held: Trial, world: World) -> None:
    """All new and of the target domain, each by its author."""
    assert {item["item_id"] for item in world.items} == cold(held) == newer(world)
    assert {item["domain"] for item in world.items} == {"video"}
    assert all(item["author_id"] == item["item_id"][-2:] for item in world.items)


def test_what_training_saw_is_old(held: Trial, data: Path) -> None:
    """Where it is asked for, beside the new."""
    world = households(held, data, seed=1, old=True)
    assert newer(world) == cold(held) < {item["item_id"] for item in world.items}
    assert {item["domain"] for item in world.items} == {"video"}


def cold(held: Trial) -> set[str]:
    return {held.dataset.item_ids[number] for number in held.split.pool}


def newer(world: World) -> set[str]:
    """Items of the last week."""
    week = (datetime.now(UTC) - timedelta(days=7)).isoformat()
    return {item["item_id"] for item in world.items if item["published_at"] > week}


def test_nobody_s_past_tells_what_was_held_out(held: Trial, world: World) -> None:
    """Cold users have a past without a single item of the target domain."""
    pasts = dict(zip(world.users, world.pasts, strict=True))
    for case in held.split.cases:
        past = pasts[held.dataset.user_ids[case.user]]
        assert held.dataset.item_ids[case.positive] not in {event["item_id"] for event in past}
        if case.cold:
            assert {event["domain"] for event in past} == {"product"}


def test_users_like_what_they_took_more_than_the_rest(held: Trial, world: World) -> None:
    """Also what the service is never told of."""
    users = {user_id: number for number, user_id in enumerate(world.users)}
    truths = [
        world.liking(
            users[held.dataset.user_ids[case.user]], [held.dataset.item_ids[case.positive]]
        )[0]
        for case in held.split.cases
    ]
    assert np.mean(truths) > 2 * world.affinities.mean()


def test_affinity_is_the_cosine_of_weighed_tags() -> None:
    """One for the same rare tags, none without a tag in common; rare tags count most."""
    tags = [["a", "x"], ["b", "x"], ["a"], ["c"], []]
    found = affinities(tags, [np.array([2]), np.array([], dtype=np.int64)], np.arange(5))
    assert found[0, 2] == pytest.approx(1)
    assert found[0, [1, 3, 4]].tolist() == [0, 0, 0]
    assert 0.5 < found[0, 0] < 1
    assert not found[1].any()
