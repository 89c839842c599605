"""What a model makes of the tags and the title of an item."""

from pathlib import Path

import pytest

from bundle import open_bundle
from service.item import Item
from service.model import TITLE, Model, Reading


@pytest.fixture
def model(bundle_folder: Path) -> Model:
    return Model.of(open_bundle(bundle_folder))


def reading(model: Model, *tags: str, title: str | None = None) -> Reading:
    return model.reading(Item("v", list(tags), domain="live", title=title))


def names(model: Model, ids: list[int]) -> list[str]:
    return [model.vocabulary.tags[number - 1] for number in ids]


def test_each_tag_is_told_once_as_it_was_first_written(model: Model) -> None:
    """Known and unknown ones alike; the ids are those of the known ones, in order."""
    found = reading(model, "Wok", "Zither", "wok", " CATS", "zither ", "cats")
    assert found.known == ["Wok", " CATS"]
    assert found.unknown == ["Zither"]
    assert found.stand_ins == []
    assert names(model, found.ids) == ["wok", "cats"]


def test_new_tags_alone_are_read_by_those_that_stand_in(model: Model) -> None:
    found = reading(model, "dogs of mine", "my dogs and cats")
    assert found.known == []
    assert found.stand_ins == ["dogs", "cats"]
    assert names(model, found.ids) == found.stand_ins


def test_a_title_is_read_where_no_tags_are_given(model: Model) -> None:
    """Given tags win, known or not."""
    assert reading(model, title="A wok for CATS").known == ["cats", "wok"]
    assert reading(model, "zither", title="A wok").known == []


def test_only_the_beginning_of_a_long_title_is_looked_into(model: Model) -> None:
    """What is written after 300 characters is no longer what the item is called."""
    within, beyond = "x" * (TITLE - 4) + " wok", "x" * (TITLE - 3) + " wok"
    assert reading(model, title=within).known == ["wok"]
    assert reading(model, title=beyond) == Reading([], [], [], [])
