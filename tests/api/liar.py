"""A provider that signs whatever the code asks for: WHAT.NONCE.CHALLENGE. Signatures are joserfc's; PKCE is checked here."""

import base64
import hashlib
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

port = int(sys.argv[1])
issuer = f"http://127.0.0.1:{port}"
keys = {
    "RS256": RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"}),
    "PS384": RSAKey.generate_key(2048, {"kid": "pss", "use": "sig", "alg": "PS384"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "point", "use": "sig"}),
    "ES384": ECKey.generate_key("P-384", {"kid": "larger", "use": "sig"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "edwards", "use": "sig"}),
}
stranger = RSAKey.generate_key(2048, {"kid": "one"})
newer = RSAKey.generate_key(2048, {"kid": "newer", "use": "sig"})
state = {"looks": 0}


def published():
    """The keys; the newer one from the second look on."""
    all_keys = list(keys.values()) + ([newer] if state["looks"] > 1 else [])
    listed = [key.as_dict(private=False) for key in all_keys]
    # Keys that nobody here understands, and one for other things.
    listed.append({"kty": "XYZ", "kid": "odd"})
    listed.append({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"})
    return {"keys": listed}


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def token(what, nonce):
    now = int(time.time())
    claims = {
        "iss": issuer, "sub": "u1", "aud": "branch", "exp": now + 300, "iat": now, "nonce": nonce,
        "preferred_username": "Ann", "groups": ["bl-leads"],
    }
    changes = {
        "audience": {"aud": "other"},
        "audiences": {"aud": ["branch", "other"]},
        "expired": {"exp": now - 120},
        "early": {"nbf": now + 120},
        "skewed": {"exp": now - 30, "nbf": now + 30},
        "issuer": {"iss": "http://127.0.0.1:1"},
        "nonce": {"nonce": "another"},
        "norole": {"groups": ["bl-leads2"]},
        "taken": {"sub": "u2", "preferred_username": "admin"},
        "hostile": {"sub": "u3", "preferred_username": "../<b>"},
        "agent": {"sub": "u4", "preferred_username": "bob", "desk": "nobody"},
        "desk1": {"sid": "desk1"},
        "desk2": {"sid": "desk2"},
    }
    claims.update(changes.get(what, {}))
    if what == "nosub":
        del claims["sub"]
    if what == "none":
        return f"{encoded({'alg': 'none'})}.{encoded(claims)}."
    if what == "unsigned":
        return f"{encoded({'alg': 'RS256', 'kid': 'one'})}.{encoded(claims)}."
    if what == "shared":
        # The public key, which everybody has, as a shared secret.
        message = f"{encoded({'alg': 'HS256', 'kid': 'one'})}.{encoded(claims)}"
        secret = keys["RS256"].as_pem(private=False)
        proof = base64.urlsafe_b64encode(hmac.digest(secret, message.encode(), "sha256"))
        return f"{message}.{proof.rstrip(b'=').decode()}"
    if what == "secret":
        return jwt.encode({"alg": "HS256", "kid": "shared"}, claims, OctKey.import_key("secret"), algorithms=["HS256"])
    if what == "forged":
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger)
    if what == "enclosed":
        header = {"alg": "RS256", "kid": "one", "jwk": stranger.as_dict(private=False)}
        return jwt.encode(header, claims, stranger)
    if what == "newer":
        return jwt.encode({"alg": "RS256", "kid": "newer"}, claims, newer)
    if what == "confused":
        pss = RSAKey.import_key(keys["PS384"].as_pem(private=True))
        return jwt.encode({"alg": "RS256", "kid": "pss"}, claims, pss)
    if what == "changed":
        good = jwt.encode({"alg": "RS256", "kid": "one"}, claims, keys["RS256"]).split(".")
        claims["groups"] = ["bl-admins"]
        return f"{good[0]}.{encoded(claims)}.{good[2]}"
    if what == "nonsense":
        return "a.b.c"
    algorithm = what if what in keys else "RS256"
    key = keys[algorithm]
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


def logout(what, name):
    """A logout token; the same name twice is the same token's."""
    now = int(time.time())
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    claims = {"iss": issuer, "aud": "branch", "iat": now, "exp": now + 120, "jti": name, "sub": "u1", "events": event}
    changes = {
        "one": {"sid": "desk1"},
        "nobody": {"sub": "u9"},
        "nonce": {"nonce": "n"},
        "noevent": {"events": {}},
        "audience": {"aud": "other"},
        "issuer": {"iss": "http://127.0.0.1:1"},
        "expired": {"exp": now - 120},
        "old": {"iat": now - 3600},
    }
    claims.update(changes.get(what, {}))
    for gone in {"noname": ["sub"], "nojti": ["jti"], "noend": ["exp"]}.get(what, []):
        del claims[gone]
    if what == "none":
        return f"{encoded({'alg': 'none'})}.{encoded(claims)}."
    key = stranger if what == "forged" else keys["RS256"]
    return jwt.encode({"alg": "RS256", "kid": "one", "typ": "logout+jwt"}, claims, key)


class Provider(BaseHTTPRequestHandler):
    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path == "/.well-known/openid-configuration":
            state["looks"] += 1
            self.answer(200, {
                "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token", "jwks_uri": f"{issuer}/keys",
                "end_session_endpoint": f"{issuer}/leave",
            })
        elif self.path.startswith("/logout/"):
            self.answer(200, {"token": logout(*self.path.split("/")[2:])})
        elif self.path == "/keys":
            self.answer(200, published())
        else:
            self.answer(404, {})

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        what, nonce, challenge = form["code"][0].split(".")
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        basic = base64.b64encode(b"branch:a%20secret").decode()
        proved = self.headers.get("Authorization") == f"Basic {basic}"
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge or not proved:
            self.answer(400, {"error": "invalid_grant"})
        elif what == "huge":
            self.answer(200, {"id_token": "x" * 1_000_000})
        elif what == "refused":
            self.answer(400, {"error": "invalid_grant"})
        else:
            self.answer(200, {"access_token": "x", "token_type": "Bearer", "id_token": token(what, nonce)})

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Provider).serve_forever()
