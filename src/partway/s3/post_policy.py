"""Forms that send a file straight to a bucket: the fields of a browser's POST, signed by SigV4, pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, timedelta

from partway.errors import InvalidInput
from partway.s3.object_options import ObjectOptions
from partway.s3.sigv4 import ALGORITHM, Signing

_FILE_NAME = "${filename}"  #: in a form's key S3 puts the file's own name in its place


def sign_post(
    *,
    bucket: str,
    key: str,
    content_type: str,
    sizes: tuple[int, int],
    signing: Signing,
    expires_in: int,
    options: ObjectOptions | None = None,
) -> dict[str, str]:
    """The fields of the form, in the order in which they are to be sent, all before the one named `file`.

    The policy holds every field to its value, as S3 demands, the file to its sizes, and the form to this bucket.

    Args:
        bucket: its name, which no field repeats: the URL has it.
        key, content_type: the object's, exactly.
        sizes: least and most bytes of the file, both counted.
        signing: who signs, where and when.
        expires_in: seconds.
        options: what the object is created with; None: what the bucket does of itself.

    Raises:
        InvalidInput: the key holds `${filename}`, which S3 would replace.
    """
    if _FILE_NAME in key:
        raise InvalidInput(f"A form cannot name a key with {_FILE_NAME} in it: the store replaces it.", field="key")
    fields = {
        "key": key,
        "Content-Type": content_type,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": f"{signing.credentials.access_key}/{signing.scope}",
        "x-amz-date": signing.timestamp,
    }
    if options is not None:
        fields |= options.form_fields
    if signing.credentials.session_token is not None:
        fields["x-amz-security-token"] = signing.credentials.session_token
    policy = _policy(bucket=bucket, fields=fields, sizes=sizes, signing=signing, expires_in=expires_in)
    return {**fields, "policy": policy, "x-amz-signature": hmac.digest(signing.key, policy.encode(), "sha256").hex()}


def _policy(
    *, bucket: str, fields: Mapping[str, str], sizes: tuple[int, int], signing: Signing, expires_in: int
) -> str:
    """The policy document as it is signed and sent: JSON in ASCII, in base64."""
    expiration = signing.now.astimezone(UTC) + timedelta(seconds=expires_in)
    document = {
        "expiration": f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [
            {"bucket": bucket},
            *({name: value} for name, value in fields.items()),
            ["content-length-range", *sizes],
        ],
    }
    return base64.b64encode(json.dumps(document).encode()).decode()
