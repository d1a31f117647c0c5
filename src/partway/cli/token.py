"""`partway token`: a bearer token for a user, signed with the service's own secret."""

from __future__ import annotations

import os
import time

import click

from partway.errors import Misconfigured, MissingExtra


@click.command("token")
@click.option("--user", required=True, metavar="NAME", help="Owner's id: the token's 'sub'.")
@click.option("--staff", is_flag=True, help="May see and act on everybody's files.")
@click.option(
    "--ttl", default=3600, show_default=True, type=click.IntRange(1), metavar="SECONDS", help="How long it lives."
)
def command(user: str, staff: bool, ttl: int) -> None:
    """Print a bearer token and nothing else.

    It is signed (HS256) with PARTWAY_JWT_SECRET, and carries PARTWAY_JWT_ISSUER and PARTWAY_JWT_AUDIENCE if set.
    """
    try:
        import jwt
    except ModuleNotFoundError as error:
        raise MissingExtra("fastapi", module="pyjwt") from error
    from partway.service.settings import read_settings

    auth = read_settings(os.environ).auth
    if auth.jwt_secret is None:
        raise Misconfigured(
            "PARTWAY_JWT_SECRET is not set: the service's tokens are signed with it. With PARTWAY_JWKS_URL the tokens "
            "come from your issuer.",
            setting="PARTWAY_JWT_SECRET",
        )
    now = int(time.time())
    claims = {"sub": user, "name": user, "iat": now, "exp": now + ttl, "iss": auth.issuer, "aud": auth.audience}
    if staff:
        claims["staff"] = True
    click.echo(jwt.encode({name: value for name, value in claims.items() if value is not None}, auth.jwt_secret))
