"""The page's files in its bucket: each with its type and how long it may be cached; the index last.

Files of older pages stay: a tab that has one open may ask for them weeks later, and they cost cents. An
upload that breaks off leaves the old page whole, and the next one goes on.
"""

import hashlib
import json
import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from c1fn.api.pages import ASK_AGAIN, FOR_EVER, below
from scripts.site.failures import Stop

SCOPE = "openid email c1fn/chat"
"""What the page asks for at the sign-in; the last opens the API: template-site.yaml."""

HASHED = re.compile(r"^assets/.+-[\w-]{8,}\.\w+(\.map)?$")
"""Files whose name has a hash of what they hold, as Vite names them."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
"""By this table and not by the machine's own, which differs from one to the next."""

INDEX, CONFIG = "index.html", "config.json"
LAST = (CONFIG, INDEX)

AT_ONCE = 16
"""Uploads: C1's page has 1,700 small files, each of which waits for S3 for most of its time."""


@dataclass(frozen=True, slots=True)
class File:
    """One object of the bucket."""

    key: str
    content: bytes
    content_type: str
    cache: str

    @property
    def etag(self) -> str:
        """S3's for a file that was uploaded in one piece."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


def config(outputs: Mapping[str, str]) -> bytes:
    """How the page signs people in: docs/auth.md."""
    back = urlencode({"client_id": outputs["ClientId"], "logout_uri": outputs["SiteUrl"]})
    oidc = {
        "authority": outputs["Issuer"],
        "clientId": outputs["ClientId"],
        "scope": SCOPE,
        "token": "access",
        # Cognito's own way: https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
        "logoutUrl": f"{outputs['SignInUrl']}/logout?{back}",
    }
    return json.dumps({"oidc": oidc}, indent=1).encode()


def files(folder: Path, settings: bytes) -> list[File]:
    """The page in the order in which it is uploaded.

    :raises Stop: this folder holds no page.
    """
    if not (folder / INDEX).is_file():
        raise Stop(
            f"{folder} holds no {INDEX}: PAGE names c1, openui, or the folder of a page that is built."
        )
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    index = found.pop(INDEX).decode("utf-8")
    based = index if "<base" in index else below("", index)
    found.pop(CONFIG, None)
    return [
        _file(key, content) for key, content in [*found.items(), (CONFIG, settings), (INDEX, based.encode())]
    ]


def _file(key: str, content: bytes) -> File:
    kind = TYPES.get(Path(key).suffix) or mimetypes.guess_type(key)[0] or "application/octet-stream"
    return File(key, content, kind, FOR_EVER if HASHED.match(key) else ASK_AGAIN)


def upload(client: Any, bucket: str, wanted: list[File]) -> int:
    """Bring the bucket up to date; what is there already is left alone.

    :param client: S3's.

    :returns: how many files were sent.
    """
    there = {one["Key"]: one for one in _listed(client, bucket)}
    sent = [one for one in wanted if there.get(one.key, {}).get("ETag") != one.etag]

    def put(one: File) -> None:
        told = {"ContentType": one.content_type, "CacheControl": one.cache}
        client.put_object(Bucket=bucket, Key=one.key, Body=one.content, **told)

    _all_at_once(put, [one for one in sent if one.key not in LAST])
    for one in sent:
        if one.key in LAST:
            put(one)
    return len(sent)


def _all_at_once(put: Callable[[File], None], sent: list[File]) -> None:
    """In any order; when one fails, those that wait are not begun."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for _ in pool.map(put, sent):
            pass
    finally:
        pool.shutdown(cancel_futures=True)


def empty(client: Any, bucket: str) -> int:
    """Delete everything in it, which CloudFormation asks for before it deletes a bucket.

    :returns: how many there were; none where the bucket is gone already.
    """
    try:
        keys = [one["Key"] for one in _listed(client, bucket)]
    except client.exceptions.NoSuchBucket:
        return 0
    _delete(client, bucket, keys)
    return len(keys)


def _listed(client: Any, bucket: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", [])


def _delete(client: Any, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), 1000):  # as many as one request takes
        objects = [{"Key": key} for key in keys[start : start + 1000]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
