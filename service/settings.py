"""Every setting of the service: `COUPLE_*` variables, read once. Table: docs/settings.md."""

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service.channels.mix import MODEL_ALONE, Mix
from service.errors import KeysMissing, SettingsRefused

Scope = Literal["ingest", "recommend", "admin"]
PREFIX = "COUPLE_"
REDIS = ("redis", "rediss", "unix")  # schemes


class StoreUrl(Secret[str]):
    """A URL of a store that shows itself without its password."""

    def _display(self) -> str:
        url = self.get_secret_value()
        parts = urlsplit(url)
        return url.replace(f":{parts.password}@", ":***@") if parts.password else url


def _begins(*schemes: str) -> AfterValidator:
    """Takes a URL of one of these schemes whose port, if any, is a number."""
    named = ", ".join(f"{scheme}://" for scheme in schemes)

    def check(url: StoreUrl) -> StoreUrl:
        refused = PydanticCustomError("url", f"Input should be a URL that begins with {named}")
        try:
            parts = urlsplit(url.get_secret_value())
            scheme, _ = parts.scheme, parts.port  # which may be no number
        except ValueError:
            raise refused from None
        if scheme not in schemes:
            raise refused
        return url

    return AfterValidator(check)


RedisUrl = Annotated[StoreUrl, _begins(*REDIS)]
HistoriesUrl = Annotated[StoreUrl, _begins(*REDIS, "redis+cluster", "rediss+cluster")]


class Key(BaseModel):
    """One caller: the sha256 of its key (never the key) and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] = Field(repr=False)
    scopes: frozenset[Scope]


class Settings(BaseSettings):
    """Read from the environment; keyword arguments win over it.

    Raises:
        SettingsRefused: a value makes no sense; the message names its variable.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    bundle: Path | None = Field(None, description="folder of the bundle to serve")
    bundles: Path | None = Field(
        None,
        description="folder that POST /models names bundles in; by default the one the served "
        "bundle lies in",
    )
    state: Path = Field(
        Path(".couple/state"),
        description="folder of this host for snapshots of indexes, shared by its workers and by "
        "no other service",
    )
    max_generations: int = Field(3, ge=2, description="models that may be live at once")
    build_niceness: int = Field(
        15, ge=0, le=19, description="how far processes that build an index stand back (nice)"
    )
    verify_timeout_s: float = Field(
        60, gt=0, description="time that POST /models has to verify a bundle"
    )
    verify_memory_mb: int = Field(
        4096, ge=64, description="memory that a bundle may take while it is verified, MiB"
    )
    snapshot_interval_s: float = Field(
        900, gt=0, description="pause between two snapshots of the live indexes"
    )
    redis_url: RedisUrl = Field(
        StoreUrl("redis://127.0.0.1:6379/0"),
        description="Redis ≥ 7 or Valkey: redis://, rediss:// or unix://",
    )
    histories_url: HistoriesUrl | None = Field(
        None,
        description="where histories lie, if not there: a Redis Cluster (redis+cluster:// or "
        "rediss+cluster:// and any node of it), or another Redis",
    )
    index: Literal["faiss", "milvus"] = Field(
        "faiss", description="what keeps the vectors: this process, or Milvus (docs/scaling.md)"
    )
    milvus_uri: StoreUrl = Field(
        StoreUrl("http://127.0.0.1:19530"),
        description="Milvus: http://USER:PASSWORD@HOST:PORT/DATABASE, or a path that ends in .db: "
        "Milvus Lite",
    )
    milvus_structure: dict[str, Any] = Field(
        {"index_type": "AUTOINDEX"},
        description="JSON: `index_type` and `params` of Milvus' index of the vectors, for "
        "collections that are to be made",
    )
    milvus_timeout_ms: int = Field(
        2000, ge=1, description="time Milvus has to answer a search; then `stale_index`"
    )
    milvus_lease_ms: int = Field(
        5000,
        ge=100,
        description="how long a worker that writes to Milvus may be silent before another takes "
        "its place",
    )
    host: str = Field("127.0.0.1", description="address to bind")
    port: int = Field(8000, ge=0, le=65535, description="port to bind; 0 takes a free one")
    keys: tuple[Key, ...] = Field(
        (), description="JSON list of callers: `name`, `sha256` of the key, `scopes`"
    )
    history_length: int = Field(50, ge=1, le=1000, description="items a user's history keeps")
    seen_length: int = Field(200, ge=1, le=10_000, description="impressions a user's list keeps")
    history_retention_s: float = Field(
        0,
        ge=0,
        le=10**10,
        description="how long both outlive a user's last event, seconds; 0: until they are erased",
    )
    log_retention_s: float = Field(
        86_400, gt=0, description="how long the item log and tombstones are kept, seconds"
    )
    events_length: int = Field(
        250_000, ge=1, description="entries that the event stream keeps, about 1.2 kB each"
    )
    exposure_buffer: int = Field(
        10_000,
        ge=0,
        description="recommendations that may wait for the event stream to take them; what comes "
        "beyond is dropped and counted; 0: none is noted",
    )
    channels: Mix = Field(
        MODEL_ALONE, description="JSON list of channels with their `quota` (docs/channels.md)"
    )
    fresh_exposures: int = Field(
        20, ge=0, description="impressions that `fresh` owes an item: those with fewer go first"
    )
    popular_half_life_s: float = Field(
        86_400, ge=1, description="after which a positive event counts half in `popular`, seconds"
    )
    popular_length: int = Field(2000, ge=1, description="items that `popular` keeps")
    attention_interval_ms: int = Field(
        5000, ge=1, description="pause between two looks at impressions and popularity"
    )
    connection_limit: int = Field(
        800, ge=1, description="connections of one worker; what comes beyond is a 503"
    )
    head_timeout_ms: int = Field(
        10_000, ge=1, description="time a caller has to send the head of a request"
    )
    body_timeout_ms: int = Field(10_000, ge=1, description="time a caller has to send a body")
    body_limit_bytes: int = Field(
        16 * 2**20, ge=1024, description="largest request body; a larger one is a 413"
    )
    recommend_body_limit_bytes: int = Field(
        2 * 2**20, ge=1024, description="the same of /recommend and /similar"
    )
    bodies_limit_bytes: int = Field(
        256 * 2**20,
        ge=1024,
        description="bytes that bodies above 64 KiB may take in one worker, of recommendations and "
        "of ingestion each; more is a 429",
    )
    recommend_in_flight: int = Field(
        512, ge=1, description="recommendations in flight in one worker; one more is a 429"
    )
    recommend_wait_ms: int = Field(
        1000, ge=1, description="longest wait behind those in flight; a longer one is a 429"
    )
    ingest_in_flight: int = Field(
        32, ge=1, description="calls of /items, /events and /users likewise"
    )
    redis_timeout_ms: int = Field(
        200, ge=1, description="time Redis has to answer one call of a request"
    )
    redis_read_timeout_ms: int = Field(
        80, ge=1, description="time it has to answer with histories, before memory does"
    )
    memory_users: int = Field(
        20_000, ge=1, description="users whose history a worker remembers for when Redis is away"
    )
    memory_bytes: int = Field(64 * 2**20, ge=1024, description="bytes of memory for these")
    memory_s: float = Field(3600, gt=0, description="how long a history is remembered, seconds")
    index_lag_ms: int = Field(
        10_000, ge=1, description="how long the log may be out of sight, then `stale_index`"
    )
    apply_timeout_ms: int = Field(
        1000, ge=0, description="how long POST /items waits until this replica has its items"
    )
    after_timeout_ms: int = Field(
        200, ge=0, description="how long an X-Couple-After is waited for, then `stale_index`"
    )
    tail_block_ms: int = Field(
        500, ge=1, description="pause between two looks at an idle log (lost entries, other store)"
    )
    sweep_interval_ms: int = Field(
        5000, ge=1, description="pause between two sweeps of the log and of expired items"
    )
    upkeep_interval_ms: int = Field(
        60_000, ge=1, description="pause between two rounds of measuring the index's recall"
    )
    metrics: bool = Field(
        True, description="count what /metrics tells; without it there is no /metrics"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="`text` for people, `json` for one object a line"
    )
    access_log: float = Field(
        0, ge=0, le=1, description="share of the requests that are logged; 5xx always, unless 0"
    )
    leave_notice_ms: int = Field(
        0, ge=0, description="how long /readyz says 503 before the service stops listening"
    )
    shutdown_timeout_s: int = Field(
        15, ge=1, description="time that requests in flight have when the server stops"
    )

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name, *rest = map(str, first["loc"])
            where = ".".join([f"{PREFIX}{name.upper()}", *rest])
            raise SettingsRefused(f"{where}: {first['msg']}; see docs/settings.md") from error
        except SettingsError as error:
            name = str(error).split('"')[1]  # error parsing value for field "keys" from source …
            raise SettingsRefused(
                f"{PREFIX}{name.upper()} is not a JSON list; see docs/settings.md"
            ) from error

    def environment(self) -> dict[str, str]:
        """The variables that make `Settings()` of another process equal to this."""
        plain = self.model_dump(mode="json")
        names = "redis_url", "histories_url", "milvus_uri"
        urls: dict[str, StoreUrl | None] = {name: getattr(self, name) for name in names}
        plain |= {name: url and url.get_secret_value() for name, url in urls.items()}
        return {
            f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in plain.items()
            if value is not None
        }


def check_exposure(settings: Settings) -> None:
    """Without keys everything is allowed, so only this machine may reach the service.

    Raises:
        KeysMissing: no key is configured and the address is not a loopback address.
    """
    if not settings.keys and not _is_loopback(settings.host):
        raise KeysMissing(
            f"no key is configured, so only a loopback address may be bound, not {settings.host}: "
            "set COUPLE_KEYS (docs/settings.md) or --host 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
