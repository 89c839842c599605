"""`couple evaluate`: how well checkpoints find what was held out from them, and which is better."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from couple.extras import requires, share_cores

if TYPE_CHECKING:
    from trainer.comparison import Comparison, Tests


def evaluate(
    checkpoints: Annotated[
        list[Path], typer.Argument(metavar="CHECKPOINT...", help="what train wrote")
    ],
    data: Annotated[Path, typer.Option(help="the data folder they were trained on")],
    json_: Annotated[bool, typer.Option("--json", help="JSON instead of tables")] = False,
    full_pool: Annotated[
        bool, typer.Option("--full-pool", help="choose among warm target items too")
    ] = False,
    against: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="the model to beat [icf and tfidf]")
    ] = None,
) -> None:
    """HR@k and NDCG@k against 100 sampled negatives, Recall@k over all cold items.

    Warm and cold users apart, beside a TF-IDF profile, popularity, ICF and chance in the same run.
    Checkpoints that differ in their seed alone are one model: mean and standard deviation. Then
    each model's difference to those it should beat, with a 95 % interval by paired bootstrap.

    Example: couple evaluate seed0 seed1 seed2 --data data --against tfidf
    """
    share_cores()
    with requires("train"):
        from couple.tables import compared
        from trainer.comparison import AGAINST, compare_checkpoints

    found = compare_checkpoints(checkpoints, data, full_pool=full_pool)
    tests = {name: found.against(name) for name in against or AGAINST} if found.ranks else {}
    if json_:
        import json

        typer.echo(json.dumps(_plain(found, tests, full_pool=full_pool), indent=2))
    else:
        compared(found, tests, full_pool=full_pool)


def _plain(found: "Comparison", tests: "dict[str, Tests]", *, full_pool: bool) -> dict[str, Any]:
    """All of it as JSON has it; `against` goes by model to beat, model, users and metric."""
    return {
        "data_fingerprint": found.trial.dataset.fingerprint,
        "split_fingerprint": found.trial.split.fingerprint,
        "pool": "full" if full_pool else "cold",
        "seeds": {name: len(ranks) for name, ranks in found.ranks.items()},
        "metrics": found.means(),
        "deviations": found.deviations(),
        "against": {
            other: {
                name: {
                    group: {metric: interval._asdict() for metric, interval in metrics.items()}
                    for group, metrics in groups.items()
                }
                for name, groups in models.items()
            }
            for other, models in tests.items()
        },
    }
