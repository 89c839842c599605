"""Settings are checked by name and value before anything is read."""

import pytest

from trainer.config import Config
from trainer.errors import ConfigError


def test_settings_are_parsed_to_their_types() -> None:
    """`key=value` text becomes numbers, booleans and tuples."""
    config = Config.with_overrides(["dim=32", "tree=4,8", "leaves=2", "residual=true", "lr=1e-3"])
    assert (config.dim, config.tree, config.residual, config.lr) == (32, (4, 8), True, 1e-3)


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
        ("hard_nearest=101", "hard_farthest=100"),
        ("recipe=best", "recipe"),
        ("tree=", "tree"),
        ("tree=0,5", "tree"),
        ("epochs=inf", "epochs"),
        ("lr=nan", "lr"),
        ("lr=1e38", "lr"),
        ("seed=4294967296", "seed"),
    ],
)
def test_a_bad_setting_is_named(setting: str, named: str) -> None:
    """The error says which setting is wrong, and names near ones."""
    settings = [setting, "tree=32,512"] if setting.startswith("leaves") else [setting]
    with pytest.raises(ConfigError, match=named):
        Config.with_overrides(settings)


def test_a_configuration_survives_its_file() -> None:
    """What a checkpoint writes reads as the same run, for both recipes."""
    for settings in ([], ["recipe=paper"], ["tree=2,6,12", "leaves=3", "lr=1e-9"]):
        config = Config.with_overrides(settings)
        assert Config.model_validate_json(config.model_dump_json()) == config


def test_the_paper_recipe_is_the_papers() -> None:
    """Every number that §3 and A.1.2 give."""
    config = Config.with_overrides(["recipe=paper"])
    assert (config.dim, config.heads, config.tree, config.dropout) == (64, 4, (32, 512), 0.2)
    assert (config.srip, config.srip_over, config.srip_rounds) == (0.1, "columns", 2)
    assert (config.tau_start, config.tau_rate, config.tau_every, config.tau_floor) == (
        20, 1e-5, 1000, 1,
    )  # fmt: skip
    assert (config.temperature, config.lr, config.decay, config.warmup) == (0.03, 1e-4, False, 0)
    off = (config.residual, config.unit_parts, config.renormalise, config.balance, config.shuffled)
    assert not any((*off, config.domain_dropout, config.tag_dropout, config.log_q, config.empty))
