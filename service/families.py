"""Every figure of `/metrics`: its name, its kind, what it says and which labels it has.

Labels take few values, all known beforehand: routes by their pattern, never a path; nothing that
names a user or an item. Counters and histograms are sums over the workers of a host, those that
died included; gauges are a worker's own and go with it.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class Family(NamedTuple):
    """Figures of one name; `labels` in the order in which values are given."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()

    def series(self, values: Sequence[object] = (), end: str = "", le: str = "") -> str:
        """The name of one figure in Prometheus' text form."""
        pairs = [*zip(self.labels, values, strict=True), *([("le", le)] if le else ())]
        inside = ",".join(f'{label}="{_escaped(str(value))}"' for label, value in pairs)
        return f"{self.name}{end}{{{inside}}}" if inside else self.name + end


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


REQUESTS = Family(
    "couple_requests_total",
    "counter",
    "Answers, by the pattern of the route (a dash where there is none) and status",
    ("method", "route", "status"),
)
REQUEST_S = Family(
    "couple_request_seconds",
    "histogram",
    "Time from a request's head to its answer, where it was answered with 200 or 202",
    ("route",),
)
SHED = Family(
    "couple_requests_shed_total",
    "counter",
    "Requests turned away with 429 because too much was in flight",
    ("kind",),
)
STAGE_S = Family(
    "couple_stage_seconds",
    "histogram",
    "Time of one call of /recommend or /recommend/batch in a stage: histories (Redis, and the wait "
    "for X-Couple-After), tower (and the search by it), channels (other searches, the blend)",
    ("stage",),
)
RECOMMENDATIONS = Family(
    "couple_recommendations_total", "counter", "Users recommended to, each of a batch once"
)
ASKED = Family("couple_candidates_asked_total", "counter", "Candidates asked for: the sum of k")
CANDIDATES = Family(
    "couple_candidates_total",
    "counter",
    "Candidates answered, by the channel that brought them; what lacks of those asked for is short",
    ("channel",),
)
DEGRADED = Family(
    "couple_degraded_total",
    "counter",
    "Recommendations that were less than they could be, by each reason in `degraded`",
    ("reason",),
)
ITEMS = Family(
    "couple_items_posted_total",
    "counter",
    "Items posted, by whether the active model can recommend them",
    ("retrievable",),
)
TAGS = Family(
    "couple_tags_posted_total",
    "counter",
    "Tags of items posted, by whether the active model knows them: the drift alarm",
    ("known",),
)
EVENTS = Family(
    "couple_events_total", "counter", "Events posted, by what became of them", ("outcome",)
)
IMPRESSIONS = Family(
    "couple_impressions_total",
    "counter",
    "Impressions of what can be recommended: cold is published at most 7 days before",
    ("item",),
)
EXPOSURES = Family(
    "couple_exposures_total",
    "counter",
    "Recommendations noted in the event stream, and those dropped because it did not keep up",
    ("outcome",),
)
READY = Family(
    "couple_ready", "gauge", "Whether the worker would be sent requests (/readyz)", ("worker",)
)
REDIS_UP = Family("couple_redis_up", "gauge", "Whether the worker reads the item log", ("worker",))
LAG = Family(
    "couple_log_lag_seconds",
    "gauge",
    "Since the worker last had everything that is in the item log",
    ("worker",),
)
CATALOGUE = Family(
    "couple_catalogue_items", "gauge", "Items of the catalogue that the worker holds", ("worker",)
)
GENERATION = Family(
    "couple_generation_info",
    "gauge",
    "1 for each model of the worker, with its state: active is the one that answers",
    ("worker", "name", "version", "state"),
)
GENERATION_BYTES = Family(
    "couple_generation_bytes", "gauge", "About what a model takes of memory", ("worker", "version")
)
INDEX_ITEMS = Family(
    "couple_index_items", "gauge", "Items in a model's index", ("worker", "version")
)
INDEX_RECALL = Family(
    "couple_index_recall",
    "gauge",
    "Share of the best items that a search finds, as last measured; 1 where it scans everything",
    ("worker", "version"),
)
INDEX_REBUILDS = Family(
    "couple_index_rebuilds",
    "gauge",
    "How often the index was built anew since it was loaded",
    ("worker", "version"),
)
IN_FLIGHT = Family("couple_in_flight", "gauge", "Requests being answered", ("worker", "kind"))
WAIT = Family(
    "couple_wait_seconds", "gauge", "How long what is in flight will take", ("worker", "kind")
)
RESIDENT = Family(
    "couple_worker_resident_bytes", "gauge", "Memory of the worker that is in RAM", ("worker",)
)
CPU = Family(
    "couple_worker_cpu_seconds",
    "gauge",
    "Processor time of the worker since its start",
    ("worker",),
)

FAMILIES = tuple(value for value in vars().values() if isinstance(value, Family))
