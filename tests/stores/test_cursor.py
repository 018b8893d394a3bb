import base64

import pytest

from c1fn.errors import BadField
from c1fn.stores.cursor import decode, encode


@pytest.mark.parametrize("thread_id", ["t", "a/b#c", "😀", "x" * 128])
@pytest.mark.parametrize("place", [0, 1_800_000_000, 1_800_000_000.25])
def test_a_cursor_leads_back_to_its_place(place: float, thread_id: str) -> None:
    assert decode(encode(place, thread_id)) == (place, thread_id)


def test_a_cursor_can_stand_in_a_url() -> None:
    assert set(encode(1.5, "?" * 50)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
    )


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "!!!!",
        *(
            base64.urlsafe_b64encode(text).decode()
            for text in (b"[]", b"{}", b"1", b'["a","b"]', b"[1,2]", b'[1,"t",3]', b'[null,"t"]')
        ),
        *(
            base64.urlsafe_b64encode(text.encode()).decode()
            for text in (
                '[1e999,"t"]',
                '[-1e999,"t"]',
                '[NaN,"t"]',
                '[-1,"t"]',
                '[true,"t"]',
                f'[{"9" * 40},"t"]',
                f'[{"9" * 5000},"t"]',
                '[1,""]',
                '[1,"\\ud800"]',
                f'[1,"{"t" * 129}"]',
            )
        ),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
    ],
)
def test_what_is_no_cursor_is_refused_with_its_field(cursor: str) -> None:
    with pytest.raises(BadField) as caught:
        decode(cursor)
    assert caught.value.field == "cursor"
