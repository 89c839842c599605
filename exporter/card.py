"""`MODEL_CARD.md`: what a person should know before they serve the bundle."""

from trainer.checkpoint import Checkpoint

COLUMNS = ("HR@10", "NDCG@10", "Recall@100")


def card(checkpoint: Checkpoint) -> str:
    """The card of a checkpoint; the same text for the same checkpoint, wherever it lies."""
    about, config = checkpoint.about, checkpoint.config
    lines = [
        f"# COUPLE trained on {about.dataset}",
        "",
        "Two towers of COUPLE (arXiv 2112.03667): a user from the tags of what they chose last, an "
        "item from its tags alone. The score is the inner product, a cosine.",
        "",
        f"- recommends: {about.target_domain}; learned from: {', '.join(about.domains)}",
        f"- tags: {len(checkpoint.vocabulary)}; vectors: {config.dim} numbers; histories: the "
        f"newest {config.max_items} items, {config.max_tags} tags each",
        f"- recipe: {config.recipe}, seed {config.seed}, {config.epochs:g} epochs",
        f"- data: {about.data_fingerprint[:12]}; {about.data_notes or 'no notes'}",
        "",
        *_table(checkpoint),
        "Limits: it knows no tag outside `tags.txt`; an item without a known tag has no vector; "
        "what it learned is what its users did, with all their habits.",
        "",
    ]
    return "\n".join(lines)


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
