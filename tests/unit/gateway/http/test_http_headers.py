import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.errors import InvalidHeader
from gateway.http.headers import (
    Hop,
    decode_attribute,
    encode_attribute,
    encode_headers,
    encode_request,
    end_to_end,
    with_forwarded,
)


def test_hop_by_hop_headers_and_what_connection_names_do_not_pass() -> None:
    headers = [
        (b"connection", b"close, X-Secret-Hop"),
        (b"keep-alive", b"timeout=5"),
        (b"te", b"trailers"),
        (b"trailer", b"x"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"h2c"),
        (b"proxy-authorization", b"Basic x"),
        (b"x-secret-hop", b"1"),
        (b"accept", b"*/*"),
    ]
    assert end_to_end(headers) == [(b"accept", b"*/*")]


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nb", b"a\rb", b"a\0b"])
def test_a_value_that_would_break_out_of_its_line_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(InvalidHeader, match="x-bad"):
        encode_headers([(b"x-good", b"1"), (b"x-bad", value)])


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", b"\xc3\xa9", b"(a)"])
def test_a_name_that_is_no_token_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidHeader):
        encode_headers([(name, b"1")])


@pytest.mark.parametrize("target", [b"", b"/a b", b"/a\r\nx: y", b"/\xc3\xa9"])
def test_a_target_that_is_not_percent_encoded_is_refused(target: bytes) -> None:
    with pytest.raises(InvalidHeader):
        encode_request(b"GET", target, [])


def test_a_request_head_ends_with_a_blank_line() -> None:
    head = encode_request(b"POST", b"/a?b=c", [(b"host", b"x")])
    assert head == b"POST /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n"


def test_claims_of_an_untrusted_peer_are_replaced() -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-host", b"evil"), (b"a", b"b")]
    assert with_forwarded(headers, Hop(b"10.0.0.1", b"shop"), trusted=False) == [
        (b"a", b"b"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"shop"),
    ]


def test_claims_of_a_trusted_peer_are_continued() -> None:
    headers = [
        (b"x-forwarded-for", b"1.1.1.1"),
        (b"x-forwarded-for", b"2.2.2.2"),
        (b"x-forwarded-proto", b"https"),
    ]
    assert with_forwarded(headers, Hop(b"10.0.0.1", b"shop"), trusted=True) == [
        (b"x-forwarded-for", b"1.1.1.1, 2.2.2.2, 10.0.0.1"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Euro € 😀", b"Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ('100% "sure"', b"100%25%20%22sure%22"),
        ("a+b/c?d=~!", b"a+b/c?d=~!"),
        ("\x7f\n", b"%7F%0A"),
        ("", b""),
    ],
)
def test_an_attribute_is_percent_encoded_as_the_binding_says(text: str, value: bytes) -> None:
    assert encode_attribute(text) == value
    assert decode_attribute(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b'"a b"', "a b"),
        (b'"say \\"hi\\" \\\\ now"', 'say "hi" \\ now'),
        (b'"50%25"', "50%"),
        (b"%e2%82%ac", "€"),
        (b"%2525", "%25"),
        (b"a+b", "a+b"),
        ("naïve".encode(), "naïve"),
    ],
)
def test_an_attribute_is_unquoted_and_decoded_once(value: bytes, text: str) -> None:
    assert decode_attribute(value) == text


@pytest.mark.parametrize("value", [b"%ff", b"\xff", b'"open', b'"a"b"', b'"\\"'])
def test_an_attribute_that_cannot_be_read_is_an_error(value: bytes) -> None:
    with pytest.raises(InvalidHeader):
        decode_attribute(value)


def test_a_lone_surrogate_cannot_be_sent() -> None:
    with pytest.raises(InvalidHeader):
        encode_attribute("\ud800")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_survives_the_header(text: str) -> None:
    value = encode_attribute(text)
    assert decode_attribute(value) == text
    encode_headers([(b"ce-x", value)])
