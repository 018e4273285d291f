"""requests against a server in a thread of the same program."""

import http.server
import threading

import requests


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode() * 3
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with requests.Session() as session:
    for path in ("/one", "/two?x=1", "/missing"):
        answer = session.get(f"http://127.0.0.1:{server.server_port}{path}")
        print(answer.status_code, answer.text)
server.shutdown()
server.server_close()
