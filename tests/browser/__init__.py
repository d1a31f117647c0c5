"""The page and the JavaScript client in a real Chromium."""
