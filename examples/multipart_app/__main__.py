"""`python -m examples.multipart_app`."""

from examples import multipart_app
from examples.serving import main

main("examples.multipart_app", multipart_app.__doc__ or "")
