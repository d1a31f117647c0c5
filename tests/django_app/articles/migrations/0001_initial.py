"""As Django writes it."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import partway.django.fields


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = [
        ("partway", "0001_initial"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=100)),
                (
                    "attachment",
                    partway.django.fields.UploadedFileField(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Picture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "article",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pictures", to="articles.article"
                    ),
                ),
                (
                    "image",
                    partway.django.fields.UploadedFileField(
                        help_text="Its picture.", on_delete=django.db.models.deletion.RESTRICT, related_name="+"
                    ),
                ),
            ],
        ),
    ]
