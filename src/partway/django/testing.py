"""For the tests of projects: a store of their own for each, and files that are there at once.

    class PostTests(TestCase):
        def setUp(self):
            self.enterContext(local_files())

        def test_a_post_shows_its_files(self):
            post = Post.objects.create(title="a post")
            make_file(b"hello", owner=self.user, parent=post, file_name="a.txt")

With pytest: `@pytest.fixture(autouse=True)`, `def files(tmp_path): with local_files(tmp_path): yield`.
"""

from __future__ import annotations

import mimetypes
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.test import override_settings

from partway.core.blocking import run_straight
from partway.core.file import Caller
from partway.core.initiation import NewUpload, UploadSettings
from partway.core.policy import DEFAULT_CONTENT_TYPE
from partway.core.proxied import ProxiedUploads
from partway.core.uploads import Uploads
from partway.django.conf import configuration
from partway.django.models import File
from partway.django.records import BlockingOrmRecords

#: Keys of `PARTWAY` that concern buckets alone.
_OF_BUCKETS = frozenset({"CDN_URL", "CLOUDFRONT_KEY_ID", "CLOUDFRONT_PRIVATE_KEY", "STORAGE"})


@contextmanager
def local_files(folder: Path | str | None = None) -> Iterator[Path]:
    """Keep files on the local disk, whatever the project's settings are; also good as a decorator.

    Args:
        folder: empty, or made if need be; None: one that is removed at the end.

    Yields:
        The folder.
    """
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(folder or temporary)
        kept = {name: value for name, value in getattr(settings, "PARTWAY", {}).items() if name not in _OF_BUCKETS}
        here = {"STORE": "partway.django.storages.local_disk", "LOCAL_ROOT": root}
        with override_settings(PARTWAY={**kept, **here}):
            yield root


def make_file(
    content: bytes | str = b"",
    *,
    owner: Model | None = None,
    parent: Model | None = None,
    file_name: str = "file.bin",
    file_content_type: str | None = None,
    **fields: Any,
) -> File:
    """A completed file, with its object in the store: past the project's policy, quotas and hooks.

    Args:
        content: what it holds.
        owner: a user; None: nobody's.
        parent: what it is attached to.
        file_name: as its owner has it.
        file_content_type: None: what the name says.
        fields: others of `core.initiation.NewUpload`: name, description, metadata, folder, is_public.
    """
    body = content.encode() if isinstance(content, str) else content
    new = NewUpload(
        file_name=file_name,
        file_size=len(body),
        file_content_type=file_content_type or mimetypes.guess_type(file_name)[0] or DEFAULT_CONTENT_TYPE,
        parent_content_type=None if parent is None else parent._meta.label_lower,
        parent_object_id=None if parent is None else str(parent.pk),
        **fields,
    )
    found = configuration()
    ports: dict[str, Any] = {"store": found.store, "records": BlockingOrmRecords(using=found.database)}
    uploads = Uploads(**ports, settings=UploadSettings(key_template=found.uploads.key_template))
    made = run_straight(ProxiedUploads(**ports, uploads=uploads).store_small(new, body, caller=_caller(owner)))
    rows = File.objects.using(found.database).filter(pk=made.id)
    if owner is None:
        rows.update(created_by=None)  # also where a user's key may be an empty text
    return rows.get()


def _caller(owner: Any) -> Caller:
    if owner is None:
        return Caller(id="")
    return Caller(id=str(owner.pk), name=owner.get_full_name() or owner.get_username())
