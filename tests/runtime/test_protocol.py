"""The Runtime API without I/O: what is sent, what is understood, and what is refused."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import get_args

import h11
import pytest

from c1fn.runtime.fault import Fault
from c1fn.runtime.http1 import Broken
from c1fn.runtime.messages import (
    DELIMITER,
    Acknowledgement,
    Incoming,
    Invocation,
    Restored,
    prelude,
)
from c1fn.runtime.protocol import (
    INTEGRATION,
    MAX_EVENT,
    MOVES,
    OCTETS,
    Address,
    Connection,
    IllegalMove,
    Move,
    State,
)

ADDRESS = Address("127.0.0.1", 9001, "")
CALL = Invocation("id-1", b"{}", invocation_id="once-1")
FAULT = Fault("Function.Boom", "it broke", ("app.py:1 in app",))

NEXT = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json\r\n"
    b"Lambda-Runtime-Aws-Request-Id: id-1\r\n"
    b"Lambda-Runtime-Invocation-Id: once-1\r\n"
    b"Lambda-Runtime-Deadline-Ms: 1700000000123\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:1:function:f\r\n"
    b"Lambda-Runtime-Trace-Id: Root=1-2-3\r\n"
    b'Lambda-Runtime-Client-Context: {"custom":{}}\r\n'
    b'Lambda-Runtime-Cognito-Identity: {"cognitoIdentityId":"c"}\r\n'
    b"Lambda-Runtime-Aws-Tenant-Id: tenant-1\r\n"
    b"Content-Length: 9\r\n\r\n"
    b'{"a":"b"}'
)
INVOCATION = Invocation(
    request_id="id-1",
    event=b'{"a":"b"}',
    deadline_ms=1700000000123,
    function_arn="arn:aws:lambda:us-east-1:1:function:f",
    trace_id="Root=1-2-3",
    client_context='{"custom":{}}',
    cognito_identity='{"cognitoIdentityId":"c"}',
    tenant_id="tenant-1",
    invocation_id="once-1",
)


def feed_whole(connection: Connection, data: bytes) -> list[Incoming]:
    event = connection.receive(data)
    return [event] if event else []


def feed_bytes(connection: Connection, data: bytes) -> list[Incoming]:
    events = [connection.receive(data[at : at + 1]) for at in range(len(data))]
    assert not any(events[:-1]), "an event before its last byte"
    return [event for event in events if event]


FEEDS = pytest.mark.parametrize("feed", [feed_whole, feed_bytes])
Feed = Callable[[Connection, bytes], list[Incoming]]


def answer(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    head = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)


def asking() -> Connection:
    connection = Connection(ADDRESS)
    connection.next()
    return connection


def posting() -> Connection:
    connection = Connection(ADDRESS)
    connection.respond(CALL, b"1")
    return connection


def as_server(data: bytes) -> Iterator[h11.Event]:
    """What a server reads in these bytes."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    while isinstance(event := server.next_event(), h11.Event) and not isinstance(event, h11.ConnectionClosed):
        yield event


def request(data: bytes) -> tuple[h11.Request, dict[bytes, bytes], bytes, dict[bytes, bytes]]:
    """Request, headers, body and trailers of a whole request."""
    head, *rest = as_server(data)
    assert isinstance(head, h11.Request)
    end = rest[-1]
    assert isinstance(end, h11.EndOfMessage)
    body = b"".join(bytes(event.data) for event in rest if isinstance(event, h11.Data))
    return head, dict(head.headers), body, dict(end.headers)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9001", Address("127.0.0.1", 9001, "")),
        ("localhost:80/.rt/my-fn", Address("localhost", 80, "/.rt/my-fn")),
        ("host:1/a/", Address("host", 1, "/a")),
        ("[::1]:9001", Address("::1", 9001, "")),
        ("http://127.0.0.1:9000/.rt", Address("127.0.0.1", 9000, "/.rt")),
    ],
)
def test_an_address_may_have_a_path_prefix(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        ":1",
        "https://host:1",
        "host:1/a b",
        "host:123456",
        "h:1/a\x00b",
        "h:\u0663",
        "h\x7f:1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="AWS_LAMBDA_RUNTIME_API"):
        Address.parse(text)


def test_the_next_invocation_is_asked_for_below_the_prefix() -> None:
    data = Connection(Address("h", 1, "/.rt/fn")).next()
    assert data == b"GET /.rt/fn/2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h:1\r\n\r\n"


@FEEDS
def test_an_invocation_carries_every_header(feed: Feed) -> None:
    assert feed(asking(), NEXT) == [INVOCATION]


@FEEDS
def test_an_invocation_may_come_in_chunks(feed: Feed) -> None:
    head = b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: i\r\ntransfer-encoding: chunked\r\n\r\n"
    assert feed(asking(), head + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n") == [Invocation("i", b"{}")]


def test_bytes_too_many_make_the_connection_unusable() -> None:
    connection = asking()
    assert connection.receive(NEXT + b"HTTP/1.1 200") == INVOCATION
    assert not connection.usable


@pytest.mark.parametrize(
    "unasked", [b"HTTP/1.1 202 A\r\nContent-Length: 2\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n"]
)
def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(unasked: bytes) -> None:
    connection = asking()
    connection.receive(NEXT)
    with pytest.raises(Broken, match="asked"):
        connection.receive(unasked)


def test_the_host_of_an_ipv6_address_has_its_brackets() -> None:
    assert b"\r\nHost: [::1]:9\r\n" in Connection(Address("::1", 9, "")).next()


def test_a_connection_is_used_again_after_each_answer() -> None:
    connection = Connection(ADDRESS)
    usable = []
    for _ in range(3):
        usable.append(connection.usable)
        connection.next()
        usable.append(connection.usable)
        connection.receive(NEXT)
        connection.respond(CALL, b"1")
        assert connection.receive(answer(202)) == Acknowledgement(202)
    assert usable == [True, False] * 3


def test_a_platform_that_closes_is_not_used_again() -> None:
    connection = posting()
    assert connection.receive(answer(202, b"", b"Connection: close")) == Acknowledgement(202)
    assert not connection.usable


@FEEDS
@pytest.mark.parametrize("status", [200, 202, 400, 403, 410, 413, 500])
def test_an_answer_tells_its_status_and_its_reason(status: int, feed: Feed) -> None:
    body = b'{"errorType":"InvalidRequestID","errorMessage":"m"}'
    (found,) = feed(posting(), answer(status, body))
    assert found == Acknowledgement(status, "InvalidRequestID")
    assert isinstance(found, Acknowledgement)
    assert found.accepted is (status < 300)
    assert str(status) in str(found)


DEEP = b'{"errorType":' + b"[" * 100_000


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"a":1}', b"1", b'"errorType"', DEEP])
def test_a_refusal_without_a_reason_is_one_all_the_same(body: bytes) -> None:
    assert posting().receive(answer(400, body)) == Acknowledgement(400, "")


def test_a_refusal_to_give_an_invocation_is_an_answer() -> None:
    assert asking().receive(answer(403, b'{"errorType":"Forbidden"}')) == Acknowledgement(403, "Forbidden")


def test_informational_answers_are_passed_over() -> None:
    assert posting().receive(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(202)) == Acknowledgement(202)


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"",
        NEXT.replace(b"Lambda-Runtime-Aws-Request-Id: id-1\r\n", b""),
        NEXT.replace(b"1700000000123", b"soon"),
        NEXT.replace(b"1700000000123", b"9" * 5000),
        NEXT.replace(b"-Id: id-1\r\n", b"-Id: id\x7f1\r\n"),
        NEXT.replace(b"-Id: id-1\r\n", b"-Id: id-1/../error\r\n"),
        NEXT.replace(b"once-1", b"once\xff"),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
    ids=[
        "no HTTP",
        "closed",
        "no id",
        "no number",
        "a number that Python does not read",
        "an id no header takes",
        "an id that is a path",
        "an id that cannot be echoed",
        "endless head",
    ],
)
def test_what_is_not_the_protocol_breaks_the_connection(data: bytes) -> None:
    with pytest.raises(Broken):
        asking().receive(data)


def test_a_connection_that_ends_midway_is_broken() -> None:
    connection = asking()
    assert connection.receive(NEXT[:-1]) is None
    with pytest.raises(Broken):
        connection.receive(b"")


def test_an_event_is_bounded() -> None:
    with pytest.raises(Broken, match="bytes"):
        asking().receive(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_EVENT + 1))


def test_a_streamed_response_has_metadata_delimiter_and_body_as_chunks_of_their_own() -> None:
    connection = Connection(ADDRESS)
    data = connection.begin(CALL, prelude({"statusCode": 200})) + connection.data(b"hello")
    head, *chunks = as_server(data)
    assert isinstance(head, h11.Request)
    assert (head.method, head.target) == (b"POST", b"/2018-06-01/runtime/invocation/id-1/response")
    headers = dict(head.headers)
    assert headers[b"content-type"] == INTEGRATION.encode()
    assert headers[b"lambda-runtime-function-response-mode"] == b"streaming"
    assert headers[b"transfer-encoding"] == b"chunked"
    assert headers[b"trailer"] == b"Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert [bytes(chunk.data) for chunk in chunks if isinstance(chunk, h11.Data)] == [
        b'{"statusCode":200}',
        DELIMITER,
        b"hello",
    ]


def test_a_streamed_response_ends_without_trailers() -> None:
    connection = Connection(ADDRESS)
    _, _, body, trailers = request(connection.begin(CALL, b"{}") + connection.data(b"x") + connection.end())
    assert (body, trailers) == (b"{}" + DELIMITER + b"x", {})


def test_a_bare_stream_has_no_metadata() -> None:
    connection = Connection(ADDRESS)
    _, headers, body, _ = request(connection.begin(CALL, None) + connection.data(b"x") + connection.end())
    assert (headers[b"content-type"], body) == (OCTETS.encode(), b"x")


def test_an_empty_piece_does_not_end_the_stream() -> None:
    connection = Connection(ADDRESS)
    connection.begin(CALL, None)
    assert connection.data(b"") == b""


def test_a_fault_midway_is_told_by_trailers() -> None:
    connection = Connection(ADDRESS)
    _, _, body, trailers = request(
        connection.begin(CALL, None) + connection.data(b"x") + connection.fail(FAULT)
    )
    assert body == b"x"
    assert trailers[b"lambda-runtime-function-error-type"] == b"Function.Boom"
    told = json.loads(base64.b64decode(trailers[b"lambda-runtime-function-error-body"]))
    assert told == {
        "errorType": "Function.Boom",
        "errorMessage": "it broke",
        "stackTrace": ["app.py:1 in app"],
    }


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (lambda c: c.error(CALL, FAULT), b"/2018-06-01/runtime/invocation/id-1/error"),
        (lambda c: c.init_error(FAULT), b"/2018-06-01/runtime/init/error"),
        (lambda c: c.restore_error(FAULT), b"/2018-06-01/runtime/restore/error"),
    ],
    ids=["invocation", "init", "restore"],
)
def test_an_error_report_is_json_and_names_its_type_in_a_header(
    command: Callable[[Connection], bytes], path: bytes
) -> None:
    head, headers, body, _ = request(command(Connection(ADDRESS)))
    assert (head.target, headers[b"content-type"]) == (path, b"application/json")
    assert headers[b"lambda-runtime-function-error-type"] == b"Function.Boom"
    assert json.loads(body)["errorMessage"] == "it broke"


@pytest.mark.parametrize(
    "command",
    [
        lambda c: c.begin(CALL, None) + c.end(),
        lambda c: c.respond(CALL, b"1"),
        lambda c: c.error(CALL, FAULT),
    ],
    ids=["stream", "whole", "error"],
)
def test_the_invocation_id_is_echoed(command: Callable[[Connection], bytes]) -> None:
    assert request(command(Connection(ADDRESS)))[1][b"lambda-runtime-invocation-id"] == b"once-1"


def test_without_an_invocation_id_none_is_sent() -> None:
    headers = request(Connection(ADDRESS).respond(Invocation("id-1", b""), b"1"))[1]
    assert b"lambda-runtime-invocation-id" not in headers


def test_a_whole_response_is_json_with_a_length() -> None:
    _, headers, body, _ = request(Connection(ADDRESS).respond(CALL, b'{"a":1}'))
    assert (headers[b"content-type"], headers[b"content-length"], body) == (
        b"application/json",
        b"7",
        b'{"a":1}',
    )


@FEEDS
def test_a_restore_is_asked_for_and_told(feed: Feed) -> None:
    connection = Connection(ADDRESS)
    assert connection.restore_next().startswith(b"GET /2018-06-01/runtime/restore/next HTTP/1.1\r\n")
    assert feed(connection, answer(200)) == [Restored()]


def test_an_answer_may_come_before_the_response_has_ended() -> None:
    connection = Connection(ADDRESS)
    connection.begin(CALL, None)
    assert connection.receive(answer(413, b'{"errorType":"TooLarge"}')) == Acknowledgement(413, "TooLarge")
    assert connection.data(b"more"), "the rest can be written, wherever it goes"
    assert not connection.usable


def test_after_an_early_answer_the_rest_is_written_and_the_connection_serves_on() -> None:
    connection = at("answered early")
    assert connection.data(b"a") + connection.data(b"b") + connection.end()
    assert connection.usable


def test_an_app_that_writes_on_to_a_platform_that_is_gone_is_not_disturbed() -> None:
    connection = at("streaming")
    broken(connection)
    assert connection.data(b"a") + connection.data(b"b") + connection.end()
    assert connection.begin(CALL, None) + connection.fail(FAULT) + connection.respond(CALL, b"1")
    broken(connection)


def broken(connection: Connection) -> None:
    with pytest.raises(Broken):
        connection.receive(b"")


COMMANDS: dict[Move, Callable[[Connection], bytes]] = {
    "next": Connection.next,
    "restore": Connection.restore_next,
    "post": lambda c: c.respond(CALL, b"1"),
    "begin": lambda c: c.begin(CALL, None),
    "data": lambda c: c.data(b"x"),
    "end": Connection.end,
}
REACHED: dict[State, Callable[[Connection], object]] = {
    "idle": lambda _: None,
    "polling": lambda c: c.next(),
    "restoring": lambda c: c.restore_next(),
    "streaming": lambda c: c.begin(CALL, None),
    "posted": lambda c: c.respond(CALL, b"1"),
    "answered early": lambda c: (c.begin(CALL, None), c.receive(answer(413))),
    "broken": broken,
}
MOVES_OF_EACH = [(state, move) for state in get_args(State) for move in COMMANDS]


def at(state: State) -> Connection:
    """A connection that came into this state."""
    connection = Connection(ADDRESS)
    REACHED[state](connection)
    assert connection.state == state
    return connection


@pytest.mark.parametrize(("state", "move"), MOVES_OF_EACH, ids=str)
def test_a_command_is_legal_where_the_table_has_it_and_nowhere_else(state: State, move: Move) -> None:
    connection = at(state)
    if move in MOVES[state]:
        COMMANDS[move](connection)
        assert connection.state == MOVES[state][move]
    else:
        with pytest.raises(IllegalMove, match=f"{move}' while the connection is {state}"):
            COMMANDS[move](connection)
        assert connection.state == state


@pytest.mark.parametrize("state", get_args(State))
def test_an_answer_is_taken_where_one_was_asked_for_and_breaks_the_connection_elsewhere(state: State) -> None:
    connection = at(state)
    if "answer" in MOVES[state]:
        assert connection.receive(answer(410)) == Acknowledgement(410)
        assert connection.state == MOVES[state]["answer"]
    else:
        with pytest.raises(Broken):
            connection.receive(answer(410))
        assert connection.state == "broken"


@pytest.mark.parametrize("state", get_args(State))
def test_what_is_no_answer_breaks_the_connection_in_every_state(state: State) -> None:
    connection = at(state)
    with pytest.raises(Broken):
        connection.receive(b"garbage\r\n\r\n")
    assert connection.state == "broken"
    assert not connection.usable
