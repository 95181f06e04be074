"""A CRM as a stranger would put one behind the contract in firmware-config/crm.md: a table in SQLite, HTTPS, and
signatures checked with the standard's own library. What it does is told on the input, what it was asked and told is on the output."""

import json
import sqlite3
import sys
import threading
import time

import over_tls
from standardwebhooks import Webhook, WebhookVerificationError

port, certificate, key, secret = sys.argv[1:5]
mode = "ok"
printing = threading.Lock()
book = sqlite3.connect(":memory:", check_same_thread=False)
book.execute("create table customers (id text primary key, name text, plan text)")
book.execute("create table known_by (identity text primary key, id text)")
book.execute("insert into customers values ('C-1001', 'Ann Lee', 'gold'), ('C-2002', 'Bea Ortiz', 'silver')")
book.execute("""insert into known_by values ('phone:+14085551200', 'C-1001'), ('email:ann@example.com', 'C-1001'),
    ('account:C2002', 'C-2002')""")


class Crm(over_tls.Handler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            asked = Webhook(secret).verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            return self.answer(401, b"{}")
        with printing:
            print(json.dumps({"path": self.path, "body": asked}), flush=True)
        if self.path.endswith("/events"):
            return self.answer(204, b"")
        getattr(self, mode)(asked)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def ok(self, asked):
        query = "select id, name, plan from customers join known_by using (id) where identity = ?"
        rows = [book.execute(query, (known,)).fetchone() for known in [asked["identity"], *asked["also"]]]
        row = next((row for row in rows if row), None)
        if row is None:
            return self.answer(200, b'{"found":false}')
        fields = {"name": row[1], "plan": row[2]}
        link = f"https://crm.example.com/c/{row[0]}"
        self.answer(200, json.dumps({"found": True, "id": row[0], "link": link, "fields": fields}).encode())

    def old(self, _):
        """As old servers do: no length, and the end is where the connection ends."""
        self.cut(_)
        try:
            self.connection.unwrap()
        except OSError:
            pass

    def cut(self, _):
        """The same, and TLS does not say that it is the end: somebody on the way may have cut it off."""
        self.close_connection = True
        self.wfile.write(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n')
        self.wfile.write(b'{"found":true,"fields":{"name":"Ann Lee"}}')

    def slow(self, _):
        time.sleep(3)
        self.answer(200, b'{"found":true,"fields":{"name":"Too Late"}}')

    def large(self, _):
        self.answer(200, json.dumps({"found": True, "fields": {"name": "x" * (1 << 20)}}).encode())

    def deep(self, _):
        self.answer(200, b'{"found":true,"fields":{"name":' + b"[" * 5000 + b"]" * 5000 + b"}}")

    def wrong(self, _):
        self.answer(200, b'{"found":"perhaps","fields":7}')

    def garbage(self, _):
        self.answer(200, bytes(range(256)))

    def refuses(self, _):
        self.answer(500, b'{"found":true,"fields":{"name":"Not This"}}')

    def moved(self, _):
        self.send_response(302)
        self.send_header("Location", f"https://127.0.0.1:{port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()


over_tls.serve(port, certificate, key, Crm)
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    mode = line.strip()
