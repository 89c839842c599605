"""What towers are compared to must reach every corner that could differ."""

from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from bundle.arrays import Ids
from bundle.probe import Vectors
from exporter.reference import Reference
from service.towers import OnnxTowers
from tests.exporter.conftest import Made
from trainer.checkpoint import open_checkpoint


class Asked:
    """True towers that keep what they were asked."""

    def __init__(self, bundle: Path) -> None:
        self._towers = OnnxTowers(open_bundle(bundle))
        self.histories: list[tuple[Ids, Ids]] = []

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        """Keep both."""
        assert items is not None
        self.histories.append((tags, items))
        return self._towers.user(tags, items)

    def item(self, tags: Ids) -> Vectors:
        """As it is."""
        return self._towers.item(tags)


class Flat:
    """Towers that forget the axis of interests."""

    def __init__(self, bundle: Path) -> None:
        self._towers = OnnxTowers(open_bundle(bundle))

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        """[B, D] instead of [B, I, D]."""
        return self._towers.user(tags, items)[:, 0]

    def item(self, tags: Ids) -> Vectors:
        """As it is."""
        return self._towers.item(tags)


@pytest.fixture(scope="module")
def reference(trained: Made) -> Reference:
    """Of a small network with factors."""
    return Reference(open_checkpoint(trained("dssm")))


def test_every_kind_of_history_is_compared(reference: Reference, exported: Made) -> None:
    """Nothing at all, ids without a known tag, tags without a known id, and the last known item."""
    asked = Asked(exported("dssm"))
    assert reference.gap(asked) <= 1e-5
    shapes = {(*tags.shape[:2], items.shape[1]) for tags, items in asked.histories}
    assert {1, 2, 7, 64} <= {B for B, _, _ in shapes}
    assert {1, 3, 8} <= {L for _, L, _ in shapes}
    assert {1, 7, 50} <= {M for _, _, M in shapes}
    kinds = {
        (bool(tags[user].any()), bool(items[user].any()))
        for tags, items in asked.histories
        for user in range(len(tags))
    }
    assert kinds == {(False, False), (False, True), (True, False), (True, True)}
    assert max(items.max() for _, items in asked.histories) == len(reference.found.item_ids)
    inner = [items[0, :-1] == 0 for _, items in asked.histories if len(items) == 1]
    assert any(unknown.any() for unknown in inner), "an unknown item older than a known one"


def test_another_shape_is_no_small_gap(reference: Reference, exported: Made) -> None:
    """Numbers that broadcast would hide it."""
    assert reference.gap(Flat(exported("dssm"))) == float("inf")


def test_the_probe_holds_nothing_first_and_the_last_item(reference: Reference) -> None:
    """At full length, so that a graph with too short a table fails when it is opened."""
    probe = reference.probe()
    assert probe.user_items is not None
    assert probe.user_tags.shape == (8, 8, 6)
    assert probe.user_items.shape == (8, 50)
    assert not probe.user_tags[0].any()
    assert not probe.user_items[0].any()
    assert not probe.user_tags[1].any()
    assert probe.user_items[1].any()
    assert probe.user_items.max() == len(reference.found.item_ids)
    assert not probe.item_tags[0].any()
    assert not probe.item[0].any()
    assert np.linalg.norm(probe.user, axis=2) == pytest.approx(1)
