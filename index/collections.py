"""The collections of one Milvus, whoever uses them: their names, another name for one, an end."""

from typing import Any

from pymilvus import MilvusClient

from index.milvus_calls import asking

SECONDS = 10.0  # that a call may take


class Collections:
    """Every call may raise EngineFailed, and come from any thread."""

    def __init__(self, uri: str) -> None:
        """`uri` as of `index.milvus.MilvusIndex`."""
        with asking("be opened"):
            self._client: Any = MilvusClient(uri, timeout=SECONDS)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def names(self) -> set[str]:
        """Of all collections."""
        with asking("list collections"):
            return set(self._client.list_collections(timeout=SECONDS))

    def drop(self, name: str) -> None:
        """Delete a collection with all that it holds; none of that name is fine."""
        with asking("drop a collection"):
            self._client.drop_collection(name, timeout=SECONDS)

    def aliases(self, name: str) -> list[str]:
        """Other names of a collection."""
        with asking("list aliases"):
            found: list[str] = self._client.list_aliases(name, timeout=SECONDS)["aliases"]
            return found

    def point(self, alias: str, name: str) -> None:
        """Let an alias stand for a collection from now on, whatever it stood for."""
        if alias in self.aliases(name):
            return
        with asking("set an alias"):
            if self._exists(alias):
                self._client.alter_alias(name, alias, timeout=SECONDS)
            else:
                self._client.create_alias(name, alias, timeout=SECONDS)

    def _exists(self, alias: str) -> bool:
        """Milvus tells of an alias only by an error where there is none."""
        return any(alias in self.aliases(name) for name in self.names())
