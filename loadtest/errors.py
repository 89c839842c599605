"""What can go wrong with a load test; a tree of its own, since this folder imports no other.

LoadTestError
├── AddressRefused     no address of a web server
├── ObjectiveRefused   an objective that cannot be read
├── ScenarioRefused    a scenario that cannot be run like this
├── ServiceRefused     nobody answers there, or not as this service does
└── ReportRefused      there is nowhere to write the report
"""


class LoadTestError(Exception):
    """The message is one sentence for a person: what is wrong, and how to mend it."""


class AddressRefused(LoadTestError):
    """This is no address of a web server."""


class ObjectiveRefused(LoadTestError):
    """An objective that cannot be read."""


class ScenarioRefused(LoadTestError):
    """A scenario that cannot be run like this."""


class ServiceRefused(LoadTestError):
    """Nobody answers there, or not as this service does."""


class ReportRefused(LoadTestError):
    """There is nowhere to write the report."""
