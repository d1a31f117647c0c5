"""A Django project that has both: Partway's app and django-s3-file-field."""
