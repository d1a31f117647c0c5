"""`partway serve`: the service on this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from pathlib import Path

import click

from partway.errors import Misconfigured, MissingExtra


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where files and records are kept unless a bucket and a database are set.  [default: partway-data]",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
def command(host: str, port: int, data_dir: Path | None, workers: int) -> None:
    """Run the service: page, API and, without a bucket, the store itself.

    Settings come from the environment (see docs/settings.md). Without PARTWAY_JWT_SECRET or PARTWAY_JWKS_URL there is
    no authentication, and the service listens on loopback only.
    """
    try:
        from partway.service.server import serve
    except ModuleNotFoundError as error:
        raise MissingExtra("service", module=error.name or "uvicorn") from error
    from partway.service.settings import read_settings
    from partway.service.wiring import prepare

    if data_dir is not None:
        os.environ["PARTWAY_DATA_DIR"] = str(data_dir)
    settings = read_settings(os.environ)
    if not settings.auth.configured and not _is_loopback(host):
        raise Misconfigured(
            f"Without authentication the service listens on loopback only, not on {host}. Set PARTWAY_JWT_SECRET (32 "
            "bytes or more; 'partway token' then makes tokens) or PARTWAY_JWKS_URL.",
            setting="PARTWAY_JWT_SECRET",
        )
    listener = _bound(host, port)
    doubt = asyncio.run(prepare(settings))
    _announce(host, listener.getsockname()[1], settings.bucket.name, settings.auth.configured, settings.data_dir)
    if doubt is not None:
        click.echo(f"  store    {doubt}", err=True)
    serve(listener, workers=workers, grace_time=settings.grace_time)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bound(host: str, port: int) -> socket.socket:
    """The address taken, but not listening: what is not served yet has to be refused, not left to wait."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Choose others with --host and --port.",
            setting="--port",
        ) from error
    return listener


def _announce(host: str, port: int, bucket: str | None, authenticated: bool, data_dir: Path) -> None:
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"Partway on http://{shown}:{port}", err=True)
    click.echo(f"  files    {'bucket ' + bucket if bucket else data_dir.absolute()}", err=True)
    click.echo(
        f"  callers  {'by bearer token' if authenticated else 'anyone on this machine (no authentication)'}", err=True
    )
    click.echo(f"  page     http://{shown}:{port}/    reference  http://{shown}:{port}/docs", err=True)
