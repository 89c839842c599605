"""What Locust's process is told: JSON in one variable of its environment."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "LOADTEST_TASK"


@dataclass(frozen=True)
class Task:
    """One scenario; `tags` and `record` are files, the second written at the end if it is named."""

    tags: str
    scenario: str = "steady"
    rate: float = 50.0
    seconds: float = 60.0
    slo: str = "p99=50ms,errors=0"
    stored: bool = False
    seed: int = 1
    key: str | None = None
    record: str | None = None

    @classmethod
    def given(cls) -> "Task":
        """Of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def environment(self) -> dict[str, str]:
        """Of the process that shall do it."""
        return {**os.environ, VARIABLE: json.dumps(asdict(self))}

    def words(self) -> list[str]:
        """The tags, frequent ones first."""
        return Path(self.tags).read_text().splitlines()
