"""Who may call: tokens of an issuer that publishes its keys, and tokens by a shared secret; the service is real."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization

from tests.servers.key_server import AUDIENCE, ISSUER, KeyServer
from tests.servers.ports import free_port
from tests.servers.service import Service

SECRET = "a secret of at least thirty-two bytes"


@pytest.fixture(scope="module")
def issuer() -> Iterator[KeyServer]:
    """An issuer whose keys are published."""
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def service(issuer: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes this issuer's tokens."""
    env = issuer_settings(issuer.url)
    with Service(tmp_path_factory.mktemp("auth") / "data", env=env) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes tokens signed with a shared secret."""
    with Service(tmp_path_factory.mktemp("shared") / "data", env={"PARTWAY_JWT_SECRET": SECRET}) as running:
        yield running


def issuer_settings(url: str) -> dict[str, str]:
    return {"PARTWAY_JWKS_URL": url, "PARTWAY_JWT_ISSUER": ISSUER, "PARTWAY_JWT_AUDIENCE": AUDIENCE}


def call(service: Service, authorization: str | None) -> requests.Response:
    """Begin a small upload: it writes the caller down, so all of the token is used."""
    headers = {} if authorization is None else {"Authorization": authorization}
    body = {"file_name": "a.txt", "file_size": 1, "file_content_type": ""}
    return requests.post(f"{service.url}/v1/files/uploads", json=body, headers=headers, timeout=30)


def assert_refused(answer: requests.Response, *, status: int = 401, code: str = "not_authenticated") -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert ("Retry-After" in answer.headers) == (status == 503)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The part of a token that is signed."""
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    )


def hs256(signing_input: str, secret: bytes) -> str:
    """A token signed by hand: libraries refuse to take a public key for a secret."""
    signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_the_issuers_tokens_are_taken(service: Service, issuer: KeyServer, key: str) -> None:
    assert call(service, f"Bearer {issuer.token(key)}").status_code == 201
    assert call(service, f"bearer  {issuer.token(key)} ").status_code == 201


def test_a_public_key_is_no_secret(service: Service, issuer: KeyServer) -> None:
    public = issuer.keys["rsa"].public_key()
    claims = {"sub": "mallory", "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    signing_input = unsigned({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims)
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        secret = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert_refused(call(service, f"Bearer {hs256(signing_input, secret)}"))


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256"])
def test_an_unsigned_token_is_refused(service: Service, shared: Service, algorithm: str) -> None:
    claims = {"sub": "mallory", "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    token = unsigned({"alg": algorithm, "kid": "rsa"}, claims) + "."
    assert_refused(call(service, f"Bearer {token}"))
    assert_refused(call(shared, f"Bearer {token}"))


def test_an_unknown_key_is_refused(service: Service, issuer: KeyServer) -> None:
    assert_refused(call(service, f"Bearer {issuer.token(kid='unknown')}"))
    assert_refused(call(service, f"Bearer {another_issuer().token()}"))


def another_issuer() -> KeyServer:
    """Another issuer, whose keys have the same names."""
    other = KeyServer()
    other.close()
    return other


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://elsewhere.example"}, "not_authenticated"),
        ({"iss": None}, "not_authenticated"),
        ({"aud": "another service"}, "not_authenticated"),
        ({"aud": None}, "not_authenticated"),
        ({"exp": 1}, "token_expired"),
        ({"exp": None}, "not_authenticated"),
        ({"exp": "soon"}, "not_authenticated"),
        ({"nbf": 4_000_000_000}, "not_authenticated"),
        ({"sub": None}, "not_authenticated"),
        ({"sub": ""}, "not_authenticated"),
        ({"sub": "s" * 256}, "not_authenticated"),
        ({"sub": "nul\x00"}, "not_authenticated"),
        ({"sub": "half \ud800"}, "not_authenticated"),
    ],
)
def test_claims_that_are_refused(service: Service, issuer: KeyServer, claims: dict[str, Any], code: str) -> None:
    assert_refused(call(service, f"Bearer {issuer.token(**claims)}"), code=code)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE, "another"]},
        {"name": "n" * 1000},
        {"name": "nul\x00, half \ud800"},
        {"name": 7},
        {"name": None, "staff": "yes"},
        {"sub": "\N{SNOWMAN}" * 255},
    ],
)
def test_claims_that_are_taken(service: Service, issuer: KeyServer, claims: dict[str, Any]) -> None:
    assert call(service, f"Bearer {issuer.token(**claims)}").status_code == 201


def test_only_a_true_staff_claim_makes_staff(service: Service, issuer: KeyServer) -> None:
    file_id = call(service, f"Bearer {issuer.token()}").json()["id"]
    for staff, status in ((True, 200), ("true", 404), (1, 404), (None, 404)):
        token = issuer.token(sub="grace", staff=staff)
        answer = requests.get(
            f"{service.url}/v1/files/{file_id}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert answer.status_code == status


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer x", "Bearer a.b.c", "Bearer ..", "Token x"]
)
def test_what_is_no_token_is_refused(service: Service, shared: Service, authorization: str | None) -> None:
    assert_refused(call(service, authorization))
    assert_refused(call(shared, authorization))


def test_a_shared_secret_takes_its_own_algorithm_only(shared: Service) -> None:
    claims = {"sub": "ada", "exp": int(time.time()) + 600}
    assert call(shared, f"Bearer {jwt.encode(claims, SECRET)}").status_code == 201
    assert_refused(call(shared, f"Bearer {jwt.encode(claims, SECRET * 2)}"))
    assert_refused(call(shared, f"Bearer {jwt.encode(claims, SECRET * 2, algorithm='HS512')}"))
    assert_refused(call(shared, f"Bearer {jwt.encode({'sub': 'ada'}, SECRET)}"))


def test_keys_that_cannot_be_fetched_are_no_refusal(tmp_path_factory: pytest.TempPathFactory) -> None:
    issuer = KeyServer()
    env = issuer_settings(f"http://127.0.0.1:{free_port()}/keys.json")
    with Service(tmp_path_factory.mktemp("no-keys") / "data", env=env) as service:
        assert_refused(call(service, f"Bearer {issuer.token()}"), status=503, code="keys_unavailable")
        assert_refused(call(service, "Bearer x"))
    issuer.close()


def test_a_key_set_that_cannot_be_read_is_no_refusal(tmp_path_factory: pytest.TempPathFactory) -> None:
    issuer = KeyServer()
    readable = issuer.body
    with Service(tmp_path_factory.mktemp("bad-keys") / "data", env=issuer_settings(issuer.url)) as service:
        for issuer.body in (b"<html>down for repair</html>", b'{"keys": []}', b"[]", b"\xff"):
            assert_refused(call(service, f"Bearer {issuer.token()}"), status=503, code="keys_unavailable")
        issuer.body = readable
        assert call(service, f"Bearer {issuer.token()}").status_code == 201
    issuer.close()


def test_known_keys_outlive_their_server_and_are_not_fetched_for_every_request(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    issuer = KeyServer()
    with Service(tmp_path_factory.mktemp("cached-keys") / "data", env=issuer_settings(issuer.url)) as service:
        for _ in range(3):
            assert call(service, f"Bearer {issuer.token()}").status_code == 201
        assert issuer.fetched == 1
        issuer.close()
        assert call(service, f"Bearer {issuer.token('ec')}").status_code == 201


def test_made_up_key_names_do_not_make_the_service_fetch_each_time(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    issuer = KeyServer()
    with Service(tmp_path_factory.mktemp("guessed-keys") / "data", env=issuer_settings(issuer.url)) as service:
        assert call(service, f"Bearer {issuer.token()}").status_code == 201
        for number in range(5):
            assert_refused(call(service, f"Bearer {issuer.token(kid=f'made-up-{number}')}"))
        assert issuer.fetched <= 2
    issuer.close()
