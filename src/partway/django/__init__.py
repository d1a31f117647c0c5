"""Partway for Django: an app with models over the same core as the service.

Add `"partway.django"` to `INSTALLED_APPS` and migrate.
"""
