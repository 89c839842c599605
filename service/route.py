"""The route of a request by its pattern, for whoever tells or counts requests."""

from starlette.types import Scope


def route_of(scope: Scope) -> str:
    """The route's pattern; a dash where there is none: a path may hold the id of a user."""
    if route := scope.get("route"):
        return str(route.path_format)
    plain = "endpoint" in scope and not scope.get("path_params")
    return str(scope["path"]) if plain else "-"
