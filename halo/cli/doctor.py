"""``halo doctor``."""

from __future__ import annotations

import typer


def command() -> None:
    """Show which tools are found, and how to get the others.

    \b
    Example:
      halo doctor

    Exit code 2 when something that `halo characterize` needs is missing.
    """
    from halo.flow.doctor import diagnose

    diagnosis = diagnose()
    typer.echo(diagnosis.text)
    if not diagnosis.ready:
        raise typer.Exit(2)
