"""The log as JSON lines, for whoever collects logs by machine."""

import logging
from datetime import UTC, datetime

import orjson
from asgi_correlation_id import correlation_id


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message; request_id, error and fields where known."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := correlation_id.get():
            line["request_id"] = request_id
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps({**line, **getattr(record, "fields", {})}, default=str).decode()
