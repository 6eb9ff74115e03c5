"""Who is let in: tokens, algorithms, times, permissions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from workflow_catalog_server.auth import Authenticator, JwtKey, Permission, UnauthenticatedError
from workflow_core.errors import ConfigurationError

CATALOG = "/api/workflow/registry/designer-catalog"
KEY = b"k" * 32
TENANT = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def encode(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def unsigned(header, claims, signature=b""):
    return ".".join([encode(json.dumps(header).encode()), encode(json.dumps(claims).encode()), encode(signature)])


CLAIMS = {"tenant": str(TENANT), "sub": str(TENANT), "permissions": ["workflow:read"], "exp": 4_000_000_000}


def signed_with_the_public_key():
    """The classic confusion: HS256 with the PEM of the public key as the secret."""
    token = unsigned({"alg": "HS256", "typ": "JWT"}, CLAIMS).rsplit(".", 1)[0]
    return f"{token}.{encode(hmac.digest(public_pem(RSA), token.encode(), hashlib.sha256))}"


REFUSED = {
    "none": (unsigned({"alg": "none"}, CLAIMS), "TOKEN_INVALID"),
    "None in capitals": (unsigned({"alg": "NONE"}, CLAIMS), "TOKEN_INVALID"),
    "another secret": (jwt.encode(CLAIMS, b"x" * 32, "HS256"), "TOKEN_INVALID"),
    "another algorithm": (jwt.encode(CLAIMS, KEY * 2, "HS512"), "TOKEN_INVALID"),
    "an RSA signature": (jwt.encode(CLAIMS, RSA, "RS256"), "TOKEN_INVALID"),
    "changed claims": (
        ".".join(
            [
                jwt.encode(CLAIMS, KEY, "HS256").split(".")[0],
                encode(json.dumps({**CLAIMS, "permissions": list(Permission)}).encode()),
                jwt.encode(CLAIMS, KEY, "HS256").split(".")[2],
            ]
        ),
        "TOKEN_INVALID",
    ),
    "no token at all": ("garbage", "TOKEN_INVALID"),
    "two dots": ("..", "TOKEN_INVALID"),
    "nested": (f"{encode(b'[' * 5000)}.e30.e30", "TOKEN_INVALID"),
    "bytes": ("ÿþ.ÿ.ÿ", "TOKEN_INVALID"),
    "too long": (jwt.encode({**CLAIMS, "x": "y" * 9000}, KEY, "HS256")[:8100], "TOKEN_INVALID"),
    "expired": (jwt.encode({**CLAIMS, "exp": 1}, KEY, "HS256"), "TOKEN_EXPIRED"),
    "not valid yet": (jwt.encode({**CLAIMS, "nbf": 3_900_000_000}, KEY, "HS256"), "TOKEN_INVALID"),
    "no expiry": (jwt.encode({k: v for k, v in CLAIMS.items() if k != "exp"}, KEY, "HS256"), "TOKEN_INVALID"),
    "expiry in words": (jwt.encode({**CLAIMS, "exp": "later"}, KEY, "HS256"), "TOKEN_INVALID"),
    "endless expiry": (jwt.encode({**CLAIMS, "exp": float("nan")}, KEY, "HS256"), "TOKEN_INVALID"),
    "no tenant": (jwt.encode({k: v for k, v in CLAIMS.items() if k != "tenant"}, KEY, "HS256"), "TOKEN_INVALID"),
    "no tenant's id": (jwt.encode({**CLAIMS, "tenant": "acme"}, KEY, "HS256"), "TOKEN_INVALID"),
    "tenant of another type": (jwt.encode({**CLAIMS, "tenant": 7}, KEY, "HS256"), "TOKEN_INVALID"),
    "no user": (jwt.encode({k: v for k, v in CLAIMS.items() if k != "sub"}, KEY, "HS256"), "TOKEN_INVALID"),
    "permissions in one string": (
        jwt.encode({**CLAIMS, "permissions": "workflow:read"}, KEY, "HS256"),
        "TOKEN_INVALID",
    ),
}


@pytest.mark.parametrize(("token", "code"), REFUSED.values(), ids=REFUSED)
async def test_token_is_refused(server, assert_problem, token, code):
    """Every wrong token gets 401 with a stable code and a challenge."""
    response = await server.a.with_token(token)("GET", CATALOG)
    await assert_problem(response, 401, code)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="workflow", error="invalid_token"'


@pytest.mark.parametrize("header", [None, "", "Basic dXNlcjpwYXNz", "Bearer", "bearer"])
async def test_request_without_a_token(server, assert_problem, header):
    """Without a token the challenge says only what is needed."""
    headers = {} if header is None else {"Authorization": header}
    response = await server.a.with_token(None)("GET", CATALOG, headers=headers)
    await assert_problem(response, 401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="workflow"'


async def test_permission_is_named(server, assert_problem, make_token):
    """What is missing is said."""
    caller = server.a.with_token(make_token(TENANT, "workflow:run"))
    document = await assert_problem(await caller("GET", CATALOG), 403, "PERMISSION_DENIED")
    assert "workflow:read" in document["detail"]


@pytest.mark.parametrize(
    ("private", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")], ids=["RSA", "EC", "Ed25519"]
)
def test_key_type_decides_the_algorithm(private, algorithm):
    """A public key allows exactly its own algorithm."""
    authenticator = Authenticator(JwtKey.parse(public_pem(private)))
    assert authenticator.authenticate(f"Bearer {jwt.encode(CLAIMS, private, algorithm)}").tenant == TENANT
    for token in (jwt.encode(CLAIMS, KEY, "HS256"), unsigned({"alg": "none"}, CLAIMS)):
        with pytest.raises(UnauthenticatedError) as refused:
            authenticator.authenticate(f"Bearer {token}")
        assert refused.value.code == "TOKEN_INVALID"


def test_public_key_is_no_secret():
    """A token that is signed with the public key's text as an HMAC secret is refused."""
    with pytest.raises(UnauthenticatedError):
        Authenticator(JwtKey.parse(public_pem(RSA))).authenticate(f"Bearer {signed_with_the_public_key()}")


@pytest.mark.parametrize(
    "content",
    [
        b"short",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ED.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        public_pem(ec.generate_private_key(ec.SECP256K1())),
    ],
    ids=["short secret", "broken PEM", "private key", "small RSA", "another curve"],
)
def test_unfit_key_is_refused(content):
    """The message says what is needed, without the key."""
    with pytest.raises(ConfigurationError) as refused:
        JwtKey.parse(content)
    assert content.decode() not in refused.value.message


def test_remembered_token_expires():
    """A token that was verified once is held against the clock at every use."""
    now = [1000.0]
    authenticator = Authenticator(JwtKey.parse(KEY), clock=lambda: now[0])
    header = f"Bearer {jwt.encode({**CLAIMS, 'exp': 1100, 'nbf': 900}, KEY, 'HS256')}"
    first = authenticator.authenticate(header)
    assert authenticator.authenticate(header) is first
    now[0] = 800.0
    with pytest.raises(UnauthenticatedError, match="not valid yet"):
        authenticator.authenticate(header)
    now[0] = 1100.0
    with pytest.raises(UnauthenticatedError) as refused:
        authenticator.authenticate(header)
    assert refused.value.code == "TOKEN_EXPIRED"


def test_remembered_tokens_are_bounded():
    """Many tokens do not fill the memory, and none is kept in clear."""
    authenticator = Authenticator(JwtKey.parse(KEY), cache_size=3)
    for number in range(10):
        authenticator.authenticate(f"Bearer {jwt.encode({**CLAIMS, 'jti': str(number)}, KEY, 'HS256')}")
    assert len(authenticator._cache) == 3
    assert {len(key) for key in authenticator._cache} == {32}


@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        ({"iss": "us", "aud": "workflow"}, True),
        ({"iss": "us", "aud": ["x", "workflow"]}, True),
        ({"iss": "them", "aud": "workflow"}, False),
        ({"iss": "us", "aud": "others"}, False),
        ({"aud": "workflow"}, False),
        ({"iss": "us"}, False),
    ],
)
def test_issuer_and_audience(claims, accepted):
    """Where they are configured, tokens have to name them."""
    authenticator = Authenticator(JwtKey.parse(KEY), issuer="us", audience="workflow")
    header = f"Bearer {jwt.encode({**CLAIMS, **claims}, KEY, 'HS256')}"
    if accepted:
        assert authenticator.authenticate(header).tenant == TENANT
    else:
        with pytest.raises(UnauthenticatedError):
            authenticator.authenticate(header)


def test_token_of_a_moment_ago_is_accepted():
    """Clocks differ: a token that was issued a second in our future works."""
    header = f"Bearer {jwt.encode({**CLAIMS, 'iat': time.time() + 1}, KEY, 'HS256')}"
    assert Authenticator(JwtKey.parse(KEY)).authenticate(header).tenant == TENANT
