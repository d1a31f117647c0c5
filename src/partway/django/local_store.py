"""Serves the local store's presigned URLs: parts and objects in, objects out, byte for byte as S3 answers.

The body of a part is read from the server as it comes: Django's limits for bodies in memory do not concern it.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from partway.core.parts import MIB
from partway.django.answers import misconfigured, problem_answer
from partway.django.conf import configuration
from partway.django.options import database_alias
from partway.django.streams import stream_answer
from partway.errors import PartwayError
from partway.stores.local.front import StoreAnswer, StoreFront, preflight, refusal
from partway.stores.local.urls import StoreRequest


@transaction.non_atomic_requests(using=database_alias())  # nothing is asked of it while a body comes
@csrf_exempt  # the URL's signature is the permission
def stored_object(request: HttpRequest, key: str) -> HttpResponseBase:
    """Answer one request to the local store.

    Raises:
        Http404: the files do not lie on the local disk.
    """
    try:
        local = configuration().local
    except ImproperlyConfigured as error:
        return problem_answer(misconfigured(error))
    if local is None:
        raise Http404
    front = StoreFront(local)
    asked = StoreRequest(
        method=request.method or "GET",
        key=key,
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
    )
    try:
        if asked.method == "PUT":
            return _sent(request, _take(front, asked, request))
        return _sent(request, preflight(asked) if asked.method == "OPTIONS" else front.serve(asked))
    except PartwayError as error:
        return _sent(request, refusal(error))


def _take(front: StoreFront, asked: StoreRequest, request: HttpRequest) -> StoreAnswer:
    receiver = front.receive(asked)
    try:
        while block := request.read(MIB):
            receiver.write(block)
        return front.received(asked, receiver.finish())
    finally:
        receiver.discard()


def _sent(request: HttpRequest, answer: StoreAnswer) -> HttpResponseBase:
    if answer.stream is None:
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
    return stream_answer(request, answer.stream.chunks, status=answer.status, headers=answer.headers)
