"""The bucket that a django-storages storage, or the `AWS_…` settings alone, mean; in their own words.

https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from partway.django.options import is_given, option, plain_setting
from partway.s3.address import Style
from partway.s3.object_options import ObjectOptions
from partway.stores.s3 import S3Settings

#: django-storages' names of values → its settings; the first that is set counts.
_SETTINGS: Mapping[str, Sequence[str]] = {
    "access_key": ("AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    "secret_key": ("AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    "security_token": ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "session_profile": ("AWS_S3_SESSION_PROFILE",),
    "bucket_name": ("AWS_STORAGE_BUCKET_NAME",),
    "region_name": ("AWS_S3_REGION_NAME",),
    "endpoint_url": ("AWS_S3_ENDPOINT_URL",),
    "addressing_style": ("AWS_S3_ADDRESSING_STYLE",),
    "location": ("AWS_LOCATION",),
    "object_parameters": ("AWS_S3_OBJECT_PARAMETERS",),
    "default_acl": ("AWS_DEFAULT_ACL",),
    "custom_domain": ("AWS_S3_CUSTOM_DOMAIN",),
    "url_protocol": ("AWS_S3_URL_PROTOCOL",),
    "cloudfront_key_id": ("AWS_CLOUDFRONT_KEY_ID",),
    "cloudfront_key": ("AWS_CLOUDFRONT_KEY",),
    "proxies": ("AWS_S3_PROXIES",),
    "verify": ("AWS_S3_VERIFY",),
}
#: What may stand in variables of the environment instead, of the same names.
_FROM_ENVIRONMENT = {"access_key", "secret_key", "security_token", "session_profile"}
#: Of the object parameters, those that say how an object is kept.
_KEPT = {"ServerSideEncryption", "SSEKMSKeyId", "StorageClass", "Tagging", "ACL"}
_STYLES: Mapping[Any, Style | None] = {None: None, "": None, "auto": None, "path": "path", "virtual": "virtual"}
_AWS_KMS_KEY = "alias/aws/s3"  #: the account's own key for S3, if none is named


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnPlace:
    """CloudFront in front of the bucket."""

    url: str
    key_id: str | None = None  #: None: nothing is signed
    private_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlace:
    """A bucket, and what it is to us."""

    settings: S3Settings
    prefix: str = ""  #: of all keys, without slashes at its ends
    cdn: CdnPlace | None = None
    unused: Sequence[str] = ()  #: what the storage says and Partway does not do


def bucket_of_storage(storage: Any) -> BucketPlace:
    """The bucket of a storage of django-storages.

    Raises:
        ImproperlyConfigured: it has none, or asks for what we cannot do.
    """
    said = {name: getattr(storage, name, None) for name in _SETTINGS}
    said["object_parameters"] = storage.get_object_parameters("partway")  # what a subclass adds to every object
    said["addressing_style"] = (getattr(storage.client_config, "s3", None) or {}).get("addressing_style")
    return _place(said)


def bucket_of_settings() -> BucketPlace:
    """The bucket of the `AWS_…` settings.

    Raises:
        ImproperlyConfigured: they ask for what we cannot do.
    """
    return _place({name: _setting(name) for name in _SETTINGS})


def _setting(name: str) -> Any:
    given = [getattr(settings, each, None) for each in _SETTINGS[name]]
    if name in _FROM_ENVIRONMENT:
        given += [os.environ.get(each) for each in _SETTINGS[name]]
    return next((value for value in given if value is not None and value != ""), None)


def _place(said: Mapping[str, Any]) -> BucketPlace:
    if not said["bucket_name"]:
        raise ImproperlyConfigured("The storage has no bucket: give it a bucket_name, or set AWS_STORAGE_BUCKET_NAME.")
    if bool(said["access_key"]) != bool(said["secret_key"]):
        raise ImproperlyConfigured(
            "The access key and its secret belong together: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "neither, for roles and profiles."
        )
    if said["addressing_style"] not in _STYLES:
        raise ImproperlyConfigured("AWS_S3_ADDRESSING_STYLE must be 'auto', 'path' or 'virtual'.")
    parameters = dict(said["object_parameters"] or {})
    return BucketPlace(
        settings=S3Settings(
            bucket=said["bucket_name"],
            region=said["region_name"] or _region_of_profile(said["session_profile"]) or "us-east-1",
            endpoint_url=said["endpoint_url"] or _endpoint_of_environment(),
            public_endpoint_url=plain_setting("AWS_S3_PUBLIC_ENDPOINT_URL"),
            access_key=said["access_key"] or None,
            secret_key=said["secret_key"] or None,
            session_token=said["security_token"] or None,
            profile=said["session_profile"] or None,
            style=_STYLES[said["addressing_style"]],
            options=_options(parameters, said["default_acl"]),
            read_timeout=option("READ_TIMEOUT"),
        ),
        prefix=(said["location"] or "").strip("/"),
        cdn=_cdn(said),
        unused=tuple(_unused(said, parameters)),
    )


def _region_of_profile(profile: str | None) -> str | None:
    """What boto3 takes where no region is named."""
    try:
        import botocore.session
        from botocore.exceptions import ProfileNotFound
    except ModuleNotFoundError:
        return os.environ.get("AWS_DEFAULT_REGION") or None
    try:
        found: str | None = botocore.session.Session(profile=profile or None).get_config_variable("region")
    except ProfileNotFound as error:
        raise ImproperlyConfigured(f"{error}.") from error
    return found


def _endpoint_of_environment() -> str | None:
    """Where boto3 finds the store if no setting says; https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _options(parameters: Mapping[str, Any], default_acl: str | None) -> ObjectOptions:
    """How objects are kept: as `PARTWAY` says, else as the storage's own are."""
    encryption = parameters.get("ServerSideEncryption")
    if encryption not in {None, "AES256", "aws:kms"} or any(name.startswith("SSECustomer") for name in parameters):
        raise ImproperlyConfigured(
            "Partway encrypts by ServerSideEncryption 'AES256' or 'aws:kms' alone; the storage's object_parameters ask "
            "for another way."
        )
    kms_key_id = option("KMS_KEY_ID")
    encrypt = option("ENCRYPT_AT_REST")
    if kms_key_id is None and encrypt is None:
        encrypt = encryption is not None
        kms_key_id = parameters.get("SSEKMSKeyId", _AWS_KMS_KEY) if encryption == "aws:kms" else None
    tags = dict(parse_qsl(parameters.get("Tagging") or "", keep_blank_values=True))
    acl = parameters.get("ACL") or default_acl
    return ObjectOptions(
        encrypt_at_rest=bool(encrypt),
        kms_key_id=kms_key_id,
        storage_class=option("STORAGE_CLASS") or parameters.get("StorageClass"),
        tags=tags if option("OBJECT_TAGS") is None else option("OBJECT_TAGS"),
        acl=None if _is_public(acl) else acl or None,
    )


def _is_public(acl: str | None) -> bool:
    """Whether an ACL would give every file to whoever knows its address, also those that are not public."""
    return bool(acl) and (str(acl).startswith("public-") or acl == "authenticated-read")


def _cdn(said: Mapping[str, Any]) -> CdnPlace | None:
    """Where clients download: as `PARTWAY` says, else where the storage signs for.

    Only CloudFront's keys make a domain of use to us. SigV4 signs the name of the host, and a CDN asks the bucket under
    another; unsigned, a domain gives nothing of a private bucket.
    """
    if is_given("CDN_URL"):
        return CdnPlace(
            url=option("CDN_URL"), key_id=option("CLOUDFRONT_KEY_ID"), private_key=option("CLOUDFRONT_PRIVATE_KEY")
        )
    domain, key_id, key = said["custom_domain"], said["cloudfront_key_id"], said["cloudfront_key"]
    if not (domain and key_id and key):
        return None
    protocol = said["url_protocol"] or "https:"
    return CdnPlace(
        url=f"{protocol}//{domain}", key_id=key_id, private_key=key.decode() if isinstance(key, bytes) else key
    )


def _unused(said: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    if said["proxies"]:
        yield "proxies (Partway goes to the store directly)"
    if said["verify"] is not None:
        yield "verify (name authorities of your own by the variable SSL_CERT_FILE)"
    acl = parameters.get("ACL") or said["default_acl"]
    if _is_public(acl):
        yield f"default_acl {acl!r} (files are private unless they are marked is_public)"
    yield from (f"object parameter {name}" for name in sorted(parameters.keys() - _KEPT))
