"""A webhook receiver as a stranger would write it: HTTPS, and signatures checked with the standard's own library.

Each message that came is one line of JSON on the output. What it does with messages is told on the input, by name."""

import json
import socket
import struct
import sys
import threading
import time

import over_tls
from standardwebhooks import Webhook, WebhookVerificationError

port, certificate, key, secret, first = sys.argv[1:6]
mode = first
tried = set()
printing = threading.Lock()


def is_good(body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


class Receiver(over_tls.Handler):
    def do_POST(self):
        doing = mode
        if doing == "never":
            time.sleep(4)
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers.items())
        message = headers["webhook-id"]
        # The same with one more character, under another name, and from ten minutes ago must not pass.
        forged = [
            is_good(body + b" ", headers),
            is_good(body, {**headers, "webhook-id": message + "0"}),
            is_good(body, {**headers, "webhook-timestamp": str(int(time.time()) - 600)}),
        ]
        again = message in tried
        tried.add(message)
        with printing:
            print(json.dumps({
                "id": message,
                "path": self.path,
                "good": is_good(body, headers),
                "forged": any(forged),
                "again": again,
                "signatures": len(headers["webhook-signature"].split(" ")),
                "body": json.loads(body),
            }), flush=True)
        getattr(self, doing)(again)

    def answer(self, status, **more):
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def ok(self, _):
        self.answer(204)

    def slow(self, _):
        time.sleep(0.1)
        self.answer(200)

    def forgets(self, again):
        """Takes every third message and hangs up without a word, once."""
        if len(tried) % 3 == 0 and not again:
            self.close_connection = True
        else:
            self.answer(200)

    def busy(self, again):
        self.answer(204) if again else self.answer(429, Retry_After="1")

    def gone(self, _):
        self.answer(410)

    def elsewhere(self, _):
        self.answer(307, Location=f"https://127.0.0.1:{port}/elsewhere")

    def resets(self, _):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def trickles(self, _):
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X-More: and more\r\n")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def floods(self, _):
        """A header without an end, as fast as it goes."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.close_connection = True


over_tls.serve(port, certificate, key, Receiver)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    mode = line.strip()
    print(json.dumps({"mode": mode}), flush=True)
