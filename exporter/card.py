"""`MODEL_CARD.md`: what a person should know before they serve the bundle."""

from trainer.checkpoint import Checkpoint
from trainer.towers import TwoTowers

COLUMNS = ("HR@10", "NDCG@10", "Recall@100")
NAMES = {
    "couple": "COUPLE (arXiv 2112.03667)",
    "dssm": "DSSM (Huang et al., CIKM 2013)",
    "deepconn": "DeepCoNN (Zheng et al., WSDM 2017)",
    "youtube": "YouTube DNN (Covington et al., RecSys 2016)",
    "ican": "ICAN (Xie et al., CIKM 2020)",
    "sasrec": "SASRec (Kang and McAuley, ICDM 2018)",
    "comirec": "ComiRec-SA (Cen et al., KDD 2020)",
}


def card(checkpoint: Checkpoint, network: TwoTowers) -> str:
    """The card of a checkpoint and its network; the same text wherever the checkpoint lies."""
    about, config = checkpoint.about, checkpoint.config
    name = NAMES[about.model]
    lines = [
        f"# {name.partition(' (')[0]} trained on {about.dataset}",
        "",
        f"Two towers of {name}: a user from the tags of what they chose last"
        f"{_and_items(network)}, an item from its tags alone. {_score(network)}",
        "",
        f"- recommends: {about.target_domain}; learned from: {', '.join(about.domains)}",
        f"- tags: {len(checkpoint.vocabulary):,}; histories: the newest {config.max_items} items, "
        f"{config.max_tags} tags each",
        *_vectors(checkpoint, network),
        f"- recipe: {config.recipe}, seed {config.seed}, {config.epochs:g} epochs",
        f"- data: {about.data_fingerprint[:12]}; {about.data_notes or 'no notes'}",
        "",
        *_table(checkpoint),
        "Limits: it knows no tag outside `tags.txt`; an item without a known tag has no vector; "
        "what it learned is what its users did, with all their habits.",
        "",
    ]
    return "\n".join(lines)


def _and_items(network: TwoTowers) -> str:
    return " and from which items these were" if network.factors is not None else ""


def _score(network: TwoTowers) -> str:
    if network.interests == 1:
        return "The score is the inner product, a cosine."
    return f"A user has {network.interests} vectors; the score is the best inner product, a cosine."


def _vectors(checkpoint: Checkpoint, network: TwoTowers) -> list[str]:
    """How long a vector is, what it is made of, and what a caller must send."""
    config, known = checkpoint.config, len(checkpoint.item_ids)
    if network.factors is None:
        return [f"- vectors: {network.dim} numbers"]
    return [
        f"- vectors: {network.dim} numbers: {config.dim} of the network, {config.factors} factors "
        "of what users chose together, 1 that makes items equally long",
        f"- item ids: {known:,} known, in `items.txt`; the newest {config.max_history} of a "
        "history are read. The factors speak only where a history names known items: of tags "
        "alone they are silent, and the network ranks by itself",
    ]


def _table(checkpoint: Checkpoint) -> list[str]:
    if not checkpoint.metrics:
        return ["Trained on everything: nothing was held out, so nothing was measured.", ""]
    lines = [
        "Cold items (never seen in training); HR and NDCG against 100 sampled negatives, Recall "
        "over all cold items:",
        "",
        "| model | users | number | " + " | ".join(COLUMNS) + " |",
        "| --- | --- | --- |" + " --- |" * len(COLUMNS),
    ]
    for model, groups in checkpoint.metrics.items():
        for group, found in groups.items():
            cells = " | ".join(f"{found[name]:.3f}" for name in COLUMNS)
            lines.append(f"| {model} | {group} | {found['users']:.0f} | {cells} |")
    return [*lines, ""]
