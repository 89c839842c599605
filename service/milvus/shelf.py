"""A collection as one process sees it: what to search in, and how far its writer is."""

from dataclasses import dataclass
from functools import partial

from index.milvus import MilvusIndex
from service import thread
from service.errors import SequenceMalformed
from service.model import Model
from service.sequence import LogSequence
from service.settings import Settings


@dataclass(frozen=True)
class Note:
    """What the writer by this token said last: everything up to here is in the collection."""

    token: int
    sequence: LogSequence | None

    def __str__(self) -> str:
        return f"{self.token} {self.sequence}"

    @classmethod
    def parse(cls, text: str | None) -> "Note":
        """What `str` wrote; one of nobody where there is none, or another hand wrote it."""
        token, _, sequence = (text or "").partition(" ")
        try:
            return cls(int(token), LogSequence.parse(sequence))
        except (ValueError, SequenceMalformed):
            return cls(0, None)


class MilvusShelf:
    """A collection of one store and one model; made where it does not exist.

    Blocking: everything but the attributes is for a thread of its own.
    """

    def __init__(self, settings: Settings, model: Model, store: str) -> None:
        """Raises EngineFailed, and WrongShape where the collection is not of such vectors."""
        uri, dim = settings.milvus_uri.get_secret_value(), model.manifest.dim
        name = collection(store, model.manifest.version)
        self.store = store
        self.model = model
        self.written = MilvusIndex(uri, name, dim, structure=settings.milvus_structure)
        self.patience_s = settings.milvus_timeout_ms / 1000
        self.index = MilvusIndex(uri, name, dim, seconds=self.patience_s)
        self.count = len(self.written)
        self.away = False  # whether Milvus did not answer of late

    def recount(self) -> None:
        """Count anew; raise EngineFailed."""
        self.count = len(self.written)

    async def noted(self) -> Note:
        """How far the writer is; raise EngineFailed."""
        note = Note.parse(await thread.run(self.written.noted, "read how far Milvus is"))
        self.away = False
        return note

    async def note(self, note: Note) -> None:
        """Say how far the writer is; raise EngineFailed."""
        await thread.run(partial(self.written.note, str(note)), "note how far Milvus is")
        self.away = False


def collection(store: str, version: str) -> str:
    """The name of the collection of a store's items by a model of this version."""
    return f"{prefix(store)}{version}"


def prefix(store: str) -> str:
    """What the names of a store's collections begin with: a Milvus may be shared."""
    return f"couple_{store}_"
