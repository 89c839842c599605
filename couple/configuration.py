"""`couple config show`: the settings in force."""

import typer

app = typer.Typer(help="The service's settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The service's settings."""


@app.command()
def show() -> None:
    """Print every setting as the environment leaves it, keys and passwords masked.

    Example: COUPLE_PORT=9000 couple config show
    """
    from rich.console import Console
    from rich.table import Table

    from service.settings import Settings

    settings = Settings()
    table = Table(box=None)
    for title in ("variable", "value", ""):
        table.add_column(title)
    for name in type(settings).model_fields:
        given = "set" if name in settings.model_fields_set else "default"
        table.add_row(f"COUPLE_{name.upper()}", str(getattr(settings, name)), given)
    Console().print(table)
