"""An app of the project whose forms take files."""
