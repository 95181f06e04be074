"""Whether Twilio's own library takes a request as Twilio's: token, address, signature and body as arguments."""

import sys
import urllib.parse

from twilio.request_validator import RequestValidator

token, url, signature, body = sys.argv[1:5]
fields = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
print(RequestValidator(token).validate(url, fields, signature))
