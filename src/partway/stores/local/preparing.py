"""Makes a local store's root ready: its folders, without what crashes left."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from partway.errors import Misconfigured
from partway.s3.sigv4 import MAX_EXPIRY
from partway.stores.local.layout import UPLOAD_DESCRIPTION, Layout

_SCRATCH_LIFE = MAX_EXPIRY  # seconds; no request takes longer, so what is older was left by a crash


def prepared(root: Path) -> Layout:
    """The layout of a root whose folders are there; what crashes left is removed.

    Raises:
        Misconfigured: the root cannot be used.
    """
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        layout = Layout(root.resolve(strict=True))
        for folder in (layout.uploads, layout.objects, layout.scratch):
            folder.mkdir(exist_ok=True, mode=0o700)
        for left in _left_by_crashes(layout):
            shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        raise Misconfigured(
            f"The local store's folder {root} cannot be used: {error.strerror}.", setting="PARTWAY_DATA_DIR"
        ) from error
    return layout


def _left_by_crashes(layout: Layout) -> Iterator[Path]:
    """Old scratch, and replaced objects in the places of the uploads that replaced them."""
    for folder in layout.scratch.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if folder.lstat().st_mtime < time.time() - _SCRATCH_LIFE:
                yield folder
    yield from (folder for folder in layout.uploads.iterdir() if not (folder / UPLOAD_DESCRIPTION).exists())
