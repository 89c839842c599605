"""The card tells a person what they are about to serve."""

from dataclasses import replace
from pathlib import Path

from exporter.card import card
from tests.exporter.conftest import Made
from trainer.checkpoint import open_checkpoint


def test_the_card_names_domains_sizes_and_numbers(trained: Made) -> None:
    """With the baselines beside the model."""
    found = open_checkpoint(trained("couple"))
    text = card(found, found.network)
    assert "# COUPLE trained on golden" in text
    assert "recommends: video; learned from: product, video" in text
    assert "made up" in text
    for model in ("couple", "tfidf", "chance"):
        for group in ("all", "warm", "cold"):
            assert f"| {model} | {group} |" in text


def test_the_card_says_what_the_factors_are_and_what_they_need(trained: Made) -> None:
    """Whoever sends no item ids must know what they go without."""
    found = open_checkpoint(trained("couple"))
    text = card(found, found.network)
    assert "16 numbers: 8 of the network, 7 factors of what users chose together, 1 that" in text
    assert f"{len(found.item_ids)} known, in `items.txt`; the newest 50 of a history" in text
    assert "of tags alone they are silent" in text


def test_the_card_of_a_network_alone_speaks_of_no_items(trained: Made) -> None:
    """It reads tags, and its vectors are the network's."""
    found = open_checkpoint(trained("couple"))
    network = found.network
    network.factors = None
    text = card(found, network)
    assert "- vectors: 8 numbers\n" in text
    assert "items.txt" not in text
    assert "from which items" not in text


def test_the_card_bears_the_model_s_own_name(trained: Made) -> None:
    """And says how many vectors a user has."""
    found = open_checkpoint(trained("comirec"))
    text = card(found, found.network)
    assert "# ComiRec-SA trained on golden" in text
    assert "A user has 4 vectors; the score is the best inner product" in text
    assert "COUPLE" not in text


def test_the_card_of_a_production_model_says_nothing_was_measured(checkpoint: Path) -> None:
    """Rather than show an empty table."""
    found = open_checkpoint(checkpoint)
    text = card(replace(found, metrics={}), found.network)
    assert "nothing was measured" in text
    assert "| model |" not in text
