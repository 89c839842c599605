"""The card tells a person what they are about to serve."""

from dataclasses import replace
from pathlib import Path

from exporter.card import card
from trainer.checkpoint import open_checkpoint


def test_the_card_names_domains_sizes_and_numbers(checkpoint: Path) -> None:
    """With the baselines beside the model."""
    text = card(open_checkpoint(checkpoint))
    assert "trained on golden" in text
    assert "recommends: video; learned from: product, video" in text
    assert "made up" in text
    for model in ("couple", "tfidf", "chance"):
        for group in ("all", "warm", "cold"):
            assert f"| {model} | {group} |" in text


def test_the_card_of_a_production_model_says_nothing_was_measured(checkpoint: Path) -> None:
    """Rather than show an empty table."""
    text = card(replace(open_checkpoint(checkpoint), metrics={}))
    assert "nothing was measured" in text
    assert "| model |" not in text
