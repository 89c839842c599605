"""One run of the report in a process of its own: `python -m trainer.reproduce.worker`.

Alone in its process a run's memory can be measured, and two of them fill two cores better than one
of two threads. Exit code 2 and one sentence on stderr for an error that this project foresees.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from bundle import CoupleError
from trainer.checkpoint import Checkpoint, begun, open_checkpoint
from trainer.config import Config
from trainer.evaluation import Metrics, Trial, judge, metrics_of, ranks_of, scorer_of, trial
from trainer.leaves import leaf_usage
from trainer.metrics import Ranks
from trainer.reading import read
from trainer.reproduce.record import Leaves, Record, save
from trainer.scorer import TowersScorer
from trainer.towers import NETWORKS
from trainer.train import train

RESTART = "--restart"


def carry_out(data: Path, runs: Path, key: str, settings: tuple[str, ...], restart: bool) -> Record:
    """Train, judge and record one run; a checkpoint that is there already is taken up."""
    config, checkpoint = Config.with_overrides(settings), runs / key
    resumed = begun(checkpoint) and not restart
    began = time.monotonic()
    report = train(data, checkpoint, config, progress=False, restart=restart)
    seconds, peak_mb = time.monotonic() - began, _peak_mb()
    found = open_checkpoint(checkpoint)
    dataset = read(data, config.target_domain)
    held = trial(dataset, config)
    alone = _alone(found, held)
    record = Record(
        key=key,
        settings=settings,
        data_fingerprint=found.about.data_fingerprint,
        split_fingerprint=found.about.split_fingerprint,
        seconds=seconds,
        resumed=resumed,
        peak_mb=peak_mb,
        metrics=report[config.model],
        alone=metrics_of(held, alone) if alone else None,
        whole_pool=_whole_pool(found, held),
        leaves=_leaves(found, held),
    )
    save(runs, record, alone)
    return record


def _alone(found: Checkpoint, held: Trial) -> Ranks | None:
    """Ranks by the network without its factors, where it has any."""
    if found.config.model not in NETWORKS or not len(found.item_ids):
        return None
    network = found.network
    network.factors = None
    return ranks_of(held, TowersScorer(network, found.vocabulary, found.item_ids, held.dataset))


def _whole_pool(found: Checkpoint, held: Trial) -> Metrics:
    everything = trial(held.dataset, found.config, full_pool=True)
    return judge(everything, scorer_of(found, held.dataset))


def _leaves(found: Checkpoint, held: Trial) -> Leaves | None:
    config = found.config
    if config.model != "couple" or not config.group:
        return None
    histories = [case.history for case in held.split.cases]
    use = leaf_usage(found.network, found.vocabulary, held.dataset, config, histories)
    return Leaves(leaves=use.leaves, used=use.used, perplexity=use.perplexity)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _stay_with(parent: int) -> None:
    """End when whoever started this has ended, however it did: nobody else would stop it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main(words: list[str]) -> NoReturn:
    """DATA RUNS KEY [--restart] SETTING…"""
    threading.Thread(target=_stay_with, args=(os.getppid(),), daemon=True).start()
    data, runs, key, *rest = words
    settings = tuple(word for word in rest if word != RESTART)
    try:
        carry_out(Path(data), Path(runs), key, settings, RESTART in rest)
    except CoupleError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
