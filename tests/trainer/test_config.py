"""Settings are checked by name and value before anything is read."""

import pytest

from trainer.config import Config
from trainer.errors import ConfigError


def test_settings_are_parsed_to_their_types() -> None:
    """`key=value` text becomes numbers, booleans and tuples."""
    config = Config.with_overrides(["dim=32", "tree=4,8", "leaves=2", "residual=false", "lr=1e-3"])
    assert (config.dim, config.tree, config.residual, config.lr) == (32, (4, 8), False, 1e-3)


def test_the_paper_recipe_is_a_switch_that_settings_override() -> None:
    """recipe=paper sets the faithful configuration; a setting beside it still counts."""
    config = Config.with_overrides(["lr=0.01", "recipe=paper"])
    assert config.recipe == "paper"
    assert config.negatives == "queue"
    assert (config.batch, config.queue_batches, config.routing) == (256, 10, "dot")
    assert config.lr == 0.01


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("dimm=3", "dim"),
        ("zzz=3", "couple train --help"),
        ("dim", "key=value"),
        ("dim=many", "dim"),
        ("dim=30", "heads=4"),
        ("tree=5,512", "layer"),
        ("leaves=600", "512"),
        ("negatives=none", "negatives"),
        ("recipe=best", "recipe"),
    ],
)
def test_a_bad_setting_is_named(setting: str, named: str) -> None:
    """The error says which setting is wrong, and names near ones."""
    settings = [setting, "tree=32,512"] if setting.startswith("leaves") else [setting]
    with pytest.raises(ConfigError, match=named):
        Config.with_overrides(settings)
