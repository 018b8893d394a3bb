"""What a stranger would try, as a program: ``python -m scripts.attack [--tree FOLDER] [part …]``.

    events      forged identities, sessions of a role, log levels, through an emulated function
    tokens      forged, stolen and stale tokens and keys
    owners      one caller at another's threads
    pages       pages of other sites and names that lead here, at every local port
    bombs       bodies, numbers, paths and connections that break servers
    spending    followers that hold, threads deleted before the end, more than a day's turns
    flood       one caller at every endpoint from 40 connections, and what another still gets; only when named
    files       a `.env` of somebody else's repository, the workflow and the templates

Each attempt is one line of the table: what was tried, and whether it was turned away. Attempts that follow a
public advisory carry its number; docs/security.md lists them. Everything runs on this machine, against
processes of its own: it calls nobody else. `--tree` attacks another checkout, to see what an older one let
through.
"""
