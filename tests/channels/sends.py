"""Sends by Twilio's own library through a door of ours: its address and a token as arguments. Prints what the library
understood, as JSON."""

import json
import sys

from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

base, account, token = sys.argv[1:4]
client = Client(account, token)
client.api.base_url = base
said = {}

made = client.messages.create(to="+15551234567", from_="+15550100", body="café 😀", status_callback="https://app.example/told")
said["made"] = {"sid": made.sid, "status": made.status, "body": made.body, "to": made.to, "segments": made.num_segments,
                "created": made.date_created.isoformat(), "direction": made.direction}
said["fetched"] = client.messages(made.sid).fetch().status
said["media"] = client.messages.create(to="+15551234567", from_="+15550100", media_url=["https://a/1", "https://a/2"]).num_media

said["errors"] = []
for wrong in [dict(from_="+15550100", body="x", to=""), dict(to="+15551234567", from_="+15550100", body=""),
              dict(to="+15551234567", from_="+15550100", body="x" * 1601), dict(to="+15559999999", from_="+15550100", body="x")]:
    try:
        client.messages.create(**wrong)
        said["errors"].append(None)
    except TwilioRestException as error:
        said["errors"].append([error.status, error.code])

stranger = Client(account, token + "x")
stranger.api.base_url = base
try:
    stranger.messages.create(to="+15551234567", from_="+15550100", body="x")
    said["stranger"] = None
except TwilioRestException as error:
    said["stranger"] = [error.status, error.code]

print(json.dumps(said))
