"""Checkpoint → verified bundle: the only thing that passes from training to serving."""

from exporter.errors import ExportError
from exporter.export import export

__all__ = ["ExportError", "export"]
