"""Figures in Prometheus' text form (version 0.0.4)."""

from collections import defaultdict
from collections.abc import Mapping

from service.families import FAMILIES, Family

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ENDS = ("_bucket", "_count", "_sum")


def text(figures: Mapping[str, float]) -> bytes:
    """Every family that has figures, in the order of `FAMILIES`; unknown names are left out."""
    by_family: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in figures.items():
        by_family[_family(name)].append(f"{name} {value:.17g}")
    return "".join(
        _block(family, by_family[family.name]) for family in FAMILIES if family.name in by_family
    ).encode()


def _block(family: Family, lines: list[str]) -> str:
    head = f"# HELP {family.name} {family.meaning}\n# TYPE {family.name} {family.kind}\n"
    return head + "".join(f"{line}\n" for line in lines)


def _family(name: str) -> str:
    whole = name.partition("{")[0]
    for end in ENDS:
        whole = whole.removesuffix(end)
    return whole
