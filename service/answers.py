"""What callers get: documentation for /openapi.json. Answers are encoded without it (FACTS.md)."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from service.experiment import Experiment

APPLIED: Any = Field(description="whether the worker that answers this recommends by it already")


class ItemResult(BaseModel):
    item_id: str
    status: Literal["created", "updated", "unchanged", "stale"]
    known_tags: list[str]
    unknown_tags: list[str]
    retrievable: bool
    stand_in_tags: list[str] | None = Field(
        None, description="known tags it is read by, where none of its own is known; else left out"
    )


class ItemsAnswer(BaseModel):
    """Results in request order."""

    request_id: str
    sequence: str
    durability: Literal["aof-always", "aof-everysec", "memory", "unknown"]
    applied: bool = APPLIED
    results: list[ItemResult]


class ItemAnswer(BaseModel):
    """The facts of an item; `retrievable` by model version."""

    request_id: str
    item_id: str
    tags: list[str]
    title: str | None
    domain: str
    author_id: str | None
    published_at: str | None
    expires_at: str | None
    attributes: dict[str, str | list[str]]
    version: int
    retrievable: dict[str, bool]


class DeleteAnswer(BaseModel):
    request_id: str
    item_id: str
    status: Literal["deleted", "absent", "stale"]
    sequence: str
    applied: bool = APPLIED


class Rejected(BaseModel):
    position: int
    reason: str


class EventsAnswer(BaseModel):
    request_id: str
    accepted: int
    duplicates: int
    rejected: list[Rejected]


class WatchedAnswer(BaseModel):
    item_id: str | None
    domain: str | None
    timestamp: str | None
    title: str | None
    tags: list[str]
    author_id: str | None


class HistoryAnswer(BaseModel):
    """Newest first, by arrival."""

    request_id: str
    user_id: str
    history: list[WatchedAnswer]


class EraseAnswer(BaseModel):
    request_id: str
    user_id: str
    status: Literal["erased", "absent"]


class TagReason(BaseModel):
    """A tag of the candidate, the user's tag nearest to it, and the items that carried that."""

    tag: str
    via: str
    similarity: float
    history: list[str]
    stand_in: Literal[True] | None = Field(
        None, description="`tag` stands in for the item's own, unknown ones; else left out"
    )


class Reasons(BaseModel):
    tags: list[TagReason]


class Candidate(BaseModel):
    item_id: str
    score: float
    channel: Literal["model", "author", "fresh", "popular"]
    reasons: Reasons | None = None


class ModelName(BaseModel):
    name: str
    version: str


class ArmDrawn(BaseModel):
    """Of the experiment `name`."""

    name: str
    arm: str
    bucket: int
    forced: Literal[True] | None = Field(None, description="by X-Couple-Arm; else left out")


class SimilarAnswer(BaseModel):
    """Candidates by falling score, the item itself left out; `degraded` as in /recommend."""

    request_id: str
    candidates: list[Candidate]
    model: ModelName
    sequence: str | None
    degraded: list[
        Literal["unknown_tags", "redis_unavailable", "stale_index", "model_failed", "short"]
    ]


class RecommendAnswer(BaseModel):
    """Candidates by falling score; `degraded` says why they are less than they could be.

    `arm_unavailable`: this process has no model of the arm's yet, and the active one answered.
    """

    request_id: str
    user_id: str
    candidates: list[Candidate]
    model: ModelName
    experiments: list[ArmDrawn]
    sequence: str | None
    degraded: list[
        Literal[
            "no_history",
            "unknown_tags",
            "redis_unavailable",
            "stale_index",
            "model_failed",
            "arm_unavailable",
            "short",
        ]
    ]


class RecommendBatchAnswer(BaseModel):
    """Results in request order, each as /recommend would have answered it."""

    request_id: str
    results: list[RecommendAnswer]


class DigestAnswer(BaseModel):
    """What this replica holds of the catalogue; the same at the same sequence on every replica."""

    request_id: str
    sequence: str | None
    count: int
    hash: str


class ModelListed(BaseModel):
    """A model of the process that answers. `loading`: its index is being built; `failed`: `reason`
    says why it cannot be, and it is tried again; `previous`: a rollback goes back to it."""

    name: str
    version: str
    state: Literal["loading", "failed", "ready", "previous", "active"]
    items: int
    bytes: int = Field(description="about what it takes of the process's memory")
    reason: str | None


class ModelAnswer(ModelListed):
    request_id: str


class ModelsAnswer(BaseModel):
    """`active` is the version that this process answers with."""

    request_id: str
    models: list[ModelListed]
    active: str


class ExperimentAnswer(BaseModel):
    """`revision` counts the changes of all experiments; `experiment` can be put as it is."""

    request_id: str
    revision: int
    status: Literal["running", "ended"]
    experiment: Experiment


class ExperimentsAnswer(BaseModel):
    """`experiments` run; names and salts of the 200 that `ended` last are taken."""

    request_id: str
    revision: int
    experiments: list[Experiment]
    ended: list[Experiment]


class ArmReport(BaseModel):
    """`users` is an estimate, 1 % off at most times; `ctr` is null before the first impression."""

    name: str
    users: int
    impressions: int
    clicks: int
    cold_impressions: int
    ctr: float | None


class ReportAnswer(BaseModel):
    """What was counted so far; `analysis` is the JSON of the last `couple experiments report`."""

    request_id: str
    name: str
    arms: list[ArmReport]
    analysis: dict[str, Any] | None


class EndAnswer(BaseModel):
    request_id: str
    name: str
    status: Literal["ended"]


class LiveAnswer(BaseModel):
    """`broken`: a background task ended, only a restart helps."""

    request_id: str
    status: Literal["alive", "broken"]
    pid: int


class ReadyAnswer(BaseModel):
    """`leaving`: told to stop, and answers as long as it is asked."""

    request_id: str
    status: Literal["ready", "starting", "leaving"]
    sequence: str | None
    items: int
    redis: Literal["connected", "unavailable"]


class PlaceAnswer(BaseModel):
    place: str
    detail: str


class Problem(BaseModel):
    """RFC 9457; `errors` names each place that is wrong and how to mend it."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[PlaceAnswer]
