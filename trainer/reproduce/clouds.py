"""Figure 5: the leaves of a memory tree, laid flat by t-SNE, and how their groups separate.

The paper shows users' slot vectors; ours are the slots themselves, coloured by their parent, which
is what the penalty of Eq. (9) acts on. The silhouette says in a number what an eye may want to see.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from bundle import pad_histories
from trainer.checkpoint import Checkpoint
from trainer.evaluation import Trial
from trainer.network import CoupleEncoder
from trainer.reproduce.results import Cloud, Leaf, Line
from trainer.sequences import Numbers

PERPLEXITY = 30.0


def cloud_of(line: Line, found: Checkpoint, held: Trial) -> Cloud | None:
    """The leaves of a checkpoint's tree; None where it has no tree of two layers."""
    encoder, tree = found.network.encoder, found.config.tree
    if not isinstance(encoder, CoupleEncoder) or encoder.group is None or len(tree) < 2:
        return None
    nodes = encoder.group.layers[-1].detach().numpy().astype(np.float64)
    parents = np.arange(len(nodes)) // (tree[-1] // tree[-2])
    users = _users(found, held, encoder)
    places = flat(nodes)
    leaves = tuple(
        Leaf(x=round(float(x), 3), y=round(float(y), 3), parent=int(parent), users=int(count))
        for (x, y), parent, count in zip(places, parents, users, strict=True)
    )
    return Cloud(
        row=line.name,
        label=line.label,
        block=line.block,
        silhouette=_silhouette(nodes, parents),
        leaves=leaves,
    )


def flat(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """t-SNE by cosine, the same every time: [K, 2]."""
    perplexity = min(PERPLEXITY, max(1.0, (len(vectors) - 1) / 3))
    model = TSNE(2, perplexity=perplexity, metric="cosine", init="random", random_state=0, n_jobs=1)
    places: NDArray[np.float32] = model.fit_transform(vectors)
    return places


def _silhouette(nodes: NDArray[np.float64], parents: Numbers) -> float | None:
    if len(np.unique(parents)) in (1, len(nodes)):
        return None
    return float(silhouette_score(nodes, parents, metric="cosine"))


def _users(found: Checkpoint, held: Trial, encoder: CoupleEncoder) -> Numbers:
    """How many judged users have each leaf as their heaviest: [K]."""
    tags, config, network = held.dataset.tags, found.config, found.network
    rows = [[found.vocabulary.ids(tags[i]) for i in case.history] for case in held.split.cases]
    padded = torch.from_numpy(pad_histories(rows, config.max_items, config.max_tags))
    with torch.inference_mode():
        seen, _ = network.seen(padded, network.tags.weight)
        _, nodes = encoder.parts(seen)
    return np.bincount(nodes[-1].argmax(1).numpy(), minlength=config.tree[-1])
