"""Requests as providers send them, signed and judged by the providers' own libraries.

Prints one line of JSON for each request: for each provider the one that is good, then that one with each single bit of its
body, its address and its signed headers turned over, and one that is too old. `sdk` is what the provider's library says of
it; nothing where it has no opinion."""

import base64
import datetime
import hashlib
import hmac
import json
import sys
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from linebot.v3.webhook import SignatureValidator
from plivo.utils import signature_v3 as plivo_v3
from pywa.utils import webhook_updates_validator
from sinch.domains.conversation.sinch_events.v1.conversation_sinch_event import ConversationSinchEvent
from standardwebhooks.webhooks import Webhook
from telnyx.lib.webhook_verification import verify_webhook_signature
from twilio.request_validator import RequestValidator, get_signature_algorithm
from viberbot import Api, BotConfiguration
from vonage_jwt import verify_signature

NOW = int(time.time())
URL = "https://box.example/channels/text?a=1&b=2"
OLD = NOW - 3600


class Fields(dict):
    """A form as web frameworks hand it to the libraries: every value of a name."""

    def __init__(self, body):
        text = body.decode("utf-8", "replace")
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, errors="replace")
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]


def hmac_of(kind, key, data):
    return hmac.new(key, data, kind)


def json_body(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# Each provider: a good request, what its library says of any, which headers are signed, whether the address is, and an old one.


def twilio_form():
    body = b"MessageSid=SM1&From=%2B15551234567&To=%2B15550100&Body=caf%C3%A9+%F0%9F%98%80&Twice=b&Twice=a&Twice=b&Empty="

    def sign(url, body):
        return RequestValidator("token").compute_signature(url, Fields(body))

    def judge(request):
        headers = request["headers"]
        settings = headers.get("X-Twilio-Webhooks-Signature-Settings")
        algorithm = get_signature_algorithm(settings) if settings else None
        signature = headers["X-Twilio-Signature"]
        return RequestValidator("token").validate(request["url"], Fields(request["body"]), signature, algorithm)

    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(URL, body)}
    return dict(url=URL, headers=headers, body=body), judge, ["X-Twilio-Signature"], True, None


def twilio_port():
    good, judge, signed, address, old = twilio_form()
    # Signed with a port that the address we see does not show.
    with_port = URL.replace("box.example", "box.example:443")
    signature = RequestValidator("token").compute_signature(with_port, Fields(good["body"]))
    good["headers"]["X-Twilio-Signature"] = signature
    return good, judge, signed, address, old


def twilio_json():
    body = json_body({"MessageSid": "SM2", "From": "+15551234567", "Body": "hi é"})
    url = URL + "&bodySHA256=" + hashlib.sha256(body).hexdigest()
    signature = RequestValidator("token").compute_signature(url, {})

    def judge(request):
        try:
            text = request["body"].decode("utf-8")
        except UnicodeDecodeError:
            return False
        signature = request["headers"]["X-Twilio-Signature"]
        return RequestValidator("token").validate(request["url"], text, signature)

    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature}
    return dict(url=url, headers=headers, body=body), judge, ["X-Twilio-Signature"], True, None


def twilio_shared():
    body = b"MessageSid=SM3&From=%2B15551234567&Body=hi"
    validator = RequestValidator("shared")
    settings = "key=shared_1,algorithm=HMAC_SHA256"

    def judge(request):
        headers = request["headers"]
        algorithm = get_signature_algorithm(headers["X-Twilio-Webhooks-Signature-Settings"])
        return validator.validate(request["url"], Fields(request["body"]), headers["X-Twilio-Signature"], algorithm)

    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": validator.compute_signature(URL, Fields(body), "HMAC_SHA256"),
        "X-Twilio-Webhooks-Signature-Settings": settings,
    }
    signed = ["X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings"]
    return dict(url=URL, headers=headers, body=body), judge, signed, True, None


def whatsapp():
    message = {"id": "wamid.1", "from": "15551234567", "timestamp": str(NOW), "type": "text", "text": {"body": "hé"}}
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1"}, "messages": [message]}
    change = {"field": "messages", "value": value}
    body = json_body({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})

    def judge(request):
        # The library's own server hands the header over as it came.
        shown = request["headers"]["X-Hub-Signature-256"]
        shown.encode("ascii")
        return webhook_updates_validator("app", request["body"], shown)

    headers = {"X-Hub-Signature-256": "sha256=" + hmac_of("sha256", b"app", body).hexdigest()}
    return dict(url=URL, headers=headers, body=body), judge, ["X-Hub-Signature-256"], False, None


def vonage():
    body = json_body({"channel": "sms", "message_uuid": "u-1", "from": "15551234567", "to": "15550100",
                      "timestamp": "2026-11-22T03:00:00Z", "message_type": "text", "text": "hé"})

    def token(at):
        claims = {"iat": at, "jti": "j-1", "iss": "Vonage", "api_key": "key", "payload_hash": hashlib.sha256(body).hexdigest()}
        return "Bearer " + jwt.encode(claims, "s" * 32, algorithm="HS256")

    def judge(request):
        shown = request["headers"]["Authorization"]
        return shown.startswith("Bearer ") and verify_signature(shown[7:], "s" * 32)

    good = dict(url=URL, headers={"Authorization": token(NOW)}, body=body)
    return good, judge, ["Authorization"], False, dict(good, headers={"Authorization": token(OLD)})


def telnyx():
    key = Ed25519PrivateKey.from_private_bytes(b"7" * 32)
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    public = base64.b64encode(public).decode()
    payload = {"id": "p-1", "type": "SMS", "text": "hé", "from": {"phone_number": "+15551234567"}, "to": [{"phone_number": "+15550100"}]}
    body = json_body({"data": {"event_type": "message.received", "id": "e-1", "payload": payload}})

    def headers(at):
        signature = key.sign(str(at).encode() + b"|" + body)
        return {"telnyx-signature-ed25519": base64.b64encode(signature).decode(), "telnyx-timestamp": str(at)}

    def judge(request):
        verify_webhook_signature(request["body"], request["headers"], public)
        return True

    good = dict(url=URL, headers=headers(NOW), body=body, key=public)
    return good, judge, list(good["headers"]), False, dict(good, headers=headers(OLD))


def plivo():
    body = b"MessageUUID=m-1&From=15551234567&To=15550100&Text=caf%C3%A9&Type=sms&Twice=b&Twice=a"

    def fields(body):
        return {name: values if len(values) > 1 else values[0] for name, values in Fields(body).items()}

    base = plivo_v3.construct_post_url(URL, fields(body)).decode()
    signature = plivo_v3.get_signature_v3("token", base, "n-1").decode()

    def judge(request):
        headers = request["headers"]
        return plivo_v3.validate_v3_signature("POST", request["url"], headers["X-Plivo-Signature-V3-Nonce"], "token",
                                              headers["X-Plivo-Signature-V3"], fields(request["body"]))

    headers = {"X-Plivo-Signature-V3": "b3RoZXI=," + signature, "X-Plivo-Signature-V3-Nonce": "n-1"}
    good = dict(url=URL, headers=headers, body=body, skip={"X-Plivo-Signature-V3": len("b3RoZXI=,")})
    return good, judge, list(headers), True, None


def sinch():
    message = {"id": "c-1", "direction": "TO_APP", "contact_message": {"text_message": {"text": "hé"}},
               "channel_identity": {"channel": "SMS", "identity": "15551234567", "app_id": "a"}}
    body = json_body({"app_id": "a", "event_time": "2026-11-22T03:00:00Z", "message": message})

    def headers(at):
        signed = body + f".n-1.{at}".encode()
        return {
            "x-sinch-webhook-signature": base64.b64encode(hmac_of("sha256", b"secret", signed).digest()).decode(),
            "x-sinch-webhook-signature-nonce": "n-1",
            "x-sinch-webhook-signature-timestamp": str(at),
            "x-sinch-webhook-signature-algorithm": "HmacSHA256",
        }

    def judge(request):
        return ConversationSinchEvent("secret").validate_authentication_header(request["headers"], request["body"])

    good = dict(url=URL, headers=headers(NOW), body=body)
    return good, judge, list(good["headers"])[:3], False, dict(good, headers=headers(OLD))


def line():
    event = {"type": "message", "webhookEventId": "w-1", "timestamp": NOW * 1000, "source": {"type": "user", "userId": "U1"},
             "message": {"id": "1", "type": "text", "text": "hé"}}
    body = json_body({"destination": "x", "events": [event]})

    def judge(request):
        return SignatureValidator("secret").validate(request["body"].decode("utf-8"), request["headers"]["x-line-signature"])

    headers = {"x-line-signature": base64.b64encode(hmac_of("sha256", b"secret", body).digest()).decode()}
    return dict(url=URL, headers=headers, body=body), judge, list(headers), False, None


def viber():
    bot = Api(BotConfiguration(auth_token="token", name="box", avatar=""))
    body = json_body({"event": "message", "timestamp": NOW * 1000, "message_token": 1, "sender": {"id": "u=", "name": "Kim"},
                      "message": {"type": "text", "text": "hé"}})

    def judge(request):
        return bot.verify_signature(request["body"], request["headers"]["X-Viber-Content-Signature"])

    headers = {"X-Viber-Content-Signature": bot._calculate_message_signature(body)}
    return dict(url=URL, headers=headers, body=body), judge, list(headers), False, None


def hook():
    webhook = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    event = {"type": "message", "id": "m-1", "from": {"id": "U1"}, "content": [{"type": "text", "text": "hé"}]}
    body = json_body({"events": [event]})

    def headers(at):
        moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
        signature = webhook.sign("msg_1", moment, body.decode())
        return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}

    def judge(request):
        webhook.verify(request["body"].decode("utf-8"), request["headers"])
        return True

    good = dict(url=URL, headers=headers(NOW), body=body)
    return good, judge, list(good["headers"]), False, dict(good, headers=headers(OLD))


def judged(judge, request):
    # Libraries say no by an answer or by an exception, and some fall over what is no text.
    try:
        return bool(judge(request))
    except Exception:
        return False


def turned(data):
    for at in range(len(data)):
        for bit in range(8):
            yield bytes(data[:at]) + bytes([data[at] ^ (1 << bit)]) + bytes(data[at + 1:])


def variants(good, signed, address, old):
    yield "good", good
    for body in turned(good["body"]):
        yield "body", dict(good, body=body)
    for name in signed:
        value, skip = good["headers"][name], good.get("skip", {}).get(name, 0)
        for other in turned(value[skip:].encode()):
            headers = dict(good["headers"], **{name: value[:skip] + other.decode("latin-1")})
            yield "header " + name, dict(good, headers=headers)
        yield "without " + name, dict(good, headers={n: v for n, v in good["headers"].items() if n != name})
    if address:
        for url in turned(good["url"].encode()):
            yield "url", dict(good, url=url.decode("latin-1"))
    if old:
        yield "old", old


def main():
    every = [twilio_form, twilio_port, twilio_json, twilio_shared, whatsapp, vonage, telnyx, plivo, sinch, line, viber, hook]
    for provider in every:
        good, judge, signed, address, old = provider()
        for what, request in variants(good, signed, address, old):
            print(json.dumps({
                "provider": provider.__name__,
                "what": what,
                "now": NOW,
                "url": request["url"],
                "headers": list(request["headers"].items()),
                "body": base64.b64encode(request["body"]).decode(),
                "key": request.get("key"),
                "sdk": judged(judge, request),
            }))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
