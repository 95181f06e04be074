"""Says one line in the chat of a branch, as the script on its page does: a WebSocket over TLS (RFC 6455).

Usage: chat.py https://HOST:PORT/chat/NAME/try TEXT
Ends well once the box has said that the line is on its disk.
"""

import base64
import json
import os
import socket
import ssl
import struct
import sys
from urllib.parse import urlsplit

PATIENCE_S = 60


class Page:
    def __init__(self, url):
        at = urlsplit(url)
        # The demo's certificate is its own.
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((at.hostname, at.port), PATIENCE_S)
        self.line = trust.wrap_socket(plain, server_hostname=at.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        self.line.sendall(
            (
                f"GET {at.path.removesuffix('/try')} HTTP/1.1\r\nHost: {at.netloc}\r\n"
                f"Origin: https://{at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: branchline.chat.1\r\n\r\n"
            ).encode()
        )
        self.came = b""
        while b"\r\n\r\n" not in self.came:
            self.more()
        head, self.came = self.came.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head

    def more(self):
        octets = self.line.recv(65536)
        assert octets, "the box has closed"
        self.came += octets

    def take(self, count):
        while len(self.came) < count:
            self.more()
        taken, self.came = self.came[:count], self.came[count:]
        return taken

    def say(self, what):
        octets, mask = json.dumps(what).encode(), os.urandom(4)
        assert len(octets) < 126
        masked = bytes(octet ^ mask[at % 4] for at, octet in enumerate(octets))
        self.line.sendall(bytes([0x81, 0x80 | len(octets)]) + mask + masked)

    def hear(self):
        """The next text frame; what keeps the connection alive is not answered in so short a time."""
        while True:
            first, length = self.take(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.take(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self.take(8))
            octets = self.take(length)
            if first & 0x0F == 1:
                return json.loads(octets)


page = Page(sys.argv[1])
page.say({"type": "hello"})
while (heard := page.hear())["type"] != "ack":
    assert heard["type"] not in ("nack", "refused"), heard
    if heard["type"] == "welcome":
        page.say({"type": "say", "client": "one", "text": sys.argv[2]})
print(heard)
