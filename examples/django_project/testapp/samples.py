"""Somebody who can log in, and something to read."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from testapp.models import Comment, Post

NAME, GUEST = "demo", "guest"
PASSWORD = "demo"  # noqa: S105  # known to all: the project listens on this machine alone

_POSTS = [
    (
        "A week on the coast path",
        "Seven days from Lyme to Weymouth, with a tent and too many lenses.\n\n"
        "The track and the raw photos will be attached here; take what you like.",
        [
            (GUEST, "The third picture from Golden Cap is a poster. How large is the original?"),
            (NAME, "Sixty million pixels. I will attach it to this comment."),
        ],
    ),
    (
        "Recordings of the spring concert",
        "All six pieces will be here tonight, one file each, straight from the desk. They are not cut yet: "
        "if you find the time, please attach your version to a comment.",
        [(GUEST, "The tuba thanks you."), (GUEST, "I have the video of the second half and will attach it tonight.")],
    ),
    (
        "Plans of the boat house",
        "Here go the drawings as the council has them, and the model for the printer.",
        [],
    ),
]


def make_samples() -> AbstractUser:
    """The demo user, who may use the admin; on the first start some posts too."""
    users = get_user_model()
    user, is_new = users.objects.get_or_create(
        username=NAME,
        defaults={"first_name": "Dora", "last_name": "Moss", "is_staff": True, "is_superuser": True},
    )
    if is_new:
        user.set_password(PASSWORD)
        user.save()
        guest = users.objects.create(username=GUEST, first_name="Gil", last_name="Estrand")
        people = {NAME: user, GUEST: guest}
        for title, body, comments in reversed(_POSTS):
            post = Post.objects.create(author=user, title=title, body=body)
            Comment.objects.bulk_create(Comment(post=post, author=people[name], text=text) for name, text in comments)
    return user
