"""What is taken for the word of a provider, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from hmac import digest
from threading import Event, Thread
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.accounts.adapters import openid
from app.accounts.adapters.openid import OpenIdProvider, ProviderUnavailable, SignOnRefused
from tests.accounts.adapters.openid_stand_in import (
    KEYS,
    NONCE,
    NOW,
    SECRET,
    StandIn,
    encoded,
    stand_in,
)
from tests.harness.until import until


@pytest.fixture
def said() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


def claims_of(provider: OpenIdProvider) -> dict[str, Any]:
    return provider.claims("code", "v" * 64, NONCE, NOW)[0]


def test_an_honest_one_is_believed(said: StandIn) -> None:
    claims, id_token = said.provider().claims("code", "v" * 64, NONCE, NOW)
    assert (claims["sub"], claims["groups"]) == ("curie", ["noc"])
    assert id_token == said.id_token()


def signed_by_the_secret(said: StandIn) -> str:
    return jwt.encode(
        {"alg": "HS256"}, said.claims, OctKey.import_key(SECRET), algorithms=["HS256"]
    )


def signed_by_the_public_key(said: StandIn) -> str:
    """The old trick: the key that everybody has, as if it were a secret."""
    secret = said.published.as_pem(private=False)
    header = encoded(b'{"alg":"HS256","kid":"first"}')
    content = f"{header}.{encoded(json.dumps(said.claims).encode())}"
    return f"{content}.{encoded(digest(secret, content.encode(), sha256))}"


def unsigned(said: StandIn) -> str:
    header = encoded(b'{"alg":"none","kid":"first"}')
    return f"{header}.{encoded(json.dumps(said.claims).encode())}."


def changed(said: StandIn) -> str:
    header, _claims, signature = said.id_token().split(".")
    claims = {**said.claims, "sub": "somebody else"}
    return f"{header}.{encoded(json.dumps(claims).encode())}.{signature}"


def encrypted_header(_said: StandIn) -> str:
    return f"{encoded(b'{}')}.a.b.c.d"


def listed_algorithm(said: StandIn) -> str:
    header = encoded(b'{"alg":["RS256"],"kid":"first"}')
    return f"{header}.{encoded(json.dumps(said.claims).encode())}.x"


@pytest.mark.parametrize(
    "made",
    [
        signed_by_the_secret,
        signed_by_the_public_key,
        unsigned,
        changed,
        encrypted_header,
        listed_algorithm,
        lambda _said: "",
        lambda _said: "a.b.c",
        lambda _said: "\x00.\ud800.é",
        lambda _said: "x" * 200_000,
        lambda _said: 5,
        lambda _said: None,
    ],
)
def test_a_token_that_its_key_did_not_sign(said: StandIn, made: Callable[[StandIn], Any]) -> None:
    said.token = {"id_token": made(said)}
    with pytest.raises(SignOnRefused):
        claims_of(said.provider())


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another portal"},
        {"aud": ["another portal"]},
        {"aud": ["portal", "another portal"]},
        {"aud": ["portal"], "azp": "another portal"},
        {"iss": "https://another.example"},
        {"nonce": "that of another login"},
        {"nonce": None},
        {"nonce": ["the-nonce-of-this-login"]},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": "never"},
        {"exp": None},
        {"iat": int(NOW.timestamp()) + 3600},
        {"nbf": int(NOW.timestamp()) + 3600},
        {"sub": None},
        {"at_hash": "of another token"},
    ],
    ids=str,
)
def test_a_token_of_another_place_or_time(said: StandIn, wrong: dict[str, Any]) -> None:
    for name, value in wrong.items():
        said.claims.pop(name, None)
        if value is not None:
            said.claims[name] = value
    with pytest.raises(SignOnRefused):
        claims_of(said.provider())


def test_userinfo_is_about_the_same_person(said: StandIn) -> None:
    said.userinfo = {"sub": "somebody else", "groups": ["admins"]}
    with pytest.raises(SignOnRefused, match="somebody else"):
        claims_of(said.provider())


@pytest.mark.parametrize("name", ["auth_time", "acr", "amr", "nonce", "aud", "iss", "exp"])
@pytest.mark.parametrize("signed", [True, False])
def test_how_the_login_was_made_says_the_signed_token_alone(
    said: StandIn, name: str, signed: bool
) -> None:
    if signed:
        said.claims.setdefault(name, ["pwd"] if name == "amr" else 1)
        expected = said.claims[name]
    else:
        said.claims.pop("auth_time", None)
        expected = said.claims.get(name)
    said.userinfo[name] = int(NOW.timestamp())
    assert claims_of(said.provider()).get(name) == expected


def test_userinfo_adds_and_overrides_nothing_that_is_signed(said: StandIn) -> None:
    said.claims |= {"email": "curie@example.org", "email_verified": False, "groups": ["signed"]}
    said.userinfo |= {"email": "other@example.org", "email_verified": True, "name": "Marie"}
    claims = claims_of(said.provider())
    assert (claims["email"], claims["email_verified"]) == ("curie@example.org", False)
    assert (claims["groups"], claims["name"]) == (["signed"], "Marie")
    said.claims.pop("email_verified")
    assert "email_verified" not in claims_of(said.provider()), "it is about the other address"


def test_a_key_replaced_under_its_name_is_fetched_once_and_not_for_ever(said: StandIn) -> None:
    provider = said.provider()
    claims_of(provider)
    said.key = said.published = KEYS[1]
    claims_of(provider)
    assert said.asked.count("/jwks") == 2
    said.key = KEYS[0]  # signed by what is no key any more, again and again
    for _try in range(20):
        with pytest.raises(SignOnRefused):
            claims_of(provider)
    assert said.asked.count("/jwks") == 1 + openid.REFRESHES


def test_a_key_that_cannot_be_used_stands_in_nobodys_way(said: StandIn) -> None:
    good = said.published.as_dict(private=False)
    odd = [{"kty": "RSA"}, {"kty": "AKP"}, {"kty": "EC", "crv": "x"}, 5, {**good, "use": "enc"}]
    for keys in ([*odd, good], [good, *odd]):
        said.answers["/jwks"] = (200, json.dumps({"keys": keys}).encode())
        assert claims_of(said.provider())["sub"] == "curie"


def test_a_key_of_a_new_name_is_fetched(said: StandIn) -> None:
    provider = said.provider()
    claims_of(provider)
    newer = type(KEYS[1]).import_key({**KEYS[1].as_dict(private=True), "kid": "second"})
    said.key = said.published = newer
    said.header["kid"] = "second"
    claims_of(provider)
    assert said.asked.count("/.well-known/openid-configuration") == 1


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (200, b"<html>")),
        ("/.well-known/openid-configuration", (200, b"[" * 100_000)),
        ("/.well-known/openid-configuration", (200, b" " * 300_000)),
        ("/.well-known/openid-configuration", (404, b"{}")),
        ("/.well-known/openid-configuration", (200, b'{"issuer": "https://another.example"}')),
        ("/jwks", (200, b'{"keys": []}')),
        ("/jwks", (200, b'{"keys": 5}')),
        ("/jwks", (200, b'{"keys": [{"kty": "RSA"}]}')),
        ("/jwks", (500, b"")),
        ("/token", (500, b"")),
        ("/token", (429, b"{}")),
        ("/token", (200, b"[]")),
        ("/userinfo", (401, b"{}")),
        ("/userinfo", (200, b"a.signed.answer")),
    ],
)
def test_one_that_does_not_answer_as_it_should(
    said: StandIn, path: str, answer: tuple[int, bytes]
) -> None:
    said.answers[path] = answer
    with pytest.raises(ProviderUnavailable):
        claims_of(said.provider())


@pytest.mark.parametrize(
    "token", [{"error": "invalid_grant"}, {"expires_in": "soon"}, {"access_token": 5}]
)
def test_a_code_that_is_not_taken(said: StandIn, token: dict[str, Any]) -> None:
    said.token = {"id_token": said.id_token(), **token}
    with pytest.raises(SignOnRefused):
        claims_of(said.provider())


@pytest.mark.parametrize(
    "endpoint",
    ["", None, 5, "ftp://127.0.0.1/", "http://127.0.0.1/", "https://x/\r\n", "//x/", "https://"],
)
def test_its_document_leads_nowhere_unsafe(endpoint: Any) -> None:
    with stand_in() as said:
        provider = said.provider(issuer="https://sso.example")
        document = {
            **said.document,
            **dict.fromkeys(said.document, "https://sso.example/x"),
            "issuer": "https://sso.example",
            "token_endpoint": endpoint,
        }
        provider._fetched = lambda *_more: document  # type: ignore[method-assign]
        with pytest.raises(ProviderUnavailable, match="token_endpoint"):
            provider.authorization_url("state", NONCE, "v" * 64)


def test_an_address_inside_of_the_network_is_not_called(said: StandIn) -> None:
    with pytest.raises(ProviderUnavailable, match="not public"):
        said.provider(private_hosts=()).authorization_url("state", NONCE, "v" * 64)
    assert said.asked == []


def test_where_the_session_ends_at_the_provider(said: StandIn) -> None:
    assert said.provider().logout_url("token", "http://localhost/login") == ""
    said.document["end_session_endpoint"] = f"{said.issuer}/end?x=1"
    assert said.provider().logout_url("a.b.c", "http://localhost/login") == (
        f"{said.issuer}/end?x=1&client_id=portal"
        "&post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Flogin&id_token_hint=a.b.c"
    )
    said.document["end_session_endpoint"] = "javascript:alert(1)"
    assert said.provider().logout_url("", "http://localhost/login") == ""


def test_one_address_with_codes_of_its_own_leaves_places_for_others(said: StandIn) -> None:
    """Sixteen that never end, from one address: three are at the provider, nobody else waits."""
    provider = said.provider()
    claims_of(provider)  # which fetches document and keys
    said.held["bogus"] = Event()
    provider._for_codes._seconds = 0  # who would wait is refused at once
    before = said.asked.count("/token")

    def bogus(_turn: int) -> str:
        try:
            provider.claims("bogus", "v" * 64, NONCE, NOW, "192.0.2.9")
        except ProviderUnavailable as error:
            return str(error)
        return "taken"

    with ThreadPoolExecutor(16) as threads:
        strangers = [threads.submit(bogus, turn) for turn in range(16)]
        until(lambda: sum(one.done() for one in strangers) == 16 - openid.CODE_CALLS_OF_ONE)
        for turn in range(20):
            claims, _token = provider.claims("code", "v" * 64, NONCE, NOW, f"198.51.100.{turn}")
            assert claims["sub"] == "curie"
        assert provider.authorization_url("state", NONCE, "v" * 64, caller="192.0.2.9")
        said.held["bogus"].set()
    outcomes = [one.result() for one in strangers]
    assert outcomes.count("taken") == openid.CODE_CALLS_OF_ONE
    assert said.asked.count("/token") == before + openid.CODE_CALLS_OF_ONE + 20
    assert not provider._for_codes._present
    assert not provider._for_codes._calling


def test_a_place_is_waited_for(said: StandIn) -> None:
    places = openid.CallPlaces(1, 1, seconds=60)
    inside, entered = Event(), Event()

    def second() -> None:
        with places.hold("b"):
            entered.set()

    with places.hold("a"):
        waiting = Thread(target=second)
        waiting.start()
        until(lambda: places._present["b"] == 1)
        assert not entered.is_set()
        with pytest.raises(ProviderUnavailable, match="too many"), places.hold("c"):
            inside.set()  # as many wait as there are places
    waiting.join(60)
    assert entered.is_set()
    assert not inside.is_set()


def test_one_that_hangs_holds_up_few_threads(said: StandIn) -> None:
    provider = said.provider()
    provider._for_documents._seconds = 0
    with ExitStack() as held:
        for caller in range(openid.DOCUMENT_CALLS):
            held.enter_context(provider._for_documents.hold(str(caller)))
        with pytest.raises(ProviderUnavailable, match="too many"):
            provider.authorization_url("state", NONCE, "v" * 64, caller="another")
    assert said.asked == []


def test_the_secret_is_in_no_text(said: StandIn) -> None:
    assert SECRET not in repr(said.provider())
