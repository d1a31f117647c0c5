"""`python -m examples.proxied_app`."""

from examples import proxied_app
from examples.serving import main

main("examples.proxied_app", proxied_app.__doc__ or "")
