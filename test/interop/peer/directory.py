"""The directory's HTTP interface: PROTOCOL.md section 5 and docs/registration.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import time
from typing import Any, Optional, Tuple
from urllib.parse import urlsplit

from .overlay import Grant

TIMEOUT_SECONDS = 10


def http_request(url: str, method: str, path: str, body: bytes, headers: dict) -> Tuple[Any, bytes]:
    place = urlsplit(url)
    link = http.client.HTTPConnection(place.hostname, place.port, timeout=TIMEOUT_SECONDS)
    try:
        link.request(method, path, body=body or None, headers=headers)
        answer = link.getresponse()
        return answer, answer.read()
    finally:
        link.close()


class Directory:
    """What a holder of an API key may ask."""

    def __init__(self, url: str, api_key: str):
        self.url = url
        self.api_key = api_key

    def call(self, method: str, path: str, body: Optional[dict] = None) -> Tuple[int, dict]:
        headers = {'authorization': f'Bearer {self.api_key}'}
        content = b''
        if body is not None:
            headers['content-type'] = 'application/json'
            content = json.dumps(body).encode()
        answer, text = http_request(self.url, method, path, content, headers)
        return answer.status, json.loads(text)

    def connection(self, peers: list, ttl_seconds: Optional[int] = None) -> Tuple[Grant, Grant]:
        body: dict = {'peers': peers}
        if ttl_seconds is not None:
            body['ttlSeconds'] = ttl_seconds
        status, answer = self.call('POST', '/v1/connections', body)
        assert status == 201, f'POST /v1/connections: {status} {answer}'
        assert answer['realm'] == 'turnpike', answer
        grants = [_grant(answer['connectionId'], one) for one in answer['peers']]
        return grants[0], grants[1]


def _grant(connection_id: str, peer: dict) -> Grant:
    relay, other = peer['relay'], peer['peerRelay']
    return Grant(
        bytes.fromhex(connection_id),
        peer['role'],
        (relay['address'], relay['port']),
        (other['address'], other['port']),
        peer['username'],
        peer['password'],
    )


class Registrar:
    """A relay's signed requests (docs/registration.md)."""

    def __init__(self, url: str, relay_id: str, key: bytes):
        self.url = url
        self.path = f'/v1/relays/{relay_id}'
        self.key = key

    def call(self, method: str, path: str, body: Optional[dict] = None) -> Tuple[int, dict]:
        """The status and the body of an answer whose signature is right."""
        content = b'' if body is None else json.dumps(body).encode()
        target = self.path + path
        now, nonce = str(int(time.time() * 1000)), os.urandom(16).hex()
        headers = {
            'turnpike-time': now,
            'turnpike-nonce': nonce,
            'turnpike-signature': self._sign(
                'request', [method, target, now, nonce], content
            ),
        }
        if content:
            headers['content-type'] = 'application/json'
        answer, text = http_request(self.url, method, target, content, headers)
        told = answer.getheader('turnpike-time') or ''
        lines = [method, target, str(answer.status), told, nonce]
        signed = self._sign('answer', lines, text)
        got = answer.getheader('turnpike-signature') or ''
        assert hmac.compare_digest(got, signed), f'{method} {target}: {answer.status} {text!r}'
        assert answer.getheader('turnpike-nonce') == nonce, 'the nonce of another request'
        return answer.status, json.loads(text) if text else {}

    def _sign(self, what: str, lines: list, body: bytes) -> str:
        head = ''.join(line + '\n' for line in [f'turnpike registration {what} v1', *lines])
        digest = hmac.new(self.key, head.encode() + body, hashlib.sha256).digest()
        return base64.b64encode(digest).decode()
