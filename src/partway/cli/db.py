"""`partway db`: look after the database's tables."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(name="db", short_help="Look after the database's tables.")
@click.option("--database-url", envvar="PARTWAY_DATABASE_URL", help="postgresql://… or sqlite:///path")
@click.option(
    "--data-dir",
    envvar="PARTWAY_DATA_DIR",
    default=Path("partway-data"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the SQLite file lies, if there is no database URL.",
)
@click.pass_context
def command(context: click.Context, database_url: str | None, data_dir: Path) -> None:
    """Look after the database's tables."""
    context.obj = database_url or f"sqlite:///{(data_dir / 'partway.sqlite3').absolute()}"


@command.command()
@click.pass_obj
def upgrade(database_url: str) -> None:
    """Make the tables, or bring them up to date."""
    from partway.records import migrate

    migrate.upgrade(database_url)
    click.echo(f"The tables have revision {migrate.current(database_url)}.")


@command.command()
@click.pass_obj
def current(database_url: str) -> None:
    """Print the tables' revision."""
    from partway.records import migrate

    click.echo(migrate.current(database_url) or "none")


@command.command()
@click.pass_obj
def check(database_url: str) -> None:
    """Say whether the tables are up to date; exit code 1 if they are not."""
    from partway.records import migrate

    if not migrate.check(database_url):
        raise click.ClickException("The tables are not up to date. Run: partway db upgrade")
    click.echo("The tables are up to date.")
