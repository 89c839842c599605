"""`manifest.json`: what a bundle is, and the digest of everything in it, itself included."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bundle.errors import BundleCorrupted, BundleRefused

FORMAT: Literal[1] = 1
NAME = "manifest.json"
TAGS = "tags.txt"
USER_TOWER = "user_tower.onnx"
ITEM_TOWER = "item_tower.onnx"
PROBE = "probe.npz"
CARD = "MODEL_CARD.md"
ITEMS = "items.txt"
FILES = (TAGS, USER_TOWER, ITEM_TOWER, PROBE, CARD)  # of every bundle: see `files_of`

# Tensors of format 1, by graph: name → element type and axes.
USER_INPUTS = {"tags": "int64[B,L,N]"}
ITEM_IDS = {"items": "int64[B,M]"}  # the one optional input of the user tower
USER_OUTPUTS = {"user": "float32[B,I,D]"}
ITEM_INPUTS = {"tags": "int64[B,N]"}
ITEM_OUTPUTS = {"item": "float32[B,D]"}

_BLANK = b"0" * 64
_CHECKSUM = re.compile(rb'"checksum": "([0-9a-f]{64})"\n}\n\Z')

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Tower(BaseModel):
    """Inputs and outputs of one graph."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[str, str]
    outputs: dict[str, str]


class Towers(BaseModel):
    """The two graphs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: Tower = Tower(inputs=USER_INPUTS, outputs=USER_OUTPUTS)
    item: Tower = Tower(inputs=ITEM_INPUTS, outputs=ITEM_OUTPUTS)

    @property
    def read_items(self) -> bool:
        """Whether the user tower reads item ids beside tags."""
        return self.user.inputs.keys() >= ITEM_IDS.keys()


BY_TAGS = Towers()
BY_TAGS_AND_ITEMS = Towers(user=Tower(inputs=USER_INPUTS | ITEM_IDS, outputs=USER_OUTPUTS))


def _absent(value: object) -> bool:
    """A manifest without item ids is written as it was before there were any."""
    return value == 0


class Manifest(BaseModel):
    """Everything the service needs to know before it opens a graph."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    model: Name = Field(description="the model's name: couple, youtube, …")
    version: Sha256 = Field(
        description="hash of weights, graphs, tags and inputs: see `version_of`"
    )
    dim: int = Field(ge=1, le=4096, description="D, length of a vector")
    max_items: int = Field(ge=1, le=1024, description="L, items of a history")
    max_tags: int = Field(ge=1, le=64, description="N, tags of an item")
    interests: int = Field(
        ge=1, le=64, description="I, vectors of a user; an item's score is its best"
    )
    norm: float = Field(
        gt=0, description="length of every user vector and of every item with a tag"
    )
    target_domains: tuple[str, ...] = Field(
        min_length=1, description="domains that are recommended"
    )
    towers: Towers = Towers()
    vocabulary_size: int = Field(ge=1)
    vocabulary_sha256: Sha256
    max_history: int = Field(
        default=0,
        ge=0,
        le=1024,
        exclude_if=_absent,
        description="M, item ids of a history; 0 when the user tower reads none",
    )
    catalogue_size: int = Field(
        default=0, ge=0, exclude_if=_absent, description="lines of items.txt; 0 without one"
    )
    data_fingerprint: str = Field(description="of the data the weights were trained on")
    metrics: dict[str, float] = Field(description="offline, as measured before the export")
    parity_error: float = Field(ge=0, description="largest absolute gap between torch and ONNX")
    files: dict[str, Sha256] = Field(description="sha256 of every other file")


def digest(data: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def files_of(towers: Towers) -> tuple[str, ...]:
    """Every file of a bundle but the manifest: `items.txt` stands there only when it is read."""
    return (*FILES, ITEMS) if towers.read_items else FILES


def version_of(towers: Towers, files: Mapping[str, str], norm: float, max_history: int = 0) -> str:
    """The identity of a model: what it computes, not where or when it was made.

    `files` holds the sha256 of each file by name. The numbering of items and how many of them are
    read count only where the user tower reads them: other bundles keep the version they had.
    """
    parts = [files[USER_TOWER], files[ITEM_TOWER], files[TAGS]]
    items = [files[ITEMS], str(max_history)] if towers.read_items else []
    return digest("\n".join([*parts, towers.model_dump_json(), repr(norm), *items]).encode())


def encode(manifest: Manifest) -> bytes:
    """JSON that ends in a checksum of its own bytes, so that one flipped byte of it shows."""
    body = manifest.model_dump_json(indent=2).removesuffix("\n}").encode()
    blank = body + b',\n  "checksum": "' + _BLANK + b'"\n}\n'
    return blank.replace(_BLANK + b'"\n}\n', digest(blank).encode() + b'"\n}\n')


def decode(data: bytes) -> Manifest:
    """Read what `encode` wrote.

    Raises:
        BundleCorrupted: the bytes are not those that were written.
        BundleRefused: they are, but of another format or against the contract.
    """
    found = _CHECKSUM.search(data)
    if not found:
        raise BundleCorrupted(f"{NAME} does not end in a checksum: it is damaged or not a bundle's")
    start, end = found.span(1)
    if digest(data[:start] + _BLANK + data[end:]).encode() != found.group(1):
        raise BundleCorrupted(f"{NAME} is damaged: it does not match its own checksum")
    body = data[: found.start()].rstrip(b" \n,") + b"\n}"
    try:
        return Manifest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BundleRefused(f"{NAME}: {where}: {first['msg']}") from error
