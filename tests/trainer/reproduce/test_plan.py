"""The plan trains what the tables need, once."""

import pytest

from trainer.errors import ConfigError
from trainer.reproduce.plan import plan, run_of
from trainer.reproduce.rows import ROWS, TABLES


def test_rows_have_names_of_their_own_and_refer_to_rows_of_their_table() -> None:
    """`--only` needs no other table."""
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert {row.table for row in ROWS} == set(TABLES)
    for row in ROWS:
        assert all(other in names and other.startswith(f"{row.table}/") for other in row.against)


def test_rows_of_one_meaning_share_their_run() -> None:
    """Table 4's COUPLE is Table 5's last row, Figure 4's 100 % and Figure 5's tree with SRIP."""
    whole = plan()
    keys = {row.name: [run.key for run in runs] for row, runs in whole.rows}
    shared = {keys[name][0] for name in ("table4/paper/couple", "table5/queue", "figure4/paper/1")}
    assert len(shared) == 1
    assert keys["table4/default/couple"] == keys["table4/alone/couple"]
    runs = [run.key for run in whole.runs]
    assert len(set(runs)) == len(runs) < sum(map(len, keys.values()))


def test_different_settings_never_share_a_run() -> None:
    """A key stands for one configuration; threads and saving do not change it."""
    by_key = {run.key: run.config for run in plan().runs}
    assert len({config.model_dump_json() for config in by_key.values()}) == len(by_key)
    same = {run_of(["dim=8", extra]).key for extra in ("threads=1", "threads=2", "save_every_s=9")}
    assert len(same) == 1
    assert run_of(["dim=8"]).key != run_of(["dim=16"]).key != run_of(["dim=16", "seed=1"]).key


def test_seeds_are_for_networks_in_tables_4_and_5() -> None:
    """Three and two by default; an ablation row is one run, and what has no seed too."""
    counts = {row.name: len(runs) for row, runs in plan().rows}
    assert counts["table4/paper/sasrec"] == 3
    assert counts["table5/tree"] == 2
    assert counts["table4/icf"] == counts["beyond/default"] == 1
    more = {row.name: len(runs) for row, runs in plan(seeds=5).rows}
    assert (more["table4/paper/sasrec"], more["table5/tree"], more["beyond/default"]) == (5, 5, 1)


def test_quick_is_a_part_of_the_plan_at_an_eighth_of_the_epochs() -> None:
    """One seed; every table has a row still."""
    quick, whole = plan(quick=True), plan()
    assert {row.table for row, _ in quick.rows} == set(TABLES)
    assert len(quick.runs) < len(whole.runs) / 2
    assert all(len(runs) == 1 for _, runs in quick.rows)
    epochs = {row.name: runs[0].config.epochs for row, runs in quick.rows}
    assert epochs["table4/paper/couple"] == 1.0
    assert sum(run.cost(80_000) for run in quick.runs) < sum(r.cost(80_000) for r in whole.runs) / 8


def test_only_some_tables() -> None:
    """A table that does not exist is named."""
    assert {row.table for row, _ in plan(only=["figure5", "table5"]).rows} == {"figure5", "table5"}
    with pytest.raises(ConfigError, match="there is no such table; table4"):
        plan(only=["table6"])


def test_given_settings_reach_every_run_and_rows_keep_their_own() -> None:
    """A row that is about a setting is not silenced by it."""
    found = plan(["target_domain=video", "max_items=5"])
    assert {run.config.target_domain for run in found.runs} == {"video"}
    lengths = {row.name: runs[0].config.max_items for row, runs in found.rows}
    assert lengths["beyond/default/20 items of history"] == 20
    assert lengths["beyond/default"] == 5


@pytest.mark.parametrize("setting", ["model=dssm", "recipe=paper", "seed=3", "source_share=0"])
def test_what_rows_are_about_cannot_be_given(setting: str) -> None:
    """It would make rows what they do not say they are."""
    with pytest.raises(ConfigError, match="row by row"):
        plan([setting])
