"""The terminal's HTTP client: for a server, an emulated function, a function URL or an API.

Every failure is an :class:`EndpointError` of one sentence, which names the address and never the key.

https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html · docs/http.md
"""

import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx2

CONNECT = 10.0
"""Seconds to connect: a cold start happens after that."""

SILENCE = 120.0
"""Seconds of silence. A streaming service sends a comment each 10; one that buffers needs 30 at most."""

SHOWN = 300
"""Characters of a foreign refusal that are shown."""

PAGE = 20
"""Threads that are listed."""


T = TypeVar("T", dict[str, Any], list[Any])


class EndpointError(Exception):
    """It could not be asked, or it refused; the message is for a person."""


class Signed(httpx2.Auth):
    """Signs requests as AWS asks a caller of a function URL to."""

    requires_request_body = True

    def __init__(self, url: str) -> None:
        """:raises EndpointError: there are no credentials, or no region."""
        from botocore.auth import SigV4Auth
        from botocore.session import Session

        session = Session()
        found = re.search(r"\.lambda-url\.([a-z0-9-]+)\.on\.aws$", urlsplit(url).hostname or "")
        region = found[1] if found else session.get_config_variable("region")
        credentials = session.get_credentials()
        if credentials is None or not region:
            raise EndpointError(
                "There are no AWS credentials to sign with, or no region: set AWS_PROFILE or AWS_REGION."
            )
        self._signer = SigV4Auth(credentials, "lambda", region)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        from botocore.awsrequest import AWSRequest

        plain = AWSRequest(
            request.method,
            str(request.url),
            headers={"host": request.url.netloc.decode()},
            data=request.content,
        )
        self._signer.add_auth(plain)
        request.headers.update(dict(plain.headers.items()))
        yield request


def is_function_url(url: str) -> bool:
    """Whether this is the URL of a function, which takes signed requests."""
    return (urlsplit(url).hostname or "").endswith(".on.aws")


class Endpoint:
    """One service, open while the context is.

    :param url: its root, or that of its stage; `/api/chat` at the end does no harm.
    :param key: sent as `x-api-key`.
    :param token: sent as a bearer token.
    :param signed: sign with this machine's AWS credentials.
    :raises EndpointError: the URL, the key or the credentials cannot be used.
    """

    def __init__(
        self, url: str, *, key: str | None = None, token: str | None = None, signed: bool = False
    ) -> None:
        self.url = _root(url)
        if not all(word.isascii() and word.isprintable() for word in (key, token) if word is not None):
            raise EndpointError("The key or the token has characters that no header can carry.")
        if token and signed:
            raise EndpointError("A request is signed or carries a token: both are the header Authorization.")
        who = {"x-api-key": key, "authorization": f"Bearer {token}" if token else None}
        self._client = httpx2.Client(
            headers={
                "accept": "text/event-stream, application/json",
                **{name: value for name, value in who.items() if value},
            },
            auth=Signed(self.url) if signed else None,
            timeout=httpx2.Timeout(SILENCE, connect=CONNECT),
            trust_env=urlsplit(self.url).hostname
            not in ("127.0.0.1", "localhost", "::1"),  # no proxy stands between
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def answer(self, thread_id: str, response_id: str, prompt: str) -> Iterator[str]:
        """Ask, and give the answer's text as it arrives."""
        message = {"role": "user", "content": prompt}
        return self._texts(
            "POST", "/api/chat", {"prompt": message, "threadId": thread_id, "responseId": response_id}
        )

    def follow(self, thread_id: str, response_id: str) -> Iterator[str]:
        """An answer from its beginning to its end, which may be still to come."""
        return self._texts("GET", f"{_thread(thread_id)}/turns/{quote(response_id, safe='')}")

    def threads(self) -> list[dict[str, Any]]:
        """The newest first."""
        listed = self._json(dict, "GET", f"/api/threads?limit={PAGE}").get("threads")
        return [thread for thread in listed if isinstance(thread, dict)] if isinstance(listed, list) else []

    def messages(self, thread_id: str) -> list[dict[str, Any]]:
        """The oldest first."""
        listed = self._json(list, "GET", f"{_thread(thread_id)}/messages")
        return [message for message in listed if isinstance(message, dict)]

    def fork(self, thread_id: str, *, before: str) -> str:
        """The id of a new thread, which has the turns before this responseId."""
        made = self._json(dict, "POST", f"{_thread(thread_id)}/fork", {"before": before}).get("threadId")
        if not isinstance(made, str):
            raise self._no_service()
        return made

    def rename(self, thread_id: str, title: str) -> str:
        """The title as it is stored."""
        return str(self._json(dict, "PUT", _thread(thread_id), {"title": title}).get("title", ""))

    def share(self, thread_id: str) -> tuple[str, str]:
        """A link that shows the thread as it is now, and the day on which it ends."""
        made = self._json(dict, "POST", f"{_thread(thread_id)}/shares")
        token, ends = made.get("token"), made.get("expiresAt")
        if not isinstance(token, str) or not isinstance(ends, str):
            raise self._no_service()
        return f"{self.url}/api/shares/{quote(token, safe='')}", ends[: len("2026-01-01")]

    def rate(self, thread_id: str, response_id: str, value: str, comment: str) -> None:
        body = {"value": value, **({"comment": comment} if comment else {})}
        with self._sent("PUT", f"{_message(thread_id, response_id)}/feedback", body):
            pass

    def delete(self, thread_id: str) -> None:
        with self._sent("DELETE", _thread(thread_id), None):
            pass

    def stop(self, thread_id: str, response_id: str | None = None) -> bool:
        """Whether an answer was being written."""
        body = {"responseId": response_id} if response_id else {}
        return bool(self._json(dict, "POST", f"{_thread(thread_id)}/stop", body).get("stopping"))

    def _texts(self, method: str, path: str, body: object = None) -> Iterator[str]:
        with self._sent(method, path, body) as response:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                raise self._no_service()
            yield from response.iter_text()

    def _json(self, kind: type[T], method: str, path: str, body: object = None) -> T:
        """The answer, an object or a list.

        :raises EndpointError: it is no JSON, or of another kind.
        """
        with self._sent(method, path, body) as response:
            response.read()
            try:
                told = response.json()
            except ValueError:
                raise self._no_service() from None
        if not isinstance(told, kind):
            raise self._no_service()
        return told

    def _no_service(self) -> EndpointError:
        return EndpointError(f"{self.url} is not a chat service.")

    @contextmanager
    def _sent(self, method: str, path: str, body: object) -> Iterator[httpx2.Response]:
        try:
            with self._client.stream(method, self.url + path, **_json_of(body)) as response:
                if not response.is_success:
                    response.read()
                    raise EndpointError(_refusal(response))
                response.encoding = "utf-8"
                yield response
        except httpx2.ConnectError:
            raise EndpointError(f"Nothing answers at {self.url}.") from None
        except httpx2.TimeoutException:
            raise EndpointError(f"{self.url} did not answer in time.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise EndpointError(f"The connection to {self.url} was lost.") from None


def _root(url: str) -> str:
    root = url.strip().rstrip("/").removesuffix("/api/chat")
    try:
        parts = urlsplit(root)
        if parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port):
            return root
    except ValueError:
        pass
    raise EndpointError("The URL must begin with http:// or https:// and name a host.")


def _json_of(body: object) -> dict[str, Any]:
    """A request's body in ASCII, where half a character is no fault."""
    if body is None:
        return {}
    return {"content": json.dumps(body).encode(), "headers": {"content-type": "application/json"}}


def _thread(thread_id: str) -> str:
    return f"/api/threads/{quote(thread_id, safe='', errors='replace')}"


def _message(thread_id: str, response_id: str) -> str:
    return f"{_thread(thread_id)}/messages/{quote(response_id, safe='')}"


def _refusal(response: httpx2.Response) -> str:
    """The service's own words, or those of whatever stands before it."""
    try:
        told = response.json()
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    if isinstance(told.get("title"), str):
        return f"{told['title']}. {told.get('detail', '')}".strip()[:SHOWN]
    reason = told.get("message") or told.get("Message") or response.reason_phrase
    return f"The endpoint refused with status {response.status_code}: {reason}"[:SHOWN]
