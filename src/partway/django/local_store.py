"""Serves the local store's presigned URLs: parts and objects in, objects out, byte for byte as S3 answers.

The body of a part is read from the server as it comes: Django's limits for bodies in memory do not concern it.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from partway.core.blocking import iterate_straight
from partway.core.parts import MIB
from partway.django.conf import configuration
from partway.errors import PartwayError
from partway.stores.local.front import StoreAnswer, StoreFront, preflight, refusal
from partway.stores.local.urls import StoreRequest


@csrf_exempt  # the URL's signature is the permission
def stored_object(request: HttpRequest, key: str) -> HttpResponseBase:
    """Answer one request to the local store.

    Raises:
        Http404: the files do not lie on the local disk.
    """
    local = configuration().local
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
            return _sent(_take(front, asked, request))
        return _sent(preflight(asked) if asked.method == "OPTIONS" else front.serve(asked))
    except PartwayError as error:
        return _sent(refusal(error))


def _take(front: StoreFront, asked: StoreRequest, request: HttpRequest) -> StoreAnswer:
    receiver = front.receive(asked)
    try:
        while block := request.read(MIB):
            receiver.write(block)
        return front.received(asked, receiver.finish())
    finally:
        receiver.discard()


def _sent(answer: StoreAnswer) -> HttpResponseBase:
    headers = dict(answer.headers)
    if answer.stream is None:
        return HttpResponse(answer.body, status=answer.status, headers=headers)
    return StreamingHttpResponse(iterate_straight(answer.stream.chunks), status=answer.status, headers=headers)
