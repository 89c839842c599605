"""What can be wrong with a bundle, and the root of every error this project raises on purpose.

CoupleError
├── BundleError            a folder that cannot be served
│   ├── BundleMissing      there is no bundle at this path
│   ├── BundleCorrupted    a file is not the one that was exported
│   └── BundleRefused      intact, but not something this version can serve
├── trainer.errors.TrainerError
├── exporter.errors.ExportError
└── service.errors.ServiceError

(`index` stands alone and has a tree of its own: index.errors.)
"""


class CoupleError(Exception):
    """The message is one sentence for a person: what is wrong, and how to mend it."""


class BundleError(CoupleError):
    """A folder that cannot be served."""


class BundleMissing(BundleError):
    """There is no bundle at this path."""


class BundleCorrupted(BundleError):
    """A file is missing, or its bytes are not those that were exported."""


class BundleRefused(BundleError):
    """The bundle is intact but breaks the contract, or was made for another version of it."""
