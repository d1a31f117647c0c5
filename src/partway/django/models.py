"""The tables of the app. Their columns are those of the service's records, where they mean the same."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from partway.core.blocking import run_straight
from partway.core.file import Caller, UploadStatus, new_file_id, new_token
from partway.django.columns import ExactCharField, ExactTextField, KeyField, NumbersDecoder
from partway.records.values import ENUM_LENGTH, TEXT_LENGTHS

KEY_LENGTH = 768  #: characters; MariaDB's indexes hold no longer ones


class Status(models.TextChoices):
    """Where a file is in its life; see `partway.core.file.UploadStatus`."""

    PENDING = UploadStatus.PENDING.value, _("pending")
    UPLOADING = UploadStatus.UPLOADING.value, _("uploading")
    COMPLETING = UploadStatus.COMPLETING.value, _("completing")
    COMPLETED = UploadStatus.COMPLETED.value, _("completed")
    ABORTED = UploadStatus.ABORTED.value, _("aborted")
    FAILED = UploadStatus.FAILED.value, _("failed")


def _text(field: str, label: Any, **options: Any) -> models.Field[Any, Any]:
    length = TEXT_LENGTHS[field]
    return ExactCharField(label, max_length=length, **options) if length else ExactTextField(label, **options)


class FileQuerySet(models.QuerySet["File"]):
    """Files, for the application's own queries."""

    def completed(self) -> FileQuerySet:
        """Those that are there and were verified, without the trash."""
        return self.filter(upload_status=Status.COMPLETED, deleted__isnull=True)

    def of(self, parent: models.Model) -> FileQuerySet:
        """Those that are attached to an object."""
        return self.filter(parent_type=parent._meta.label_lower, parent_object_id=str(parent.pk))


class _Present(models.Manager["File"]):
    def get_queryset(self) -> FileQuerySet:
        return FileQuerySet(self.model, using=self._db).filter(purging__isnull=True)


class File(models.Model):
    """One file: whose it is, what it is, where it lies and how far its upload has come.

    A row that is deleted in whatever way stays behind, hidden (`purging`), until upkeep has seen its object gone.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_file_id, editable=False)
    key = KeyField(_("key"), max_length=KEY_LENGTH, unique=True, editable=False)
    token = _text("token", _("token"), default=new_token, editable=False)
    file_name = _text("file_name", _("file name"))
    file_size = models.BigIntegerField(_("size"))
    file_content_type = _text("file_content_type", _("content type"))
    detected_content_type = _text("detected_content_type", _("detected content type"), null=True, blank=True)
    name = _text("name", _("name"))
    description = _text("description", _("description"), blank=True, default="")
    metadata = models.JSONField(_("metadata"), decoder=NumbersDecoder, default=dict, blank=True)
    is_public = models.BooleanField(_("is public"), default=False)

    owner = ExactCharField(_("owner"), max_length=TEXT_LENGTHS["created_by"], default="", editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="partway_files",
        db_constraint=False,  # owners may be others than users
    )
    created_by_name = _text("created_by_name", _("created by name"), blank=True, default="")
    parent_content_type = models.ForeignKey(
        ContentType,
        verbose_name=_("parent content type"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="partway_files",
    )
    parent_type = _text("parent_content_type", _("parent type"), null=True, blank=True, editable=False)
    parent_object_id = _text("parent_object_id", _("parent object id"), null=True, blank=True)
    parent = GenericForeignKey("parent_content_type", "parent_object_id")
    copied_from = _text("copied_from", _("copied from"), null=True, editable=False)

    upload_status = models.CharField(
        _("upload status"), max_length=ENUM_LENGTH, choices=Status.choices, default=Status.PENDING
    )
    upload_id = _text("upload_id", _("upload id"), null=True, editable=False)
    spares = models.BooleanField(_("spares"), default=False, editable=False)
    single_put = models.BooleanField(_("single PUT"), default=False, editable=False)
    part_size = models.BigIntegerField(_("part size"))
    total_parts = models.BigIntegerField(_("total parts"), db_column="num_parts")
    checksum_algorithm = models.CharField(_("checksum algorithm"), max_length=ENUM_LENGTH, null=True, editable=False)
    fingerprint = _text("fingerprint", _("fingerprint"), null=True, editable=False)
    idempotency_key = _text("idempotency_key", _("idempotency key"), null=True, editable=False)
    failure = _text("failure", _("failure"), null=True, blank=True)
    settled = models.BooleanField(_("settled"), default=False, editable=False)
    counted = models.BooleanField(_("counted"), default=True, editable=False)
    quota_bytes = models.BigIntegerField(_("quota in bytes"), null=True, editable=False)
    quota_uploads = models.BigIntegerField(_("quota of uploads"), null=True, editable=False)
    etag = _text("etag", _("ETag"), null=True, editable=False)
    checksum = _text("checksum", _("checksum"), null=True, editable=False)

    created = models.DateTimeField(_("created"))
    modified = models.DateTimeField(_("modified"))
    upload_expires_at = models.DateTimeField(_("upload expires at"), db_column="expires")
    completed = models.DateTimeField(_("completed"), null=True)
    deleted = models.DateTimeField(_("deleted"), null=True)
    purging = models.DateTimeField(_("purging"), null=True, editable=False)
    tended = models.DateTimeField(_("tended"), null=True, editable=False)
    untold = models.DateTimeField(_("untold"), null=True, editable=False)
    folded_name = ExactTextField(editable=False)
    folded_file_name = ExactTextField(editable=False)

    objects: ClassVar[models.Manager[File]] = _Present.from_queryset(FileQuerySet)()
    everything = models.Manager()

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        ordering: ClassVar = ["-created", "-id"]
        default_manager_name = "objects"
        base_manager_name = "everything"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="partway_one_request"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "created", "id"], name="partway_by_owner"),
            models.Index(fields=["created", "id"], name="partway_newest"),
            models.Index(fields=["upload_status", "upload_expires_at"], name="partway_by_deadline"),
            models.Index(fields=["parent_type", "parent_object_id", "created"], name="partway_by_parent"),
            models.Index(fields=["owner", "fingerprint"], name="partway_by_fingerprint"),
            models.Index(fields=["deleted"], name="partway_trash"),
            models.Index(fields=["purging"], name="partway_purging"),
            models.Index(fields=["untold"], name="partway_untold"),
        ]

    def __str__(self) -> str:
        return str(self.name or self.file_name)

    def presigned_url(self, *, expires_in: int | None = None, as_attachment: bool = False) -> str:
        """A URL from which anybody may fetch the file for a while: the project decides who gets it.

        On the local disk it begins with a slash, unless `PUBLIC_URL` is set.

        Args:
            expires_in: seconds; None: the setting `DOWNLOAD_URL_EXPIRATION`.
            as_attachment: have it saved, not shown.

        Raises:
            NotFound, Conflict: the file is not finished, or deleted.
        """
        from partway.django.stories import stories  # which stand on these models

        story = stories().files.presigned_url(
            self.pk, caller=Caller(id=self.owner), expires_in=expires_in, as_attachment=as_attachment
        )
        return run_straight(story).url

    @property
    def num_parts(self) -> int:
        """The same as `total_parts`."""
        return self.total_parts

    @property
    def uploaded_parts(self) -> dict[str, str]:
        """ETags of the parts that were reported, by their numbers."""
        return {str(part.part_number): part.etag for part in self.parts.all()}


class Part(models.Model):
    """A part that its client said it has sent."""

    # They go with it by `removal`, in one statement: nobody is asked about each.
    file = models.ForeignKey(File, verbose_name=_("file"), on_delete=models.DO_NOTHING, related_name="parts")
    part_number = models.IntegerField(_("part number"))
    size = models.BigIntegerField(_("size"))
    etag = ExactCharField(_("ETag"), max_length=TEXT_LENGTHS["etag"])
    checksum = ExactCharField(_("checksum"), max_length=TEXT_LENGTHS["checksum"], null=True)
    last_modified = models.DateTimeField(_("last modified"), null=True)

    class Meta:
        ordering: ClassVar = ["part_number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["file", "part_number"], name="partway_one_part"),
        ]

    def __str__(self) -> str:
        return str(self.part_number)


class OwnerUsage(models.Model):
    """What every owner uses: the sums over `File`, kept in the transaction of each change."""

    owner = ExactCharField(_("owner"), max_length=TEXT_LENGTHS["created_by"], primary_key=True)
    bytes = models.BigIntegerField(_("bytes"), default=0)
    files = models.BigIntegerField(_("files"), default=0)
    open_uploads = models.BigIntegerField(_("open uploads"), default=0)

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")

    def __str__(self) -> str:
        return str(self.owner)
