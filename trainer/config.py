"""Every choice of a run, with the reason beside the number; `recipe=paper` is the paper's own.

What MODEL.md and docs/experiments.md found to win is the default; readings of the paper that lost
stay as values here.
"""

import difflib
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from trainer.errors import ConfigError

ModelName = Literal[
    "couple", "dssm", "deepconn", "youtube", "ican", "sasrec", "comirec",
    "tfidf", "popularity", "icf", "icf-mf",
]  # fmt: skip


class Config(BaseModel):
    """One run, flat and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    recipe: Literal["default", "paper"] = "default"
    model: ModelName = "couple"
    seed: int = Field(0, ge=0, lt=2**32)  # weights, batches, dropout

    # What is learned from and what is held out.
    target_domain: str | None = None  # None: the one in dataset.json
    split: Literal["auto", "paper", "cold", "none"] = "auto"  # auto: the data set's own
    split_seed: int = Field(0, ge=0, lt=2**32)  # apart from `seed`: seeds are compared on one split
    validation: bool = False  # judge users cut out of the training data: for choices, never test
    source_share: float = Field(1.0, ge=0, le=1)  # of training's source events: Figure 4
    min_tag_count: int = Field(2, ge=1)  # a tag of one training item cannot generalise
    max_items: int = Field(8, ge=1, le=1024)  # l of Table 4; 20 gave nothing at twice the compute
    max_tags: int = Field(15, ge=1, le=64)  # n of Table 4

    # The network (paper §3.2, A.1.2).
    dim: int = Field(64, ge=2, le=4096)  # A.1.2; 128 gave nothing
    heads: int = Field(4, ge=1)  # A.1.2
    interests: int = Field(4, ge=1, le=64)  # I: user vectors of ComiRec, as in its paper
    content: bool = True  # COUPLE's content preference (Eq. 5); off for Table 5
    group: bool = True  # … and its memory tree (Eq. 6-8)
    dropout: float = Field(0.2, ge=0, lt=1)  # A.1.2
    positions: bool = True  # SASRec's position vectors, counted from the newest item
    aggregate: Literal["positions", "heads"] = "positions"  # what m counts in Eq. (2); they tie
    tree: tuple[PositiveInt, ...] = Field(
        (32, 512), min_length=1
    )  # A.1.2: 1-32-512, the root left out
    leaves: int = Field(10, ge=1)  # K of Eq. (8), which the paper does not give
    routing: Literal["dot", "cosine"] = "cosine"  # dot, the paper's, leaves 1-3 live groups of 512
    routing_scale: float = Field(10.0, gt=0)  # of cosine routing: softmax over [-10, 10]
    renormalise: bool = True  # top-K weights sum to 1, else the group vector is ≈ 0
    unit_parts: bool = True  # history, content, group of length 1 before Eq. (11): else one rules
    residual: bool = False  # start from the mean of the items; with factors it costs .011 HR@10
    gate: float = Field(0.3, gt=0)  # how loud the network starts beside that mean; it is learned

    # The second block: co-occurrence factors, carried to new items by the network (factors.py).
    factors: int = Field(127, ge=0, le=2048)  # F; 0 leaves the network alone; 191 gave +.002
    sharpness: float = Field(25.0, gt=0)  # of the attention over known items; 25-35 are level
    lexical: int = Field(128, ge=1, le=2048)  # S of the looks; 256 gave +.003, within noise
    lexical_share: float = Field(0.3, ge=0, le=1)  # of rare tags in a look; 0 loses .015 HR@10
    recency: float = Field(0.95, gt=0, le=1)  # weight of an item against the next newer one
    loudness: float | None = Field(None, ge=0)  # against the network's scores; None: calibrated
    calibration: float = Field(0.05, gt=0, lt=1)  # share of target items set aside for that
    calibration_users: int = Field(300, ge=1)  # who must judge it; 65 chose wrongly, by chance
    max_history: int = Field(50, ge=1, le=1024)  # M: items of a history read by id
    max_known: int = Field(50_000, ge=2)  # W, most frequent first: bounds the item tower

    # Domains: vectors in training only, as the paper has it; dropping them closes the gap.
    domain_vectors: bool = True
    domain_dropout: float = Field(0.5, ge=0, le=1)

    # Examples.
    batch: int = Field(512, ge=2)  # in-batch negatives gain from more
    epochs: float = Field(4.0, gt=0)  # 16 over-fits, 1 is under TF-IDF (docs/experiments.md)
    source_ratio: float = Field(1.0, ge=0)  # source positives per target positive in an epoch
    shuffled: float = Field(0.0, ge=0, le=1)  # share of histories drawn around the positive
    window: int = Field(16, ge=2)  # … from this many items around it
    empty: float = Field(0.03, ge=0, le=1)  # so that the empty history is a learned popularity
    tag_dropout: float = Field(0.2, ge=0, lt=1)

    # Loss (Eq. 9-12).
    temperature: float = Field(0.03, gt=0)  # A.1.2
    negatives: Literal["batch", "queue", "reencoded"] = "batch"  # the detached queue costs .01-.23
    queue_batches: int = Field(10, ge=1)  # A.1.2: 10 x batch
    hard_negatives: int = Field(0, ge=0, le=8)  # more a positive, of its neighbours: within noise
    hard_nearest: int = Field(5, ge=1)  # … the ranks that they are drawn from: nearer ones may
    hard_farthest: int = Field(100, ge=1)  # be what the user would like as well
    log_q: float = Field(
        0.25, ge=0, le=1
    )  # popularity correction; 0 loses .04 Recall@100 (MicroLens)
    srip: float = Field(0.1, ge=0)  # λ, A.1.2
    srip_over: Literal["columns", "rows", "children"] = "children"  # 512 nodes in 64-d: no WᵀW = I
    srip_rounds: int = Field(
        1, ge=1, le=8
    )  # Eq. (10), times; 2 as printed costs twice the products
    balance: float = Field(2.0, ge=0)  # .1 leaves 41 live leaves of 512, 2 leaves 111; paper: 0

    # Gumbel temperature (after Eq. 7).
    anneal: Literal["fraction", "steps"] = "fraction"  # printed rate needs 300,000 steps to reach 1
    tau_start: float = Field(20.0, gt=0)
    tau_floor: float = Field(0.1, gt=0)  # printed max(1, …) never gets small, against §3.2.3
    tau_rate: float = Field(1e-5, gt=0)  # r, for anneal=steps
    tau_every: int = Field(1000, ge=1)  # for anneal=steps

    # Optimiser: Adam.
    lr: float = Field(4e-3, gt=0, le=10)  # 1e-3 leaves every network under TF-IDF in 3 epochs
    warmup: int = Field(100, ge=0)  # steps
    decay: bool = True  # linear to zero
    tag_init: Literal["ppmi", "mixed", "random"] = "ppmi"  # +.035 HR@10, 2 epochs instead of 8
    lsa: float = Field(0.5, ge=0)  # for tag_init=mixed: weight of the half that keeps TF-IDF
    tag_scale: Literal["one", "idf"] = "one"  # idf: rare ones start longer; within noise

    # The run itself.
    save_every_s: float = Field(20.0, ge=0)  # seconds of work that a kill may cost
    threads: int = Field(2, ge=1)  # of a host, divided among its processes
    patience: int = Field(0, ge=0)  # epochs without a better validation before stopping; 0: never

    @model_validator(mode="after")
    def _shapes(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"dim={self.dim} is not a multiple of heads={self.heads}")
        parents = (1, *self.tree)
        if any(child % parent for parent, child in zip(parents, self.tree, strict=False)):
            raise ValueError(f"tree={self.tree}: each layer must be a multiple of the one above")
        if self.leaves > self.tree[-1]:
            raise ValueError(f"leaves={self.leaves}, but the tree has {self.tree[-1]}")
        if self.hard_nearest > self.hard_farthest:
            raise ValueError(
                f"hard_nearest={self.hard_nearest} is over hard_farthest={self.hard_farthest}"
            )
        return self

    @classmethod
    def with_overrides(cls, settings: Iterable[str]) -> "Config":
        """The default, or the paper's recipe, with `key=value` settings on top.

        Raises:
            ConfigError: an unknown key (near ones are named) or a value that does not fit.
        """
        given = dict(map(_parse, settings))
        base = PAPER if given.get("recipe") == "paper" else {}
        try:
            return cls.model_validate({**base, **given})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"][:1])) or "settings"
            raise ConfigError(f"--set {where}: {first['msg']}") from error


# The paper's configuration to the letter, where it has one.
PAPER: dict[str, Any] = {
    "recipe": "paper",
    "batch": 256,
    "epochs": 8.0,  # not given; its loss is flat by then on MicroLens
    "routing": "dot",
    "renormalise": False,
    "unit_parts": False,
    "factors": 0,
    "domain_dropout": 0.0,
    "empty": 0.0,
    "tag_dropout": 0.0,
    "negatives": "queue",
    "log_q": 0.0,
    "srip_over": "columns",
    "srip_rounds": 2,
    "balance": 0.0,
    "anneal": "steps",
    "tau_floor": 1.0,
    "lr": 1e-4,
    "warmup": 0,
    "decay": False,
    "tag_init": "random",
}


def _parse(setting: str) -> tuple[str, Any]:
    key, equals, value = setting.partition("=")
    key = key.strip()
    if not equals:
        raise ConfigError(f"--set {setting}: write it as key=value")
    if key not in Config.model_fields:
        near = difflib.get_close_matches(key, Config.model_fields, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "see `couple train --help`"
        raise ConfigError(f"--set {key}: there is no such setting; {hint}")
    if key == "tree":
        return key, tuple(part.strip() for part in value.split(",") if part.strip())
    return key, value.strip()
