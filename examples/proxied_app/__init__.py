"""Uploads through the application, beside direct ones, and private files by redirect."""
