"""Streaming from Python on AWS Lambda: a runtime loop for an ASGI app, and an emulator to develop against.

    start                from a new process to its loop    loop          the workers
    load_handler         finds what ``_HANDLER`` names     lifespan      the app's startup and shutdown
    snapstart            around a snapshot                 function      a plain function, as an app
    protocol             the Runtime API without I/O       link          one socket that speaks it
    doors                which door an event came through  request       an event as an ASGI scope
    asgi                 one request through an app        buffered      a whole answer, as a door takes it
    invocation_response  an answer in its event's mode     emulator      Lambda's side of it all

Nothing here knows what the app does.
"""
