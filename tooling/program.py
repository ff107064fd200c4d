"""A command-line program with sub-commands; all of ours print help and errors alike."""

import typer


def new_program(description: str) -> typer.Typer:
    """A program without commands yet; its help begins with the description."""
    return typer.Typer(
        help=description,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"max_content_width": 120},
        pretty_exceptions_enable=False,
    )
