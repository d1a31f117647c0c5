"""Uploads and downloads by presigned URLs, with a page in the browser."""
