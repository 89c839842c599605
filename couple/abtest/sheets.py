"""A report as titled tables of text, which the terminal and the page show alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from couple.abtest.charts import KINDS
from couple.abtest.report import AgainFigures, ArmFigures, RatioFigures, Report

NOTHING = "–"  # noqa: RUF001  # typography
SIGNED = "+.1f"


@dataclass(frozen=True)
class Sheet:
    """One table; the first column is a name."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Check:
    """A sentence on whether the figures can be believed, and whether it says that they can."""

    text: str
    sound: bool


def sheets(found: Report) -> list[Sheet]:
    """Every table that has a row."""
    made = (_arms(found), _lifts(found), _ratios(found), _power(found), _left_out(found))
    return [sheet for sheet in made if sheet.rows]


def span(found: Report) -> str:
    """When it was, in UTC, to the minute."""
    first, last = map(datetime.fromisoformat, (found.first, found.last))
    length = f"{found.days:.1f} days" if found.days >= 1 else "less than a day"
    return f"{first:%F %H:%M} to {last:%F %H:%M} UTC ({length})"


def checks(found: Report) -> list[Check]:
    """What there is to say: of the sample ratio when it is suspect, of A/A when it was done."""
    said = [Check(_suspect(found, ratio), sound=False) for ratio in found.ratios if ratio.suspect]
    if again := found.again:
        said.append(Check(_again(again), again.sound))
    return said


def _suspect(found: Report, ratio: RatioFigures) -> str:
    return (
        f"Sample-ratio check failed for {ratio.arm}: {ratio.found:.3f} users for one of "
        f"{found.control}, due {ratio.due:.3f} (p = {ratio.p:.1g}). Do not trust the lifts before "
        "you know why."
    )


def _again(again: AgainFigures) -> str:
    verdict = "as it should be" if again.sound else "which is not as it should be"
    return (
        f"A/A: the same users divided at random {again.draws} times raised {again.alarms} "
        f"false alarms, {percent(again.share)} (due 5 % ± {percent(again.error)}), {verdict}."
    )


def _arms(found: Report) -> Sheet:
    columns = ("arm", "users", "answers", "shown", "a user", "clicks", "CTR", "cold", "new items",
               "hours")  # fmt: skip
    note = (
        f"Shown: impressions. Cold: shown within {found.cold_days:g} days after publication, as a "
        "share of the impressions. New items: distinct ones that were cold when the arm first "
        "showed them; hours: median from publication to that impression."
    )
    return Sheet("Arms", columns, [_arm(arm) for arm in found.arms], note)


def _arm(arm: ArmFigures) -> list[str]:
    hours = arm.new_items_median_hours
    return [
        arm.name,
        f"{arm.users:,}",
        f"{arm.requests:,}",
        f"{arm.impressions:,}",
        f"{arm.impressions_per_user:.2f}",
        f"{arm.clicks:,}",
        percent(arm.ctr, ".2f"),
        percent(arm.cold_share),
        f"{arm.new_items:,}",
        NOTHING if hours is None else f"{hours:,.1f}",
    ]


def _lifts(found: Report) -> Sheet:
    rows = [
        [
            lift.arm,
            KINDS[lift.kind],
            *(percent(share, SIGNED) for share in (lift.relative, lift.low, lift.high)),
            NOTHING if lift.p is None else _chance(lift.p),
        ]
        for lift in found.lifts
    ]
    columns = ("arm", "of", "lift", "from", "to", "p")
    note = f"Relative to {found.control}; 95 % interval over users, delta method."
    return Sheet("Lifts", columns, rows, note)


def _ratios(found: Report) -> Sheet:
    rows = [
        [ratio.arm, f"{ratio.found:.3f}", f"{ratio.due:.3f}", _chance(ratio.p)]
        for ratio in found.ratios
    ]
    return Sheet(
        "Sample ratio", ("arm", "found", "due", "p"), rows, "Users for one of the control."
    )


def _power(found: Report) -> Sheet:
    rows = [
        [percent(power.lift, ".0f"), f"{power.users:,}", f"{power.days:,}"] for power in found.power
    ]
    note = (
        "To see such a relative lift of CTR between two arms of one size with a power of 80 %; "
        "days at the pace at which users have come so far."
    )
    return Sheet("What it takes", ("lift", "users", "days"), rows, note)


def _left_out(found: Report) -> Sheet:
    rows = [[reason, f"{count:,}"] for reason, count in found.left_out.items()]
    return Sheet("Left out", ("what", "how many"), rows)


def percent(share: float | None, form: str = ".1f") -> str:
    """A share as everything here writes it."""
    return NOTHING if share is None else f"{100 * share:{form}} %"


def _chance(p: float) -> str:
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"
