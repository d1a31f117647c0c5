"""`python -m examples.presign_app`."""

from examples import presign_app
from examples.serving import main

main("examples.presign_app", presign_app.__doc__ or "")
