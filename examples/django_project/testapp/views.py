"""The pages: posts, a post with its comments, and the way to an attachment's bytes."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Count, Prefetch
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET
from django.views.generic import CreateView, DetailView, ListView
from testapp.models import Comment, Post
from testapp.tokens import LIFETIME, token_for

from partway.django.models import File


def _attachments() -> Prefetch:
    """One query for the files of all posts, or comments, of a page."""
    return Prefetch("attachments", File.objects.completed().order_by("created"))


class Posts(ListView):
    """All posts, newest first."""

    template_name = "testapp/posts.html"
    paginate_by = 20

    def get_queryset(self) -> Any:
        """With what is counted on the page."""
        posts = Post.objects.select_related("author").prefetch_related(_attachments())
        return posts.annotate(replies=Count("comments")).order_by("-created", "-pk")


class PostPage(DetailView):
    """A post with its attachments and comments."""

    template_name = "testapp/post.html"

    def get_queryset(self) -> Any:
        """With all that the page shows, in five queries."""
        comments = Comment.objects.select_related("author").prefetch_related(_attachments())
        return Post.objects.select_related("author").prefetch_related(_attachments(), Prefetch("comments", comments))


class NewPost(LoginRequiredMixin, CreateView):
    """A form that uploads the picture by itself; other files are attached once the post is there."""

    model = Post
    fields: ClassVar = ["title", "body", "picture"]
    template_name = "testapp/new_post.html"

    def form_valid(self, form: ModelForm) -> HttpResponse:
        """Note who writes."""
        form.instance.author = self.request.user
        return super().form_valid(form)


class NewComment(LoginRequiredMixin, CreateView):
    """The form beneath a post."""

    model = Comment
    fields: ClassVar = ["text"]
    http_method_names: ClassVar = ["post"]

    def form_valid(self, form: ModelForm) -> HttpResponse:
        """Note who writes, and to what."""
        form.instance.author = self.request.user
        form.instance.post = get_object_or_404(Post, pk=self.kwargs["pk"])
        return super().form_valid(form)

    def form_invalid(self, form: ModelForm) -> HttpResponse:
        """An empty comment is none."""
        return redirect("post", self.kwargs["pk"])


@require_GET
def attachment(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """To whoever may read a post, the way to its files: a signed URL of the store. `?show`: to look at, not to save.

    The API gives files to their owners alone. Who else may have one is the project's own decision, which is made here.
    """
    file = get_object_or_404(File.objects.completed(), pk=file_id, parent_type__in=settings.PARTWAY["PARENTS"])
    return redirect(file.presigned_url(as_attachment="show" not in request.GET))


@login_required
def token(request: HttpRequest) -> HttpResponse:
    """A token for programs of the user's own."""
    context = {"token": token_for(request.user), "days": LIFETIME // 86400}
    return render(request, "testapp/token.html", context)
