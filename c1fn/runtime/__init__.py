"""Streaming from Python on AWS Lambda: a runtime loop for an ASGI app, and an emulator to develop against.

    protocol    the Runtime API without I/O          asgi       events to scopes, apps to responses
    link        one socket that speaks it            lifespan   the app's startup and shutdown
    loop        the workers                          emulator   Lambda's side of it all

Nothing here knows what the app does.
"""
