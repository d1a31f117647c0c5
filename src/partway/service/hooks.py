"""Finding the application's hooks by their name."""

from __future__ import annotations

from importlib import import_module

from partway.core.hooks import AfterComplete, ApplicationHooks, BeforeInitiate
from partway.errors import Misconfigured

_SETTING = "PARTWAY_HOOKS"


def load_hooks(name: str | None) -> ApplicationHooks | None:
    """The object that a name such as `myapp.files:hooks` means; None: there is none.

    Raises:
        Misconfigured: it cannot be imported, or has no hooks.
    """
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a module may raise anything
        said = " ".join(str(error).split())
        raise Misconfigured(
            f"{_SETTING} is '{name}', which cannot be imported ({type(error).__name__}: {said}). Modules are found in "
            "what is installed and on PYTHONPATH.",
            setting=_SETTING,
        ) from error
    if isinstance(found, type) or not isinstance(found, BeforeInitiate | AfterComplete):
        raise Misconfigured(
            f"{_SETTING} is '{name}'; it must be an object (no class) with a method before_initiate or after_complete.",
            setting=_SETTING,
        )
    return found
