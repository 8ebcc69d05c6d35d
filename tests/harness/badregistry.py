#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""badregistry.py - a registry that does what none should, for tests; and what it was told.

    badregistry.py DIR          runs until it is killed

Listens on loopback at ports of the kernel's choice and writes them into DIR/ports, one a
line: "plain PORT", "other PORT", "silent PORT", which never answers, and "tls PORT" (only with
DIR/server.pem and server.key). The name of
a repository says what is done to who asks for it; see the methods of Answer. Each request
is a line of JSON in DIR/requests: port, method, path, authorization, range.

The repositories files, filesbreak, fileshold and fileswrong have what lies in DIR/files, which
odd-image.py fills: TAG, a document whose type is its mediaType, and HEX, a blob.

Of all others the manifest is MANIFEST, a blob is bytes that its name determines: blob(N) prints one for tests:

    badregistry.py --blob N     N bytes to standard output
"""
import base64
import hashlib
import http.server
import json
import os
import random
import ssl
import sys
import threading
import time

OCI = "application/vnd.oci.image.manifest.v1+json"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI}).encode()
SIZE = 300000
LOGIN = "Basic " + base64.b64encode(b"me:secret").decode()


def blob(n=SIZE):
    return random.Random(n).randbytes(n)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    ports = {}
    counts = {}
    uploads = {}
    lock = threading.Lock()

    def handle_error(self, request, client_address):
        pass    # a client that goes away is what is tested

    def count(self, key):
        """How often this was called before with 'key'."""
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key] - 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_file = where = None

    def log_message(self, *args):
        pass

    def do_any(self):
        self.length = int(self.headers.get("Content-Length") or 0)
        self.chunked_body = "chunked" in (self.headers.get("Transfer-Encoding") or "")
        line = {"port": self.server.kind, "method": self.command, "path": self.path,
                "authorization": self.headers.get("Authorization"), "range": self.headers.get("Range"),
                "content_range": self.headers.get("Content-Range")}
        with Server.lock:
            self.log_file.write(json.dumps(line) + "\n")
            self.log_file.flush()
        if self.path.startswith("http://"):     # as a proxy is asked
            self.path = "/" + self.path.split("/", 3)[3]
        parts = self.path.split("?")[0].split("/")
        name = parts[2] if len(parts) > 3 and parts[1] == "v2" else ""
        if not name.startswith("up"):
            self.body = self.rfile.read(self.length)
        if self.server.kind == "silent":
            time.sleep(600)
        elif parts[1] == "token":
            self.token(parts[2])
        elif parts[1] == "bytes":
            self.send(200, blob())
        elif name:
            getattr(self, "repo_" + name.replace("-", "_"), self.repo_none)(parts)
        else:
            self.send(200, b"{}")

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_any

    # -- answers ---------------------------------------------------------------------------------

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def break_off(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def good(self, parts):
        """What an honest registry does."""
        if parts[3] == "manifests":
            self.send(200, MANIFEST, Content_Type=OCI,
                      Docker_Content_Digest="sha256:" + hashlib.sha256(MANIFEST).hexdigest())
            return
        self.ranged(blob())

    def ranged(self, data):
        want = self.headers.get("Range")
        if not want:
            self.send(200, data)
            return
        at = int(want[len("bytes="):-1])
        if at >= len(data):
            self.send(416)
            return
        self.send(206, data[at:], Content_Range=f"bytes {at}-{len(data) - 1}/{len(data)}")

    def challenge(self, text):
        self.send(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}', WWW_Authenticate=text)

    def own(self):
        scheme = "https" if self.server.kind == "tls" else "http"
        return f"{scheme}://127.0.0.1:{Server.ports[self.server.kind]}"

    def token(self, kind):
        """/token/KIND: what a token server says."""
        if kind == "user" and self.headers.get("Authorization") != LOGIN:
            self.send(401, b'{"details":"wrong password"}')
        elif kind == "identity" and b"refresh_token=id%2Ftoken" not in self.body:
            self.send(401, b"{}")
        elif kind == "html":
            self.send(200, b"<html>", Content_Type="text/html")
        elif kind == "newline":
            self.send(200, json.dumps({"token": "a\r\nX-Evil: 1"}).encode())
        elif kind == "elsewhere":
            self.send(307, Location=f"http://localhost:{Server.ports['other']}/token/any")
        else:
            self.send(200, json.dumps({"token": f"t-{kind}-{Server.count(self.server, 'token')}"}).encode())

    # -- repositories ----------------------------------------------------------------------------

    def repo_none(self, parts):
        self.send(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no\\u001b[31m such"}]}')

    repo_good = good

    def repo_basic(self, parts):
        if self.headers.get("Authorization") != LOGIN:
            self.challenge('Negotiate, Basic realm="x"')
        else:
            self.good(parts)

    def bearer(self, parts, kind, realm=None, service="x"):
        if (self.headers.get("Authorization") or "").startswith("Bearer t-"):
            return True
        self.challenge(f'Bearer realm="{realm or self.own() + "/token/" + kind}",service="{service}",'
                       f'scope="repository:{parts[2]}:pull"')
        return False

    def repo_token(self, parts):
        if self.bearer(parts, "any"):
            self.good(parts)

    def repo_tokenuser(self, parts):
        if self.bearer(parts, "user"):
            self.good(parts)

    def repo_tokenid(self, parts):
        if self.bearer(parts, "identity"):
            self.good(parts)

    def repo_tokenhtml(self, parts):
        self.bearer(parts, "html")

    def repo_tokennewline(self, parts):
        if self.bearer(parts, "newline"):
            self.good(parts)

    def repo_tokenredirect(self, parts):
        if self.bearer(parts, "elsewhere"):
            self.good(parts)

    def repo_expires(self, parts):
        """Each token is good for two requests."""
        auth = self.headers.get("Authorization") or ""
        if auth.startswith("Bearer t-") and self.server.count(auth) < 2:
            self.good(parts)
        else:
            self.challenge(f'Bearer realm="{self.own()}/token/any",service="x"')

    def repo_never(self, parts):
        """No token is ever good."""
        self.challenge(f'Bearer realm="{self.own()}/token/any",service="x"')

    def repo_realmother(self, parts):
        """The token server lies with somebody else."""
        if self.bearer(parts, "any", f"http://localhost:{Server.ports['other']}/token/any"):
            self.good(parts)

    def repo_realmothertls(self, parts):
        if self.bearer(parts, "any", f"https://localhost:{Server.ports['tls']}/token/any"):
            self.good(parts)

    def repo_realmplain(self, parts):
        """Of a registry with TLS the token server has none."""
        if self.bearer(parts, "any", f"http://127.0.0.1:{Server.ports['plain']}/token/any"):
            self.good(parts)

    def repo_realmfile(self, parts):
        self.bearer(parts, "any", "file:///etc/passwd")

    def repo_realmuser(self, parts):
        self.bearer(parts, "any", f"http://a:b@127.0.0.1:{Server.ports['plain']}/token/any")

    def repo_badchallenge(self, parts):
        self.challenge('Bearer realm="' + "x" * 100)

    def repo_redirect(self, parts):
        """Blobs lie elsewhere, and who asks here must have said who he is."""
        if not self.bearer(parts, "any"):
            return
        if parts[3] == "manifests":
            self.good(parts)
            return
        self.send(307, Location=f"http://localhost:{Server.ports['other']}/bytes/x")

    def repo_redirectport(self, parts):
        if self.headers.get("Authorization") != LOGIN:
            self.challenge('Basic realm="x"')
        else:
            self.send(302, Location=f"http://127.0.0.1:{Server.ports['other']}/bytes/x")

    def repo_redirectsame(self, parts):
        self.send(307, Location="/v2/basic/" + "/".join(parts[3:]))

    def repo_redirect401(self, parts):
        """To somebody who asks for a password."""
        self.send(307, Location=f"http://localhost:{Server.ports['other']}/v2/basic/" + "/".join(parts[3:]))

    def repo_downgrade(self, parts):
        self.send(307, Location=f"http://127.0.0.1:{Server.ports['plain']}/bytes/x")

    def repo_loop(self, parts):
        self.send(307, Location=self.path)

    def repo_tofile(self, parts):
        self.send(307, Location="file:///etc/passwd")

    def repo_tosmb(self, parts):
        self.send(307, Location="gopher://127.0.0.1/x")

    def repo_touser(self, parts):
        self.send(307, Location=f"http://a:b@127.0.0.1:{Server.ports['plain']}/bytes/x")

    def repo_nowhere(self, parts):
        self.send(307)

    def repo_busy(self, parts):
        if self.server.count(self.path) < 2:
            self.send(429, Retry_After="1")
        else:
            self.good(parts)

    def repo_later(self, parts):
        self.send(429, Retry_After="7200")

    def repo_late(self, parts):
        self.send(503, Retry_After="200")

    def repo_broken(self, parts):
        if self.server.count(self.path) < 2:
            self.send(500)
        else:
            self.good(parts)

    def repo_half(self, parts, ranges=True, wrong=False):
        """Breaks off twice, and goes on where asked to."""
        if parts[3] == "manifests":
            self.good(parts)
            return
        n, data = self.server.count(self.path), blob()
        if n >= 2 and not wrong:
            if ranges:
                self.ranged(data)
            else:
                self.send(200, data)
            return
        at = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if ranges else 0
        if wrong and at > 0:
            self.send(206, data[:1000], Content_Range=f"bytes 0-999/{len(data)}")
            return
        self.send_response(206 if at else 200)
        if at:
            self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - at))
        self.end_headers()
        self.wfile.write(data[at:at + 100000])
        self.break_off()

    def repo_halfnorange(self, parts):
        self.repo_half(parts, ranges=False)

    def repo_halfwrong(self, parts):
        self.repo_half(parts, wrong=True)

    def part(self, n):
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        self.wfile.write(blob()[:n])
        self.break_off()

    def repo_circles(self, parts):
        """Breaks off each time, and begins again."""
        self.part(270000)

    def repo_shrinks(self, parts):
        """Breaks off, and then has less than it had."""
        if self.headers.get("Range"):
            self.send(416)
        else:
            self.part(1000)

    def repo_short(self, parts):
        """Says itself that there is no more."""
        self.send(200, blob()[:1000])

    def repo_long(self, parts):
        self.send(200, blob() + b"x")

    def repo_wrong(self, parts):
        if parts[3] == "manifests":
            self.send(200, MANIFEST + b" ", Content_Type=OCI)
        else:
            self.send(200, blob(SIZE + 1)[:SIZE])

    def repo_notype(self, parts):
        self.send(200, MANIFEST)

    def repo_html(self, parts):
        self.send(200, b"<html>log in", Content_Type="Text/HTML; charset=utf-8")

    def repo_endless(self, parts):
        self.send_response(200)
        self.send_header("Content-Type", OCI)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")

    def repo_endlesserror(self, parts):
        self.send_response(418)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")

    def repo_slow(self, parts):
        self.send_response(200)
        self.send_header("Content-Type", OCI)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.3)

    def repo_silent(self, parts):
        time.sleep(600)

    def repo_headers(self, parts):
        self.send_response(200)
        for i in range(4000):
            self.send_header(f"X-{i}", "y" * 100)
        self.end_headers()

    def repo_garbage(self, parts):
        self.wfile.write(b"\x00\xff not HTTP\r\n\r\n")
        self.break_off()

    # -- what lies in DIR/files --------------------------------------------------------------------

    def stored(self, parts):
        with open(os.path.join(self.where, "files", parts[4].rsplit(":", 1)[-1]), "rb") as f:
            return f.read()

    def repo_files(self, parts):
        data = self.stored(parts)
        if parts[3] == "manifests":
            try:
                kind = json.loads(data).get("mediaType", "")
            except (ValueError, RecursionError):
                kind = OCI
            self.send(200, data, **({"Content_Type": kind} if kind else {}))
        else:
            self.ranged(data)

    def repo_filesbreak(self, parts):
        """A blob comes 100,000 bytes at a time."""
        if parts[3] == "blobs":
            self.stored_part(parts, 100000)
            self.break_off()
        else:
            self.repo_files(parts)

    def repo_fileshold(self, parts):
        """Of a blob that is no JSON only the first half comes, until there is DIR/go."""
        go = os.path.join(self.where, "go")
        if parts[3] == "blobs" and not os.path.exists(go) and self.stored(parts)[:1] != b"{":
            rest = self.stored_part(parts, None)
            self.wfile.flush()
            while not os.path.exists(go):
                time.sleep(0.05)
            self.wfile.write(rest)
        else:
            self.repo_files(parts)

    def repo_fileswrong(self, parts):
        """Of a blob that is no JSON the last byte is another."""
        data = bytearray(self.stored(parts))
        if parts[3] == "blobs" and data[:1] != b"{":
            data[-1] ^= 1
            self.ranged(bytes(data))
        else:
            self.repo_files(parts)

    def stored_part(self, parts, n):
        """The head of an answer and its first 'n' bytes, or half of it; the rest."""
        data = self.stored(parts)
        at = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if at else 200)
        if at:
            self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - at))
        self.end_headers()
        n = (len(data) - at) // 2 if n is None else n
        self.wfile.write(data[at:at + n])
        return data[at + n:]

    # -- uploads ---------------------------------------------------------------------------------

    def read_upload(self, most):
        """Up to 'most' bytes of the body; what was read."""
        data = b""
        while len(data) < min(most, self.length):
            more = self.rfile.read(min(65536, most - len(data), self.length - len(data)))
            if not more:
                break
            data += more
        return data

    def repo_up(self, parts, lose=False, location=None):
        """Takes what is sent; with 'lose' the first request breaks off after 100,000 bytes."""
        key = parts[2]
        if self.command == "HEAD":
            self.send(404)
        elif self.command == "POST":
            Server.uploads[key] = b""
            self.send(202, Location=location or f"/v2/{key}/blobs/uploads/1?state=a")
        elif self.command == "GET":
            n = len(Server.uploads[key])
            self.send(204, Location=f"/v2/{key}/blobs/uploads/1?state=b", Range=f"0-{max(n - 1, 0)}")
        elif "manifests" in parts:
            self.read_upload(self.length)
            self.send(201)
        else:
            first = self.server.count(self.path.split("?")[0]) == 0
            data = self.read_upload(100000 if lose and first else self.length)
            Server.uploads[key] += data
            if lose and first:
                self.break_off()
                return
            have = "sha256:" + hashlib.sha256(Server.uploads[key]).hexdigest()
            good = have.replace(":", "%3A") in self.path
            self.send(201 if good else 400)

    def repo_uplose(self, parts):
        self.repo_up(parts, lose=True)

    def repo_upother(self, parts):
        """Wants the data sent to somebody else."""
        self.repo_up(parts, location=f"http://localhost:{Server.ports['other']}/v2/up/blobs/uploads/1")


def main():
    if sys.argv[1] == "--blob":
        sys.stdout.buffer.write(blob(int(sys.argv[2])))
        return
    Handler.where = where = sys.argv[1]
    Handler.log_file = open(os.path.join(where, "requests"), "a", encoding="utf-8")
    kinds = ["plain", "other", "silent"]
    if os.path.exists(os.path.join(where, "server.pem")):
        kinds.append("tls")
    for kind in kinds:
        server = Server(("127.0.0.1", 0), Handler)
        server.kind = kind
        if kind == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.path.join(where, "server.pem"), os.path.join(where, "server.key"))
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        Server.ports[kind] = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(os.path.join(where, "ports.new"), "w", encoding="ascii") as f:
        for kind in kinds:
            f.write(f"{kind} {Server.ports[kind]}\n")
    os.rename(os.path.join(where, "ports.new"), os.path.join(where, "ports"))
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
