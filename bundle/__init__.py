"""The contract between training and serving: tags, arrays, manifest, and how a bundle is opened.

A bundle is the only thing that passes from the trainer to the service. Whatever both sides must
agree on to the letter lives here, and nothing else does: numpy and pydantic, no runtime.
"""

from bundle.arrays import pad_histories, pad_item_ids, pad_items
from bundle.errors import (
    BundleCorrupted,
    BundleError,
    BundleMissing,
    BundleRefused,
    CoupleError,
)
from bundle.items import ItemIds
from bundle.manifest import Manifest
from bundle.probe import Probe, Towers, replay
from bundle.reader import Bundle, open_bundle
from bundle.tags import Vocabulary, normalise

__all__ = [
    "Bundle",
    "BundleCorrupted",
    "BundleError",
    "BundleMissing",
    "BundleRefused",
    "CoupleError",
    "ItemIds",
    "Manifest",
    "Probe",
    "Towers",
    "Vocabulary",
    "normalise",
    "open_bundle",
    "pad_histories",
    "pad_item_ids",
    "pad_items",
    "replay",
]
