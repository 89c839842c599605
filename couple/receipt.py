"""What a service has acknowledged of a file: a small file that outlives a `kill -9`."""

from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from couple.item_rows import WrongFile


class _Note(BaseModel):
    """What is written down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="the sha256 of the file that is sent")
    url: str
    rows: NonNegativeInt = Field(description="how many, from the first, are acknowledged")
    counts: dict[str, NonNegativeInt]


class Receipt:
    """How many rows of one file one service took, from the first on, and what became of them."""

    def __init__(self, path: Path, file: str, url: str) -> None:
        """Nothing is acknowledged yet, and nothing is written."""
        self._path = path
        self._file = file
        self.url = url
        self.rows = 0
        self.counts: Counter[str] = Counter()

    @classmethod
    def of(cls, path: Path, file: str, url: str, *, restart: bool) -> "Receipt":
        """The one at `path` if it is of this file (its sha256) and service, else a new one.

        Raises:
            WrongFile: what is there is something else.
        """
        receipt = cls(path, file, url)
        if path.exists() and not restart:
            receipt._resume(_read(path))
        return receipt

    def add(self, rows: int, counts: Counter[str]) -> None:
        """Note rows that follow on those noted before; a reader sees the old note or the new.

        Raises:
            WrongFile: there is nowhere to write it.
        """
        self.rows += rows
        self.counts += counts
        note = _Note(file=self._file, url=self.url, rows=self.rows, counts=dict(self.counts))
        aside = self._path.with_name(f"{self._path.name}.new")
        try:
            aside.write_text(note.model_dump_json())
            aside.replace(self._path)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise WrongFile(
                f"{self._path} cannot be written ({why}): name another file with --state"
            ) from error

    def _resume(self, note: _Note) -> None:
        if (note.file, note.url) == (self._file, self.url):
            self.rows, self.counts = note.rows, Counter(note.counts)


def _read(path: Path) -> _Note:
    try:
        return _Note.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise WrongFile(
            f"{path} is not what an import noted: remove it, or name another file with --state"
        ) from error
