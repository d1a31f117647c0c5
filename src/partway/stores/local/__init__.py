"""An object store on a local disk: the embedded default, with the same client flow as S3."""

from partway.stores.local.store import BlockingLocalStore

__all__ = ["BlockingLocalStore"]
