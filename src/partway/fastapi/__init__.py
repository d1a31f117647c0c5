"""Router factories and dependencies for FastAPI applications."""

from partway.fastapi.answers import install_problem_handlers
from partway.fastapi.auth import BearerTokens, OneCaller
from partway.fastapi.files_router import files_router
from partway.fastapi.health import health_router
from partway.fastapi.notifications import notifications_router
from partway.fastapi.page_routes import page_router
from partway.fastapi.presign_router import presign_router
from partway.fastapi.stopping import Stopping
from partway.fastapi.store_routes import store_router

__all__ = [
    "BearerTokens",
    "OneCaller",
    "Stopping",
    "files_router",
    "health_router",
    "install_problem_handlers",
    "notifications_router",
    "page_router",
    "presign_router",
    "store_router",
]
