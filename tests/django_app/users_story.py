"""What a project does with files, from its first migration to the end of a user: run by a process with its settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import django
from django.core.management import call_command
from django.test import Client

CONTENT = b"hello"


def main() -> None:
    """Run the story; the first thing that is not as it should be ends it."""
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    call_command("makemigrations", "partway", check_changes=True, dry_run=True, verbosity=0)
    from django.contrib.auth import get_user_model

    users: Any = get_user_model()
    ann, bob = (users.objects.create_user(username=name, first_name=name.title()) for name in ("ann", "bob"))
    boss = users.objects.create_superuser(username="boss")
    files = [upload(client_of(user)) for user in (ann, ann, bob)]
    look(ann, files[:2])
    in_the_admin(client_of(boss), ann)
    end(ann, [file["id"] for file in files])


def client_of(user: Any) -> Client:
    """A browser in which somebody has signed in."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def upload(client: Client) -> dict[str, Any]:
    """Upload a small file."""
    new = {"file_name": "a.txt", "file_size": len(CONTENT), "file_content_type": "text/plain"}
    begun = client.post("/v1/files/uploads", new, content_type="application/json").json()
    (part,) = begun["presigned_urls"]
    where = urlsplit(part["url"])
    assert client.put(f"{where.path}?{where.query}", CONTENT, "application/octet-stream").status_code == 200
    done = client.post(f"/v1/files/uploads/{begun['id']}/complete", content_type="application/json")
    assert done.status_code == 200, done.content
    file: dict[str, Any] = done.json()
    return file


def look(user: Any, files: list[dict[str, Any]]) -> None:
    """Each file is its user's alone, by the user's id as text."""
    from partway.django.models import File

    assert [(file["created_by"], file["created_by_name"]) for file in files] == [(str(user.pk), "Ann")] * 2
    client = client_of(user)
    listed = client.get("/v1/files").json()["results"]
    assert [each["id"] for each in listed] == [each["id"] for each in files[::-1]]
    assert client.get("/v1/files/usage").json()["files"] == 2
    assert File.objects.filter(created_by=user).count() == user.partway_files.count() == 2
    assert {row.created_by for row in File.objects.select_related("created_by").filter(owner=user.pk)} == {user}


def in_the_admin(client: Client, user: Any) -> None:
    """The admin joins files and users."""
    from django.contrib import admin

    from partway.django.models import File

    if admin.site.is_registered(File):
        assert client.get(f"/admin/partway/file/?created_by__id__exact={user.pk}").status_code == 200


def end(user: Any, ids: list[str]) -> None:
    """A user's files go with the user, in the database at once and at the store with upkeep."""
    from partway.django.models import File
    from partway.django.tasks import cleanup_expired_uploads

    user.delete()
    assert [str(file.pk) for file in File.objects.all()] == ids[2:]
    cleanup_expired_uploads()
    assert [str(file.pk) for file in File.everything.all()] == ids[2:]


if __name__ == "__main__":
    main()
