"""Which requests a page of another site sent, by the headers that browsers send."""

import pytest

from c1fn.identity.same_origin import is_foreign, is_local

HERE = "https://app.example"


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),  # no browser
        ({"host": "app.example"}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),  # typed in
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "cross-site", "origin": HERE, "host": "app.example"}, True),
        ({"sec-fetch-site": "same-origin", "origin": HERE, "host": "behind.example"}, False),
        ({"origin": HERE, "host": "app.example"}, False),
        ({"origin": HERE, "host": "app.example:443"}, False),
        ({"origin": "https://APP.example:443", "host": "app.example"}, False),
        ({"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}, False),
        ({"origin": "http://[::1]:8000", "host": "[::1]:8000"}, False),
        ({"origin": "http://localhost", "host": "localhost:80"}, False),
        ({"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:9000"}, True),
        ({"origin": "http://localhost:8000", "host": "127.0.0.1:8000"}, True),
        ({"origin": "null", "host": "app.example"}, True),
        ({"origin": "", "host": "app.example"}, True),
        ({"origin": HERE}, True),  # nothing to compare it with
        ({"origin": HERE, "host": ""}, True),
        ({"origin": "https://app.example.evil.example", "host": "app.example"}, True),
        ({"origin": "https://app.example@evil.example", "host": "evil.example"}, True),
        ({"origin": "https://app.example/x", "host": "app.example"}, True),
        ({"origin": "file://app.example", "host": "app.example"}, True),
        ({"origin": f"https://app.example:{'4' * 5000}", "host": "app.example"}, True),
    ],
)
def test_a_page_is_of_this_site_or_foreign(headers: dict[str, str], foreign: bool) -> None:  # noqa: FBT001 - a row
    assert is_foreign(headers) is foreign


def test_an_allowed_page_is_not_foreign_however_its_browser_tells_it() -> None:
    for told in ({}, {"sec-fetch-site": "cross-site"}, {"host": "other.example"}):
        assert not is_foreign({"origin": HERE, **told}, [HERE])
        assert is_foreign({"origin": "null", "sec-fetch-site": "cross-site", **told}, [HERE])


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8000", True),
        ("localhost:9000", True),
        ("LocalHost", True),
        ("[::1]:8000", True),
        ("", False),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8000", False),
        ("127.0.0.1@evil.example", False),
        ("127.0.0.1:8000, evil.example", False),
        ("127.0.0.1/evil", False),
        ("0.0.0.0:8000", False),
        ("127.1", False),
        ("localhost\t", False),
    ],
)
def test_only_this_machines_own_names_are_local(host: str, local: bool) -> None:  # noqa: FBT001 - a row
    assert is_local(host) is local
