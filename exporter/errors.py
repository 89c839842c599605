"""What can go wrong between a checkpoint and a bundle.

CoupleError (bundle.errors)
└── ExportError        the model has no towers, they differ from the checkpoint, or the target
                       cannot be written
"""

from bundle import CoupleError


class ExportError(CoupleError):
    """No bundle was written; what stood at the target still does."""
