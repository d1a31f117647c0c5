"""Black box: HTTP alone, against the whole service on real parts. Nothing of `src` is imported here."""
