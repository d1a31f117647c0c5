"""Objects in a bucket of AWS S3, or of any store that speaks its protocol."""

from partway.stores.s3.settings import S3Settings
from partway.stores.s3.store import S3Store

__all__ = ["S3Settings", "S3Store"]
