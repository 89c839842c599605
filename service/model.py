"""A bundle that answers: towers that replayed their probe, and tags in both directions."""

from collections.abc import Sequence
from dataclasses import dataclass

from bundle import Bundle, Vocabulary, normalise, pad_histories, pad_items, replay
from bundle.manifest import Manifest
from bundle.probe import Towers, Vectors
from service.item import Item
from service.towers import OnnxTowers


@dataclass(frozen=True)
class Model:
    """Everything a request needs of a bundle."""

    manifest: Manifest
    vocabulary: Vocabulary
    towers: Towers

    @classmethod
    def of(cls, bundle: Bundle) -> "Model":
        """Load the towers and replay the probe; raise BundleRefused when either fails."""
        towers = OnnxTowers(bundle)
        replay(bundle.probe, bundle.manifest, towers)
        return cls(bundle.manifest, bundle.vocabulary, towers)

    def tags(self, tags: Sequence[str], title: str | None) -> list[str]:
        """The given tags; those found in the title when none are given."""
        return list(tags) if tags or not title else self.vocabulary.find(title)

    def split(self, item: Item) -> tuple[list[str], list[str]]:
        """An item's tags → (known, unknown), each once, as they were written."""
        once = {normalise(tag): tag for tag in reversed(self.tags(item.tags, item.title))}
        tags = list(reversed(once.values()))
        known = [tag for tag in tags if tag in self.vocabulary]
        return known, [tag for tag in tags if tag not in self.vocabulary]

    def ids(self, tags: Sequence[str], title: str | None) -> list[int]:
        """Ids of the known tags."""
        return self.vocabulary.ids(self.tags(tags, title))

    def retrievable(self, item: Item) -> bool:
        """Whether the model can recommend it: of a target domain, with a known tag."""
        return item.domain in self.manifest.target_domains and bool(self.ids(item.tags, item.title))

    def embed_items(self, items: Sequence[Sequence[int]]) -> Vectors:
        """Tag ids of B items → [B, D]."""
        return self.towers.item(pad_items(items, self.manifest.max_tags))

    def embed_user(self, history: Sequence[Sequence[int]]) -> Vectors:
        """Tag ids of a history, oldest item first → [1, I, D]."""
        return self.towers.user(
            pad_histories([history], self.manifest.max_items, self.manifest.max_tags)
        )
