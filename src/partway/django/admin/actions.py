"""What can be done with many files at once in the admin. Every deed is one of the core's stories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from partway.core.blocking import run_straight
from partway.core.file import UNFINISHED, Caller, UploadStatus
from partway.core.refusals import wrong_state
from partway.core.tending import Tended
from partway.core.verification import Difference, differences
from partway.django.admin.tally import Tally, tally
from partway.django.conf import configuration
from partway.django.models import File
from partway.django.rows import file_of
from partway.django.stories import stories
from partway.errors import Conflict, ObjectGone

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    _ModelAdmin = admin.ModelAdmin[File]
else:
    _ModelAdmin = admin.ModelAdmin

BACK = "back"  #: a file's id, among what is sent: it was asked for on the file's page
MOST = 1000  #: files at once: each may take a request to the store
_MOST_SHOWN = 50  # files that a question lists
_ABORTED = ngettext_lazy("%d upload was aborted.", "%d uploads were aborted.")
_VERIFIED = ngettext_lazy("%d file is at the store as recorded.", "%d files are at the store as recorded.")
_TRASHED = ngettext_lazy("%d file is in the trash now.", "%d files are in the trash now.")
_RESTORED = ngettext_lazy("%d file was restored.", "%d files were restored.")
_PURGED = ngettext_lazy("%d file was deleted for good.", "%d files were deleted for good.")
_TENDED: Mapping[Tended, _StrPromise] = {
    Tended.COMPLETED: ngettext_lazy("%d upload was completed.", "%d uploads were completed."),
    Tended.TOLD: ngettext_lazy("The application was told of %d file.", "The application was told of %d files."),
    Tended.GIVEN_UP: ngettext_lazy(
        "%d upload was past its deadline and given up.", "%d uploads were past their deadlines and given up."
    ),
    Tended.SETTLED: ngettext_lazy("%d upload is settled.", "%d uploads are settled."),
    Tended.REMOVED: ngettext_lazy("%d file is gone for good.", "%d files are gone for good."),
    Tended.WAITING: ngettext_lazy(
        "%d file has nothing left at the store; upkeep ends it once its last URL is dead.",
        "%d files have nothing left at the store; upkeep ends them once their last URLs are dead.",
    ),
    Tended.NOTHING: ngettext_lazy("%d file needed nothing.", "%d files needed nothing."),
}


def caller_of(request: HttpRequest) -> Caller:
    """Who uses the admin: its permissions are asked there, so the stories let them act on every owner's files."""
    return Caller(id=str(request.user.pk), staff=True)


class FileActions(_ModelAdmin):
    """The actions of the list of files."""

    actions = ("abort", "retry", "verify", "trash", "restore", "purge")

    @admin.action(permissions=["change"], description=gettext_lazy("Abort uploads"))
    def abort(self, request: HttpRequest, queryset: QuerySet[File]) -> HttpResponse | None:
        """End open uploads, and have the store drop their parts."""
        files = self._chosen(request, queryset)
        if files and not _is_sure(request):
            consequence = _("The parts that were sent are dropped. To upload these files, one has to begin anew.")
            return self._ask(request, "abort", _("Abort uploads"), files, consequence)

        def deed(file: File) -> None:
            if file.upload_status not in UNFINISHED:
                raise wrong_state(file_of(file))
            run_straight(stories().uploads.abort(file.pk, caller=caller_of(request)))

        self._tell(request, tally(files, deed), said=_ABORTED, noted="Aborted.")
        return None

    @admin.action(permissions=["change"], description=gettext_lazy("Retry what is stuck"))
    def retry(self, request: HttpRequest, queryset: QuerySet[File]) -> None:
        """Do what upkeep would do for each file, now, and complete uploads that are all there."""
        found = tally(self._chosen(request, queryset), lambda file: run_straight(stories().tending.tend(file.pk)))
        for outcome, count in sorted(Counter(outcome for _file, outcome in found.done).items()):
            self.message_user(request, _TENDED[outcome] % count, messages.SUCCESS)
        found.done = [each for each in found.done if each[1] is not Tended.NOTHING]
        self._tell(request, found, said=None, noted="Retried.")

    @admin.action(permissions=["view"], description=gettext_lazy("Verify against the store"))
    def verify(self, request: HttpRequest, queryset: QuerySet[File]) -> None:
        """Compare each finished file's record with its object: whose it is, its size, ETag and checksum."""
        self._tell(request, tally(self._chosen(request, queryset), _verify), said=_VERIFIED, noted=None)

    @admin.action(permissions=["delete"], description=gettext_lazy("Move to the trash"))
    def trash(self, request: HttpRequest, queryset: QuerySet[File]) -> None:
        """Hide files; their objects are kept until the trash is emptied."""
        found = _delete(request, self._chosen(request, queryset), hard=False)
        self._tell(request, found, said=_TRASHED, noted="Moved to the trash.")

    @admin.action(permissions=["change"], description=gettext_lazy("Restore from the trash"))
    def restore(self, request: HttpRequest, queryset: QuerySet[File]) -> None:
        """Take files out of the trash."""

        def deed(file: File) -> None:
            if file.deleted is None:
                raise Conflict(_("It is not in the trash."))
            run_straight(stories().files.restore(file.pk, caller=caller_of(request)))

        self._tell(request, tally(self._chosen(request, queryset), deed), said=_RESTORED, noted="Restored.")

    @admin.action(permissions=["delete"], description=gettext_lazy("Delete for good now"))
    def purge(self, request: HttpRequest, queryset: QuerySet[File]) -> HttpResponse | None:
        """Remove objects, then rows, without waiting for upkeep."""
        files = self._chosen(request, queryset)
        if files and not _is_sure(request):
            consequence = _("The objects are removed from the store at once, then the rows. Nothing can be restored.")
            return self._ask(request, "purge", _("Delete for good"), files, consequence)
        self._tell(request, _delete(request, files, hard=True), said=_PURGED, noted="Deleted for good.")
        return None

    def _chosen(self, request: HttpRequest, queryset: QuerySet[File]) -> Sequence[File]:
        """The files; none, and a message, if they are too many for one request."""
        files = list(queryset[: MOST + 1])
        if len(files) <= MOST:
            return files
        most = _("Choose at most %(count)d files at once; nothing was done.") % {"count": MOST}
        self.message_user(request, most, messages.ERROR)
        return []

    def _ask(
        self, request: HttpRequest, action: str, title: str, files: Sequence[File], consequence: str
    ) -> HttpResponse:
        """Ask whether that is what is wanted."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "action": action,
            "back": request.POST.get(BACK, ""),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "consequence": consequence,
            "files": files,
            "shown": files[:_MOST_SHOWN],
            "more": max(0, len(files) - _MOST_SHOWN),
            "size": sum(file.file_size for file in files),
        }
        return TemplateResponse(request, "admin/partway/file/confirm_action.html", context)

    def _tell(self, request: HttpRequest, found: Tally, *, said: _StrPromise | None, noted: str | None) -> None:
        """Say how many were done, and why others were not.

        Args:
            said: what was done, with a place for the number.
            noted: what the admin's history of each file is to say of it.
        """
        if found.done and said is not None:
            self.message_user(request, said % len(found.done), messages.SUCCESS)
        for complaint in found.complaints():
            self.message_user(request, complaint, messages.ERROR)
        if noted is not None:
            for file, _outcome in found.done:
                self.log_change(request, file, noted)


def _is_sure(request: HttpRequest) -> bool:
    return bool(request.POST.get("post"))


def _delete(request: HttpRequest, files: Sequence[File], *, hard: bool) -> Tally:
    ids = [file.pk for file in files]
    outcomes = run_straight(stories().trash.delete_many(ids, caller=caller_of(request), hard=hard))
    found = Tally()
    for file, error in zip(files, outcomes, strict=True):
        if error is None:
            found.done.append((file, None))
        else:
            found.refuse(file, error)
    return found


def _verify(row: File) -> None:
    file = file_of(row)
    if file.upload_status is not UploadStatus.COMPLETED:
        raise wrong_state(file)
    stored = run_straight(configuration().store.head(file.key))
    if stored is None:
        raise ObjectGone(_("The store does not hold the object."))
    if found := differences(file, stored):
        raise Conflict("; ".join(_in_words(each) for each in found) + ".")


def _in_words(difference: Difference) -> str:
    if difference.what == "token":
        return _("the object is another file's")
    said = _("%(what)s is %(recorded)s in the record, %(stored)s at the store")
    return said % difference._asdict()
