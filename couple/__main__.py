"""`couple …` and `python -m couple …`: the subcommands, and how an error reaches a person.

An error this project foresees is one sentence on stderr and exit code 2; anything else is a bug
and shows its traceback.
"""

import sys

import typer

from bundle.errors import CoupleError
from couple import (
    bundles,
    configuration,
    data,
    demo,
    doctor,
    evaluate,
    events,
    experiments,
    export,
    items,
    loadtest,
    reproduce,
    serve,
    simulate,
    train,
)

app = typer.Typer(
    name="couple",
    help="Recommend brand-new micro-videos from semantic tags: train, export, serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("data")(data.data)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("reproduce")(reproduce.reproduce)
app.command("export")(export.export)
app.add_typer(bundles.app, name="bundle")
app.command("serve")(serve.serve)
app.add_typer(items.app, name="items")
app.command("doctor")(doctor.doctor)
app.command("loadtest")(loadtest.loadtest)
app.command("simulate")(simulate.simulate)
app.add_typer(events.app, name="events")
app.add_typer(experiments.app, name="experiments")
app.add_typer(configuration.app, name="config")


def main() -> None:
    """Run the command line; the console script's entry point."""
    try:
        app(prog_name="couple")
    except CoupleError as error:
        typer.secho(f"couple: {error}", fg="red", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
