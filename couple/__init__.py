"""The command line: one thin file per subcommand, heavy imports inside the command."""
