"""Orders by Twilio's own library at a box: its address, a token, its certificate, the channel and where statuses go as
arguments. Prints what the library understood, as JSON."""

import json
import os
import sys
import time

base, token, certificate, told = sys.argv[1:5]
os.environ["REQUESTS_CA_BUNDLE"] = certificate

from twilio.base.exceptions import TwilioRestException  # noqa: E402
from twilio.rest import Client  # noqa: E402

account = "AC00000000000000000000000000000001"
client = Client(account, token)
client.api.base_url = base
said = {}

made = client.messages.create(to="+15551234567", from_="+15550100/code", body="café 😀", status_callback=told)
said["made"] = {"sid": made.sid, "status": made.status, "body": made.body, "to": made.to}
by_name = client.messages.create(to="+15551234568", from_="text/code", body="by the channel's name")
said["by_name"] = by_name.status


def fetched(sid, wanted):
    for _ in range(200):
        status = client.messages(sid).fetch().status
        if status == wanted:
            break
        time.sleep(0.1)
    return status


said["sent"] = [fetched(made.sid, "sent"), fetched(by_name.sid, "sent")]
said["errors"] = []
other = Client(account, token + "x")
other.api.base_url = base
for who, wrong in [
    (client, dict(from_="+15550100", body="x", to="nobody")),
    (client, dict(to="+15551234567", from_="+15559999999", body="x")),
    (client, dict(to="+15551234567", from_="+15550100", body="x" * 1601)),
    (client, dict(to="+15551234567", from_="+15550100", media_url=["https://a/1"])),
    (other, dict(to="+15551234567", from_="+15550100", body="x")),
]:
    try:
        who.messages.create(**wrong)
        said["errors"].append(None)
    except TwilioRestException as error:
        said["errors"].append([error.status, error.code])

# The same under one key is one message; another under it is none.
once = [
    client.request("POST", base + f"/2010-04-01/Accounts/{account}/Messages.json", headers={"Idempotency-Key": "k-1"},
                   data={"To": "+15551234569", "From": "text/code", "Body": body})
    for body in ["once", "once", "twice"]
]
said["once"] = [[answer.status_code, json.loads(answer.text).get("sid")] for answer in once]
said["twice"] = json.loads(once[2].text)["code"]
print(json.dumps(said))
