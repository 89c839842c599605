"""The demo's data: the whole package is read, since it takes seconds."""

import importlib.util
from pathlib import Path

import pytest

from trainer.data import read
from trainer.errors import DataError
from trainer.sources.completejourney import prepare, tags_of, title_of

PRODUCT: dict[str, str | None] = {
    "product_type": "VEGETABLE/VEG DSH - ORGANIC",
    "product_category": "FRZN VEGETABLE/VEG DSH",
    "brand": "Private",
    "manufacturer_id": "69",
    "package_size": "10 OZ",
}


def test_the_package_becomes_a_data_folder(tmp_path: Path) -> None:
    """661,582 first purchases, two domains that share tags, and both licence statements."""
    summary = prepare(tmp_path / "data")
    assert summary.interactions == 661_582
    found = read(tmp_path / "data")
    assert found.domains == ("drugstore", "grocery")
    assert found.target_domain == "drugstore"
    assert found.unknown_items == 0
    assert all(found.tags)
    assert all(found.titles)
    assert "CC0" in found.description.notes
    assert "simulated" in found.description.notes
    drugstore, grocery = (
        {tag for tags, is_one in zip(found.tags, mask, strict=True) if is_one for tag in tags}
        for mask in (found.is_target, ~found.is_target)
    )
    assert len(drugstore & grocery) > 100
    assert list(tmp_path.iterdir()) == [tmp_path / "data"]


def test_a_till_s_terms_become_readable_tags() -> None:
    """Phrases first, then their words; abbreviations spelled out."""
    tags = tags_of(PRODUCT)
    assert tags[:3] == ["vegetable", "vegetable dish", "organic"]
    assert {"frozen vegetable", "frozen", "dish", "store brand"} <= set(tags)
    assert len(tags) == len(set(tags))


def test_a_title_is_for_people() -> None:
    """Category, type and size, whichever are known."""
    assert title_of(PRODUCT | {"product_type": "PEAS"}) == (
        "Frozen Vegetable, Vegetable Dish: Peas, 10 OZ"
    )
    assert title_of(PRODUCT | {"product_category": None, "package_size": None}) == (
        "Vegetable, Vegetable Dish, Organic"
    )


def test_without_the_package_the_install_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written then."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install '\.\[demo\]'"):
        prepare(tmp_path / "data")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Nothing of another's is overwritten."""
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(DataError, match="not a data folder"):
        prepare(tmp_path)
    (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(DataError, match="not a data folder"):
        prepare(tmp_path)
    assert (tmp_path / "precious").exists()
