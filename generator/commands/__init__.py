"""The commands of `triptych`, one file each: HELP, `add_arguments(parser)`, `run(session)`."""
