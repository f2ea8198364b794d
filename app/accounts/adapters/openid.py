"""A provider of identities that speaks OpenID Connect: where it sends people, what it says of them.

Authorization code flow with PKCE (RFC 7636), state and nonce. All calls go the way of
``app.core.adapters.outbound``: time-outs, sizes, no private address unless it is allowed. The
provider's document (OpenID Connect Discovery 1.0) and keys are cached for an hour. A token that
none of the cached keys signed makes the portal fetch them once more, also where its ``kid`` is
known: some providers keep the name of a key that they replace. That is limited, as are calls at the
same time.

Authlib and joserfc are imported when somebody signs on: a portal without sign-on never has them.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from app.core.adapters.outbound import Limits, OutboundError, ask, check_url, get

if TYPE_CHECKING:
    from joserfc.jwk import KeySet
    from joserfc.jwt import Token

LIMITS: Final = Limits(most_bytes=256 * 1024, seconds=10)
KEPT_SECONDS: Final = 3600.0
"""For which the provider's document and keys are cached."""
REFRESHES: Final = 5
REFRESH_SECONDS: Final = 60.0
"""So often within so many seconds keys are fetched again for a token that none of them signed."""
DOCUMENT_CALLS: Final = 2
"""Requests for which a process fetches the provider's document at the same time."""
CODE_CALLS: Final = 6
"""Number of people whose codes a process redeems at the same time: a provider that hangs may not
take all of the server's threads."""
CODE_CALLS_OF_ONE: Final = 3
"""Of these, people of one network address: the others are free for everybody else."""
WAIT_SECONDS: Final = 1.0
"""So long somebody waits for a place; at most as many wait as there are places."""
LEEWAY: Final = 60
"""Seconds by which clocks may differ."""
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""By which ID tokens may be signed: with a key that only the provider has. Neither ``none`` nor one
that is made of the client's secret."""
_ONLY_SIGNED: Final = frozenset(
    {
        *("iss", "aud", "azp", "nonce", "auth_time", "acr", "amr"),
        *("exp", "iat", "nbf", "jti", "sid", "at_hash", "c_hash"),
    }
)
"""Claims about the login itself (OpenID Connect Core 1.0, section 2): userinfo says who it is,
and is not signed."""
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_HEADERS: Final = {"Accept": "application/json", "User-Agent": "lhcopn-portal"}


class ProviderUnavailable(Exception):
    """The provider cannot be reached, or answers what cannot be used; the cause is for the log."""


class SignOnRefused(Exception):
    """What the provider sent proves nothing; the cause is for the log."""


@dataclass(frozen=True)
class Client:
    """The portal at its provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str
    redirect_uri: str
    private_hosts: Collection[str] = ()
    """See ``outbound``."""


class CallPlaces:
    """Lets at most ``most`` calls happen at the same time, ``of_one`` of them for one caller. As
    many again may wait, ``seconds`` each."""

    def __init__(self, most: int, of_one: int, seconds: float = WAIT_SECONDS) -> None:
        self._most, self._of_one, self._seconds = most, of_one, seconds
        self._calling: Counter[str] = Counter()
        self._present: Counter[str] = Counter()
        """Those who call or wait."""
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        """Have a place. Raises ``ProviderUnavailable`` if none exists in time."""
        with self._changed:
            if self._present.total() >= 2 * self._most or self._present[caller] >= 2 * self._of_one:
                raise ProviderUnavailable("too many people wait for its answers")
            self._present[caller] += 1
            if not self._changed.wait_for(lambda: self._is_free(caller), self._seconds):
                self._leave(self._present, caller)
                raise ProviderUnavailable("too many people wait for its answers")
            self._calling[caller] += 1
        try:
            yield
        finally:
            with self._changed:
                self._leave(self._present, caller)
                self._leave(self._calling, caller)
                self._changed.notify_all()

    def _is_free(self, caller: str) -> bool:
        return self._calling.total() < self._most and self._calling[caller] < self._of_one

    @staticmethod
    def _leave(counts: Counter[str], caller: str) -> None:
        counts[caller] -= 1
        if not counts[caller]:
            del counts[caller]


@dataclass
class OpenIdProvider:
    """One provider, with a process's cache of its document and keys.

    ``caller`` of its verbs is the network address of the person.
    """

    client: Client
    _document: tuple[float, Mapping[str, Any]] | None = None
    _keys: tuple[float, KeySet] | None = None
    _refreshed: deque[float] = field(default_factory=lambda: deque(maxlen=REFRESHES))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _for_documents: CallPlaces = field(default_factory=lambda: CallPlaces(DOCUMENT_CALLS, 1))
    """Of those who only want to know an address: they take no place from who comes back."""
    _for_codes: CallPlaces = field(
        default_factory=lambda: CallPlaces(CODE_CALLS, CODE_CALLS_OF_ONE)
    )

    def authorization_url(
        self, state: str, nonce: str, verifier: str, *, again: bool = False, caller: str = ""
    ) -> str:
        """Where the browser goes; ``again``: the provider asks who it is, even if it knows.

        Raises ``ProviderUnavailable``.
        """
        from authlib.oauth2.client import OAuth2Client

        address = self._document_for(caller)["authorization_endpoint"]
        client = OAuth2Client(
            None,
            client_id=self.client.client_id,
            scope=self.client.scopes,
            redirect_uri=self.client.redirect_uri,
            code_challenge_method="S256",
        )
        url, _state = client.create_authorization_url(
            address,
            state=state,
            nonce=nonce,
            code_verifier=verifier,
            prompt="login" if again else None,
            # whoever takes the prompt off the address is still told by auth_time
            max_age="0" if again else None,
        )
        return str(url)

    def claims(
        self, code: str, verifier: str, nonce: str, now: datetime, caller: str = ""
    ) -> tuple[dict[str, Any], str]:
        """What the provider says of who came back with ``code``, and the ID token that says so.

        Userinfo adds what the ID token does not say; how and when the person logged in says the ID
        token alone.

        Raises ``ProviderUnavailable`` and ``SignOnRefused``.
        """
        with self._for_codes.hold(caller):
            token = self._token(code, verifier)
            id_token, access_token = token.get("id_token"), token.get("access_token")
            if not isinstance(id_token, str) or not isinstance(access_token, str):
                raise SignOnRefused("it gives no ID token or no access token")
            claims = self._checked(id_token, nonce, access_token, now)
            return _completed(claims, self._userinfo(access_token, claims["sub"])), id_token

    def logout_url(self, id_token: str, return_to: str, caller: str = "") -> str:
        """Where the session at the provider ends (OpenID Connect RP-Initiated Logout 1.0), "" where
        it has no such place. Raises ``ProviderUnavailable``."""
        address = self._document_for(caller).get("end_session_endpoint")
        if not isinstance(address, str) or not self._may_call(address):
            return ""
        given = {"client_id": self.client.client_id, "post_logout_redirect_uri": return_to}
        query = urlencode({**given, **({"id_token_hint": id_token} if id_token else {})})
        return f"{address}{'&' if '?' in address else '?'}{query}"

    def _document_for(self, caller: str) -> Mapping[str, Any]:
        """The provider's document; a place is needed only where it is to be fetched."""
        if (kept := self._kept_document()) is not None:
            return kept
        with self._for_documents.hold(caller):
            return self._metadata()

    def _kept_document(self) -> Mapping[str, Any] | None:
        kept = self._document
        is_fresh = kept is not None and monotonic() - kept[0] < KEPT_SECONDS
        return kept[1] if kept is not None and is_fresh else None

    def _metadata(self) -> Mapping[str, Any]:
        if (kept := self._kept_document()) is not None:
            return kept
        address = self.client.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = self._fetched(address)
        if document.get("issuer") != self.client.issuer:
            raise ProviderUnavailable("its document names another issuer")
        for name in _ENDPOINTS:
            found = document.get(name)
            if not isinstance(found, str) or not self._may_call(found):
                raise ProviderUnavailable(f"its document has no usable {name}")
        self._document = monotonic(), document
        return document

    def _may_call(self, address: str) -> bool:
        """Whether an address is one, and as safe as the issuer's."""
        return not check_url(address) and (
            urlsplit(address).scheme == "https" or self.client.issuer.startswith("http://")
        )

    def _fetched(self, address: str, headers: Mapping[str, str] = _HEADERS) -> dict[str, Any]:
        try:
            content = get(address, LIMITS, self.client.private_hosts, headers)
        except OutboundError as error:
            raise ProviderUnavailable(str(error)) from None
        return _object(content)

    def _token(self, code: str, verifier: str) -> Mapping[str, Any]:
        """The answer of the token endpoint."""
        from authlib.common.errors import AuthlibBaseError
        from authlib.oauth2.client import OAuth2Client

        metadata = self._metadata()
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"
        client = OAuth2Client(
            _Session(self.client),
            client_id=self.client.client_id,
            client_secret=self.client.client_secret,
            token_endpoint_auth_method=method,
            redirect_uri=self.client.redirect_uri,
        )
        try:
            found: Mapping[str, Any] = client.fetch_token(
                metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
            )
        except AuthlibBaseError as error:
            raise SignOnRefused(f"the code was not taken: {error.error}"[:200]) from None
        except (ValueError, TypeError):  # such as one that expires in a word
            raise SignOnRefused("its answer to the code cannot be read") from None
        return found

    def _userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """What more it says of the person whom the ID token names, and of nobody else."""
        address = self._metadata().get("userinfo_endpoint")
        if not isinstance(address, str) or not self._may_call(address):
            return {}
        headers = {**_HEADERS, "Authorization": f"Bearer {access_token}"}
        found = self._fetched(address, headers)
        if found.get("sub") != subject:
            raise SignOnRefused("its userinfo is about somebody else")
        return {name: value for name, value in found.items() if name not in _ONLY_SIGNED}

    def _checked(
        self, id_token: str, nonce: str, access_token: str, now: datetime
    ) -> dict[str, Any]:
        """The claims of an ID token: signed by this provider, for this portal, for this login."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        try:
            token = self._signed(id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.client.issuer},
                    "aud": {"essential": True, "value": self.client.client_id},
                },
                {"nonce": nonce, "client_id": self.client.client_id, "access_token": access_token},
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise SignOnRefused(f"its ID token: {type(error).__name__} {error}"[:200]) from None
        return dict(claims)

    def _signed(self, id_token: str) -> Token:
        """The token, if one of the provider's keys signed it."""
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidKeyIdError
        from joserfc.jws import JWSRegistry

        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        keys = self._key_set()
        try:
            return jwt.decode(id_token, keys, registry=registry)
        except (BadSignatureError, InvalidKeyIdError):
            newer = self._key_set(newer_than=keys)
            if newer is keys:
                raise
            return jwt.decode(id_token, newer, registry=registry)

    def _key_set(self, newer_than: KeySet | None = None) -> KeySet:
        """The provider's keys: those that are kept, or newer ones where that may be asked for."""
        with self._lock:
            kept = self._keys
            if kept is not None and kept[1] is not newer_than:
                if monotonic() - kept[0] < KEPT_SECONDS:
                    return kept[1]
            elif kept is not None:
                if (
                    len(self._refreshed) == REFRESHES
                    and monotonic() - self._refreshed[0] < REFRESH_SECONDS
                ):
                    return kept[1]
                self._refreshed.append(monotonic())
            keys = _signing_keys(self._fetched(self._metadata()["jwks_uri"]))
            self._keys = monotonic(), keys
            return keys


def _completed(signed: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The signed claims, and what userinfo says besides; that an address is verified counts for
    the same address only."""
    mail = signed.get("email")
    other = mail is not None and mail != more.get("email")
    return {
        **{name: value for name, value in more.items() if not (other and name == "email_verified")},
        **signed,
    }


def _signing_keys(document: Mapping[str, Any]) -> KeySet:
    """Those of its keys that can be used and are not for encrypting (RFC 7517, section 5: others do
    no harm)."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, KeySet

    given, keys = document.get("keys"), []
    for key in given if isinstance(given, list) else ():
        if isinstance(key, dict) and key.get("use") != "enc":
            with suppress(JoseError, ValueError, TypeError, KeyError):
                keys.append(JWKRegistry.import_key(key))
    if not keys:
        raise ProviderUnavailable("it publishes no key that can be used")
    return KeySet(keys)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderUnavailable("it answers no JSON object")
    return found


@dataclass(frozen=True)
class _Session:
    """What Authlib's client asks of a session of ``requests``: to post a form."""

    client: Client

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> Any:
        """See ``requests.post``. Raises ``ProviderUnavailable``."""
        body: str
        given = {**headers, **_HEADERS}  # a copy: the library's own dictionary is filled in
        url, given, body = auth.prepare("POST", url, given, urlencode(data))
        try:
            answer = ask(
                "POST", url, LIMITS, self.client.private_hosts, given, body.encode("ascii")
            )
        except OutboundError as error:
            raise ProviderUnavailable(str(error)) from None
        if answer.status >= 500 or answer.status == 429:
            raise ProviderUnavailable(f"its token endpoint answers {answer.status}")
        return _Answer(answer.status, _object(answer.content))


@dataclass(frozen=True)
class _Answer:
    """What it reads of an answer."""

    status_code: int
    content: dict[str, Any]

    def json(self) -> dict[str, Any]:
        """See ``requests.Response``."""
        return self.content
