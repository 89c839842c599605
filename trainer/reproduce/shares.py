"""Figure 4: how well cold items are found as training loses source-domain data."""

import numpy as np

from trainer.bootstrap import interval
from trainer.metrics import per_user
from trainer.reproduce.contrasts import Standings
from trainer.reproduce.results import Line, Share

SHOWN = ("HR@10", "NDCG@10")


def shares_of(line: Line, standings: Standings) -> list[Share]:
    """The points of one row, warm and cold users apart."""
    users = [per_user(ranks) for ranks in standings.of(line)]
    share = float(line.name.rpartition("/")[2])
    out = []
    for group in ("warm", "cold"):
        if group not in standings.groups:
            continue
        for metric in SHOWN:
            numbers = np.mean([found[metric] for found in users], axis=0)[standings.groups[group]]
            low, high = interval(numbers[:, None])
            out.append(
                Share(
                    row=line.name, block=line.block, share=share, group=group, metric=metric,
                    value=float(numbers.mean()), low=float(low[0]), high=float(high[0]),
                )
            )  # fmt: skip
    return out
