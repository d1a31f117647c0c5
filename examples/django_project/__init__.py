"""A Django project whose posts and comments have attachments."""
