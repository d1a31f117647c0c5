"""A form outside of the admin, under a strict policy, and a way in without a password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from partway.django.forms import UploadedFileField
from tests.django_app.articles.models import Article
from tests.django_app.models import User

_POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self' http:"


class ArticleForm(forms.ModelForm):
    """A model's form."""

    class Meta:
        model = Article
        fields = ("title", "attachment")


class PlainForm(forms.Form):
    """A form of its own."""

    first = UploadedFileField()
    second = UploadedFileField(required=False, accept="text/plain", max_size=1536, label="The second")


def enter(request: HttpRequest, name: str) -> HttpResponse:
    """Be somebody, from now on. `?staff=1` makes a new one staff."""
    user, _ = User.objects.get_or_create(name=name, defaults={"is_staff": "staff" in request.GET})
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse("Welcome.")


def edit(request: HttpRequest, article_id: int | None = None) -> HttpResponse:
    """Make or change an article."""
    article = None if article_id is None else get_object_or_404(Article, pk=article_id)
    form = ArticleForm(request.POST or None, instance=article)
    if form.is_valid():
        return redirect("article", form.save().pk)
    return _page(request, form)


def plain(request: HttpRequest) -> HttpResponse:
    """Name the files that were sent."""
    form = PlainForm(request.POST or None)
    if form.is_valid():
        names = [str(form.cleaned_data[name]) for name in ("first", "second")]
        return HttpResponse(" and ".join(names), content_type="text/plain")
    return _page(request, form)


def _page(request: HttpRequest, form: Any) -> HttpResponse:
    answer = render(request, "articles/form.html", {"form": form})
    answer["Content-Security-Policy"] = _POLICY
    return answer
