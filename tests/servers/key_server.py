"""An issuer of tokens: its keys, its tokens, and its published key set."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "partway"


class KeyServer:
    """Publishes a key set on 127.0.0.1 and signs tokens with its keys: `rsa` and `ec`."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
        }
        self.body = json.dumps({"keys": [self._published("rsa"), self._published("ec")]}).encode()
        self.fetched = 0  #: how often the key set was asked for
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self._server.server_port}/keys.json"

    def token(self, key: str = "rsa", *, kid: str | None = None, **claims: Any) -> str:
        """A token as the issuer makes them, with some claims changed; those that are None are left out."""
        every = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600, **claims}
        held = {name: value for name, value in every.items() if value is not None}
        algorithm = {"rsa": "RS256", "ec": "ES256"}[key]
        return jwt.encode(held, self.keys[key], algorithm=algorithm, headers={"kid": kid or key})

    def close(self) -> None:
        """Publish no more."""
        self._server.shutdown()
        self._server.server_close()

    def _published(self, name: str) -> dict[str, Any]:
        algorithm = RSAAlgorithm if name == "rsa" else ECAlgorithm
        return {**json.loads(algorithm.to_jwk(self.keys[name].public_key())), "kid": name, "use": "sig"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.fetched += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(keys.body)))
                self.end_headers()
                self.wfile.write(keys.body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
