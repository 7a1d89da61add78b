"""Asks a daemon over its admin socket: a request per connection."""

import http.client
import json
import socket
import urllib.parse

from measure import Failed


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("sluice", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class AdminSocket:
    def __init__(self, path, timeout=30):
        self.path, self.timeout = path, timeout

    def ask(self, method, path, body=None, **parameters):
        """(status, what the JSON says) of a request; OSError if there is no answer."""
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        connection = _Connection(self.path, self.timeout)
        try:
            connection.request(method, path + query, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (http.client.HTTPException, ValueError) as wrong:
            raise OSError(f"{method} {path}: {wrong!r}") from wrong
        finally:
            connection.close()

    def get(self, path, **parameters):
        return self.ask("GET", path, **parameters)[1]

    def change(self, method, path, body=None, **parameters):
        """What a change came to; it must come into force."""
        status, said = self.ask(method, path, body, **parameters)
        if status != 200:
            raise Failed(f"{method} {path} {parameters}: {status} {said}")
        return said
