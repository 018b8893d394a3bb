"""Streaming from Python on AWS Lambda: a runtime loop for an ASGI app, and an emulator to develop against.

    protocol    the Runtime API without I/O          doors      which door an event came through
    link        one socket that speaks it            request    an event as an ASGI scope
    loop        the workers                          asgi       one request through an app
    response    an answer in its event's mode        answers    what each door is told
    handler     what ``_HANDLER`` may name           function   a plain function of an event and a context
    lifespan    the app's startup and shutdown       emulator   Lambda's side of it all

Nothing here knows what the app does.
"""
