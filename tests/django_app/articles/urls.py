"""The app's URLs."""

from __future__ import annotations

from django.urls import path

from tests.django_app.articles import views

urlpatterns = [
    path("enter/<name>", views.enter),
    path("articles/new", views.edit),
    path("articles/<int:article_id>", views.edit, name="article"),
    path("plain", views.plain),
]
