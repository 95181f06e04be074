"""An HTTPS server for the programs beside this one: each connection on a thread of its own, nothing on the error output."""

import http.server
import ssl
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


def serve(port, certificate, key, handler):
    """Listens; requests are answered on threads until the program ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Server(http.server.ThreadingHTTPServer):
        def finish_request(self, request, address):
            try:
                tls = context.wrap_socket(request, server_side=True)
            except OSError:
                return
            super().finish_request(tls, address)

        def handle_error(self, *_):
            pass

    server = Server(("127.0.0.1", int(port)), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
