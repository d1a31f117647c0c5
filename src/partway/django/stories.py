"""The core's stories over the app's store and records, run straight through in the caller's thread and transaction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver

from partway.core.batches import Batches
from partway.core.copies import Copies
from partway.core.files import Files
from partway.core.proxied import ProxiedUploads
from partway.core.tending import Tending
from partway.core.trash import Trash
from partway.core.upkeep import Upkeep
from partway.core.uploads import Uploads
from partway.django.conf import configuration
from partway.django.parents import AttachedFiles, ParentHooks
from partway.django.records import BlockingOrmRecords
from partway.django.signals import ProgressSignals


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """All that can be done with files. Each verb is a coroutine: run it by `core.blocking.run_straight`."""

    uploads: Uploads
    batches: Batches
    proxied: ProxiedUploads
    files: Files
    copies: Copies
    trash: Trash
    tending: Tending
    upkeep: Upkeep


@cache
def stories() -> Stories:
    """The stories as the settings have them."""
    found = configuration()
    ports: dict[str, Any] = {"store": found.store, "records": BlockingOrmRecords(using=found.database)}
    uploads = Uploads(
        **ports,
        settings=found.uploads,
        hooks=ParentHooks(found.hooks),
        feed=ProgressSignals(using=found.database),
    )
    files = AttachedFiles(**ports, uploads=uploads, download_expiry=found.download_expiry, cdn=found.cdn)
    trash = Trash(**ports, files=files, url_expiry=found.uploads.url_expiry)
    return Stories(
        uploads=uploads,
        batches=Batches(**ports, settings=found.uploads, uploads=uploads),
        proxied=ProxiedUploads(**ports, uploads=uploads),
        files=files,
        copies=Copies(**ports, uploads=uploads, files=files),
        trash=trash,
        tending=Tending(records=ports["records"], uploads=uploads),
        upkeep=Upkeep(
            records=ports["records"], uploads=uploads, settling=uploads.settling, trash=trash, settings=found.upkeep
        ),
    )


@receiver(setting_changed)
def _begin_anew(**_: object) -> None:
    stories.cache_clear()
