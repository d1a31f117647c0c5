"""The routers in an application that is not ours."""
