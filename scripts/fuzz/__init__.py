"""What strangers do to it, by the hundred thousand: ``python -m scripts.fuzz [--short] [--seed N] [part …]``.

    http        generated requests from our OpenAPI document, by schemathesis, against a running server
    model       mutated streams of a model, through the adapter, and through sockets into whole turns
    agui        generated runs of AG-UI's endpoint, each stream compared with the schemas and with the store
    doors       mutated events at the handler and at an emulated function; mutated bytes of the Runtime API

Each part tells its seed and how many cases it ran, prints what is wrong with the case that shows it, and the
whole ends with 1 if anything is.
"""
