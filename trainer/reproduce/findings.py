"""What held of the paper, and of this project's own claims: worked out from the intervals.

Nothing is asserted here that the results do not say; a claim whose rows are missing is left out.
"""

from collections.abc import Iterator, Sequence

from trainer.reproduce.results import Contrast, Finding, Results, Verdict
from trainer.reproduce.rows import MODELS, PAPER_BLOCK, RIVALS, UNTRAINED
from trainer.reproduce.wording import interval, number, standings

ALIVE = (330, 100.0)  # leaves used and perplexity of a tree of 512 that works (issue 3)
BAR = 0.01  # HR@10 by which a rival may be ahead at the same recipe
CLEAR = 0.01  # of a silhouette; smaller differences are called none


def findings(found: Results) -> tuple[Finding, ...]:
    """All that can be said of these results, the paper's claims first."""
    parts = (_table4, _table5, _figure4, _figure5, _tree, _left_out, _default, _encoders, _recipes)
    return tuple(finding for part in parts for finding in part(found))


def verdict(contrasts: Sequence[Contrast]) -> Verdict:
    """Holds when all are above, fails when one is below, else open."""
    signs = [contrast.sign for contrast in contrasts]
    if all(sign > 0 for sign in signs):
        return "holds"
    return "fails" if any(sign < 0 for sign in signs) else "open"


def _contrasts(
    found: Results, row: str, others: Sequence[str], group: str = "all", metric: str = "HR@10"
) -> list[Contrast]:
    all_ = (found.contrast(row, other, group, metric) for other in others)
    return [contrast for contrast in all_ if contrast]


def _named(contrasts: Sequence[Contrast]) -> str:
    labels = {**MODELS, **UNTRAINED}
    return standings((c, labels[c.against.rpartition("/")[2]]) for c in contrasts)


def _table4(found: Results) -> Iterator[Finding]:
    rivals = [f"table4/paper/{rival}" for rival in RIVALS]
    contrasts = _contrasts(found, "table4/paper/couple", rivals)
    if contrasts:
        said = verdict(contrasts)
        yield Finding(
            claim="COUPLE is above all six baselines (Table 4)",
            source="paper",
            verdict="open" if said == "holds" and len(contrasts) < len(rivals) else said,
            text=f"At the paper's recipe, HR@10 over all users, COUPLE is {_named(contrasts)}.",
        )


def _table5(found: Results) -> Iterator[Finding]:
    claims = (
        ("table5/content", "table5/base", "The content preference helps (Table 5)", "the base"),
        ("table5/tree", "table5/base", "The memory tree helps (Table 5)", "the base"),
        ("table5/queue", "table5/base", "All parts together help (Table 5)", "the base"),
        ("table5/queue", "table5/batch", "A queue of negatives is better than the batch (Table 5)",
         "batch negatives"),
    )  # fmt: skip
    for row, other, claim, name in claims:
        line, contrasts = found.line(row), _contrasts(found, row, [other])
        if line and contrasts:
            text = f"HR@10: {line.label} is {standings([(contrasts[0], name)])}."
            yield Finding(claim=claim, source="paper", verdict=verdict(contrasts), text=text)


def _figure4(found: Results) -> Iterator[Finding]:
    for recipe, words in (("paper", "paper's"), ("default", "default")):
        row, whole = f"figure4/{recipe}/0", f"figure4/{recipe}/1"
        warm, cold = (found.contrast(row, whole, group, "HR@10") for group in ("warm", "cold"))
        if not (warm and cold):
            continue
        lost = [contrast for contrast in (warm, cold) if contrast.sign < 0]
        yield Finding(
            claim=f"Less source-domain data hurts (Figure 4, {words} recipe)",
            source="paper",
            verdict="holds" if len(lost) == 2 else "fails" if _gained(warm, cold) else "open",
            text=f"HR@10 without any source event in training, less that with all of them: warm "
            f"users {interval(warm)}, cold users {interval(cold)}.",
        )
        yield Finding(
            claim=f"… and cold users most (Figure 4, {words} recipe)",
            source="paper",
            verdict=_more(warm, cold),
            text=f"Cold users lose {number(-cold.difference)}, warm users "
            f"{number(-warm.difference)}; the two intervals "
            f"{'overlap' if _more(warm, cold) == 'open' else 'do not overlap'}.",
        )


def _gained(*contrasts: Contrast) -> bool:
    return any(contrast.sign > 0 for contrast in contrasts)


def _more(warm: Contrast, cold: Contrast) -> Verdict:
    """Whether cold users lose more, by intervals that do not overlap: the strict way."""
    if cold.high < warm.low:
        return "holds"
    return "fails" if warm.high < cold.low else "open"


def _figure5(found: Results) -> Iterator[Finding]:
    clouds = {cloud.row: cloud.silhouette for cloud in found.clouds}
    for recipe, words in (("paper", "paper's"), ("default", "default")):
        on, off = (clouds.get(f"figure5/{recipe}/{name}") for name in ("with", "without"))
        if on is None or off is None:
            continue
        clear: Verdict = "holds" if on > off + CLEAR else "fails" if on < off - CLEAR else "open"
        yield Finding(
            claim=f"Orthogonality separates the groups (Figure 5, {words} recipe)",
            source="paper",
            verdict=clear,
            text=f"Silhouette of the leaves by their parent, by cosine: {number(on)} with SRIP, "
            f"{number(off)} without; one run each.",
        )


def _tree(found: Results) -> Iterator[Finding]:
    for name, words in (("table4/paper/couple", "paper's"), ("table4/default/couple", "default")):
        line = found.line(name)
        if not (line and line.leaves):
            continue
        use = line.leaves
        share, even = ALIVE[0] / 512, ALIVE[1] / 512
        alive = use.used >= share * use.leaves and use.perplexity > even * use.leaves
        yield Finding(
            claim=f"The memory tree uses its leaves ({words} recipe)",
            source="paper" if line.block == PAPER_BLOCK else "project",
            verdict="holds" if alive else "fails",
            text=f"{use.used} of {use.leaves} leaves are some judged user's heaviest; perplexity "
            f"{use.perplexity:.0f}. Called alive from {100 * share:.0f} % of the leaves and a "
            f"perplexity of {100 * even:.0f} % of them.",
        )


def _left_out(found: Results) -> Iterator[Finding]:
    others = [f"table4/{name}" for name in ("icf", "tfidf")]
    contrasts = _contrasts(found, "table4/paper/couple", others)
    if contrasts:
        yield Finding(
            claim="COUPLE at the paper's recipe is above what needs no network",
            source="project",
            verdict=verdict(contrasts),
            text=f"The paper has no such baseline. HR@10: COUPLE is {_named(contrasts)}.",
        )


def _default(found: Results) -> Iterator[Finding]:
    others = [f"table4/{name}" for name in ("icf", "tfidf")]
    for group, words in (("all", "all users"), ("cold", "cold users")):
        pairs = [
            (metric, _contrasts(found, "table4/default/couple", others, group, metric))
            for metric in ("HR@10", "Recall@100")
        ]
        contrasts = [contrast for _, some in pairs for contrast in some]
        if contrasts:
            said = ". ".join(f"{metric}: {_named(some)}" for metric, some in pairs)
            yield Finding(
                claim=f"The default recipe is above ICF* and TF-IDF on {words}",
                source="project",
                verdict=verdict(contrasts),
                text=f"{said}.",
            )


def _encoders(found: Results) -> Iterator[Finding]:
    for recipe, words in (("default", "with factors"), ("alone", "networks alone")):
        rivals = [f"table4/{recipe}/{rival}" for rival in RIVALS]
        contrasts = _contrasts(found, f"table4/{recipe}/couple", rivals)
        if not contrasts:
            continue
        best = min(contrasts, key=lambda contrast: contrast.difference)
        label = MODELS[best.against.rpartition("/")[2]]
        close = _close(best)
        yield Finding(
            claim=f"At one recipe COUPLE's user tower is among the best ({words})",
            source="project",
            verdict=close,
            text=f"The best rival is {label}; HR@10: COUPLE is "
            f"{standings([(best, label)])}. Among the best: not behind by more than {number(BAR)}.",
        )


def _close(best: Contrast) -> Verdict:
    """Behind by more than the bar fails only if the interval says so too."""
    if best.difference >= -BAR:
        return "holds"
    return "fails" if best.high < -BAR else "open"


def _recipes(found: Results) -> Iterator[Finding]:
    contrast = found.contrast("table4/default/couple", "table4/paper/couple", "all", "HR@10")
    if contrast:
        yield Finding(
            claim="The default recipe improves on the paper's",
            source="project",
            verdict=verdict([contrast]),
            text=f"HR@10: the default recipe is {standings([(contrast, 'that of the paper')])}.",
        )
