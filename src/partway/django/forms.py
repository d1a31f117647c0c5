"""A field for forms whose file goes straight to the store, and its widget.

The field's value is the file: a row of `partway.django.models.File`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, SignatureExpired
from django.forms.renderers import DjangoTemplates, Jinja2, get_default_renderer
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from partway.django import models
from partway.django.accept import Accept
from partway.django.conf import configuration
from partway.django.form_values import signed_id
from partway.django.page_files import page_file_url


@dataclass(frozen=True, slots=True)
class Chosen:
    """A file that stands in a form, and what the form sends for it."""

    file: models.File
    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class _Module:
    """A script tag for a module; Django has had none before 5.2."""

    url: str

    def __html__(self) -> SafeString:
        return format_html('<script type="module" src="{}"></script>', self.url)


class UploadInput(forms.Widget):
    """Chooses a file, uploads it from the page and sends its form value."""

    template_name = "partway/upload_input.html"
    choices = ()  # the admin asks the widgets of foreign keys for them, up to Django 4.2

    @property
    def media(self) -> forms.Media:
        """The script and the style, from the project's own origin."""
        style, script = page_file_url("field/field.css"), page_file_url("field/field.js")
        tag: Any = _Module(script)
        return forms.Media(css={"all": [style]}, js=[tag])

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """What the template shows."""
        context = super().get_context(name, value, attrs)
        file = value.file if isinstance(value, Chosen) else None
        context["widget"] |= {
            "file": file,
            "href": _link(file),
            "prefix": reverse("partway:files").rstrip("/").removesuffix("/files"),
            "csrf_cookie": settings.CSRF_COOKIE_NAME,
            "csrf_header": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        }
        return context

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The widget, by Django's templates also in forms that Jinja2 renders: it has no other one."""
        renderer = renderer or get_default_renderer()
        return super().render(name, value, attrs, DjangoTemplates() if isinstance(renderer, Jinja2) else renderer)

    def format_value(self, value: Any) -> str:
        """What the form sends: nothing that did not prove itself."""
        return value.value if isinstance(value, Chosen) else ""

    def use_required_attribute(self, initial: Any) -> bool:
        """Never: browsers would ask for a file where one was uploaded already."""
        return False


def _link(file: models.File | None) -> str | None:
    """Where a file that is there is downloaded."""
    if file is None or not _is_there(file):
        return None
    return f"{reverse('partway:file-download', kwargs={'file_id': file.pk})}?redirect=true"


class UploadedFileField(forms.Field):
    """Takes a finished file of whoever fills in the form, or the one that the form began with.

    Args:
        accept: as HTML's attribute: `image/*,.pdf`; empty: every type.
        max_size: bytes; None: whatever the project takes.

    Raises:
        ValueError: `accept` has a word that is neither a media type nor an extension.
    """

    default_error_messages: ClassVar = {
        "invalid": _("This is no file that you have uploaded here. Choose the file again."),
        "expired": _("This file was uploaded too long ago. Choose it again."),
        "gone": _("“%(name)s” is no longer there. Choose it again."),
        "size": _("“%(name)s” has %(size)s; at most %(most)s are allowed. Choose a smaller file."),
        "type": _("“%(name)s” is not of an allowed type (%(accept)s). Choose another file."),
    }

    def __init__(self, *, accept: str = "", max_size: int | None = None, **options: Any) -> None:
        self.accept = Accept.read(accept)
        self._accept_text = accept
        self.max_size = max_size
        self._initial: UUID | None = None
        super().__init__(**{**options, "widget": options.get("widget") or UploadInput})

    @property
    def widget(self) -> Any:
        """The widget, bare: the admin wraps those of foreign keys in links for choosing among all rows."""
        return self._widget

    @widget.setter
    def widget(self, widget: Any) -> None:
        self._widget = getattr(widget, "widget", widget)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """What the page checks before it sends anything."""
        attrs = {"accept": self.accept.html, "data-accept": self._accept_text, "data-max-size": self.max_size}
        return {name: value for name, value in attrs.items() if value}

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        """Look at what the form begins with: that file may stay, whoever's it is."""
        self._initial = _id_of(form.get_initial_for_field(self, field_name))
        return super().get_bound_field(form, field_name)

    def prepare_value(self, value: Any) -> Chosen | None:
        """The file to be shown for what the form has begun with, or was sent."""
        if isinstance(value, models.File):
            return Chosen(value, str(value.pk))
        try:
            file = self._file(value)
        except ValidationError:
            return None
        return None if file is None else Chosen(file, str(value))

    def to_python(self, value: Any) -> models.File | None:
        """The file that was sent.

        Raises:
            ValidationError: it is not this person's, not finished, or not taken here.
        """
        file = self._file(value)
        if file is not None and file.pk != self._initial:
            self._check(file)
        return file

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another file was sent than the form began with, or none."""
        return not self.disabled and (str(data or "").partition(":")[0] != str(_id_of(initial) or ""))

    def _file(self, value: Any) -> models.File | None:
        if value in self.empty_values:
            return None
        file_id = _id_of(value)
        if file_id is None or file_id != self._initial:
            file_id = self._signed_id(str(value))
        file = models.File.objects.using(configuration().database).filter(pk=file_id).first()
        if file is None:
            raise self._refusal("invalid")
        if file_id != self._initial and not _is_there(file):
            raise self._refusal("gone", name=file.name)
        return file

    def _signed_id(self, value: str) -> UUID:
        try:
            return signed_id(value)
        except SignatureExpired:
            raise self._refusal("expired") from None
        except BadSignature:
            raise self._refusal("invalid") from None

    def _check(self, file: models.File) -> None:
        if self.max_size is not None and file.file_size > self.max_size:
            size, most = filesizeformat(file.file_size), filesizeformat(self.max_size)
            raise self._refusal("size", name=file.name, size=size, most=most)
        if not self.accept.takes(file.file_name, file.file_content_type):
            raise self._refusal("type", name=file.name, accept=self._accept_text)

    def _refusal(self, code: str, **facts: object) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code, params=facts or None)


def _is_there(file: models.File) -> bool:
    return file.upload_status == models.Status.COMPLETED and file.deleted is None and file.purging is None


def _id_of(value: Any) -> UUID | None:
    """The id that a bare value means: a file, its id, or the id as text."""
    if isinstance(value, models.File):
        return value.pk
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        return None
