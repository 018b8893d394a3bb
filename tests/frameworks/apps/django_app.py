import os

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY", "not-secret"),
    LOGGING_CONFIG=None,
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import FileResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from gates import HERE, gate  # noqa: E402


async def stream(request):
    async def pieces():
        yield b"one\n"
        await gate(request.GET["gate_port"])
        yield b"two\n"

    return StreamingHttpResponse(pieces(), content_type="text/plain")


async def events(request):
    async def pieces():
        yield b"event: token\ndata: one\n\n"
        await gate(request.GET["gate_port"])
        yield b"event: token\ndata: two\n\n"

    return StreamingHttpResponse(pieces(), content_type="text/event-stream")


async def echo(request, name):
    return JsonResponse({"name": name, "word": request.GET.get("word", ""), "body": request.body.decode()})


def file(request):
    return FileResponse((HERE / "download.bin").open("rb"), as_attachment=True)


urlpatterns = [
    path("stream", stream),
    path("events", events),
    path("echo/<str:name>", echo),
    path("file", file),
]
app = get_asgi_application()
