"""How a scenario is written down, what it may ask of the test, and how it says what it expected."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from queue import Queue
from typing import Any, Callable, Dict, List, Optional, Tuple

from peer.directory import Directory
from peer.endpoint import Endpoint, Exchange, run, settle
from peer.keys import mint, tenant_secret
from peer.overlay import Grant, Leg
from peer.stun import Address, Kind, Message, Outgoing

ANSWER_SECONDS = 60
MINTED_SECONDS = 600
LISTED_SECONDS = 30


@dataclass
class Scenario:
    name: str
    action: Callable[['World'], None]
    slow: bool


SCENARIOS: List[Scenario] = []


def scenario(name: str, slow: bool = False):
    """Registers a scenario. The slow ones mostly wait, and start first."""

    def register(action: Callable[['World'], None]):
        SCENARIOS.append(Scenario(name, action, slow))
        return action

    return register


class Control:
    """Lines of JSON to and from the test, which owns the processes."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: Dict[int, Queue] = {}

    def listen(self) -> None:
        for line in sys.stdin:
            answer = json.loads(line)
            self._waiting.pop(answer['id']).put(answer)
        # Nobody is left to report to.
        os._exit(1)

    def say(self, what: dict) -> None:
        with self._lock:
            sys.stdout.write(json.dumps(what) + '\n')
            sys.stdout.flush()

    def ask(self, what: str, relay: str) -> None:
        """Has the test do something with a relay's process."""
        number = next(self._ids)
        queue: Queue = Queue()
        self._waiting[number] = queue
        self.say({'ask': what, 'relay': relay, 'id': number})
        answer = queue.get(timeout=ANSWER_SECONDS)
        assert answer['ok'], f'{what} {relay}: {answer}'


@dataclass
class World:
    """The system under test: one directory and the relays a-1 to g-1, each the only one of the
    region that its name begins with. a-1 and b-1 have IPv4 and IPv6 on either side; c-1 is the
    one that is killed; d-1 has IPv4 for peers and IPv6 for relays; e-1, f-1 and g-1 are IPv4
    alone. g-1 serves standard TURN."""

    directory_url: str
    api_keys: Dict[str, str]
    cluster_secret: bytes
    relays: Dict[str, Dict[str, List[Address]]]
    turn_user: Tuple[str, str]
    """Name and password of a user of TURN."""
    relay_ports: Tuple[int, int]
    """The lowest and the highest port of relayed addresses."""
    control: Control
    _hosts: Any = field(default_factory=lambda: itertools.count(1))

    def directory(self, tenant: str = 'default') -> Directory:
        return Directory(self.directory_url, self.api_keys[tenant])

    def service(self, relay: str, family: int = 4) -> Address:
        return self._address(relay, 'service', family)

    def trunk(self, relay: str, family: int = 4) -> Address:
        return self._address(relay, 'trunk', family)

    def _address(self, relay: str, what: str, family: int) -> Address:
        return next(one for one in self.relays[relay][what] if (':' in one[0]) == (family == 6))

    def host(self) -> str:
        """A loopback address that no other scenario sends from: a source with its own budget."""
        high, low = divmod(next(self._hosts), 250)
        return f'127.{os.getpid() % 100 + 100}.{high}.{low + 1}'

    def grants(
        self,
        regions: Tuple[str, str] = ('a', 'b'),
        families: Tuple[int, int] = (4, 4),
        ttl_seconds: Optional[int] = None,
        tenant: str = 'default',
    ) -> Tuple[Grant, Grant]:
        """A connection from the directory, in certain regions and families."""
        peers = [
            {'region': region, 'family': family} for region, family in zip(regions, families)
        ]
        wanted = [
            self.service(f'{region}-1', family) for region, family in zip(regions, families)
        ]
        until = time.monotonic() + LISTED_SECONDS
        while True:
            first, second = self.directory(tenant).connection(peers, ttl_seconds)
            found = [first.relay, second.relay]
            if found == wanted:
                return first, second
            # On a busy machine a relay may be silent for longer than the directory waits.
            assert time.monotonic() < until, f'{regions} are at {wanted}, not {found}'
            time.sleep(0.2)

    def legs(
        self, schemes: Tuple[str, str] = ('md5', 'sha256'), **choice: Any
    ) -> Tuple[Leg, Leg]:
        grants = self.grants(**choice)
        ips = [None if ':' in grant.relay[0] else self.host() for grant in grants]
        first, second = (
            Leg(grant, scheme, local_ip=ip) for grant, scheme, ip in zip(grants, schemes, ips)
        )
        return first, second

    def minted(
        self,
        relay: Address,
        peer_relay: Address,
        tenant: str = 'default',
        role: int = 0,
        connection_id: Optional[bytes] = None,
        seconds: int = MINTED_SECONDS,
        more: str = '',
    ) -> Grant:
        """A grant as a tenant's own server makes it, with no directory."""
        identifier = connection_id or os.urandom(16)
        secret = tenant_secret(self.cluster_secret, tenant)
        expires = int(time.time()) + seconds
        name = mint(secret, tenant, identifier.hex(), role, expires, more)
        return Grant(identifier, role, relay, peer_relay, *name)


def equal(found: Any, wanted: Any, what: str = '') -> None:
    assert found == wanted, f'{what or "value"}: found {found!r}, wanted {wanted!r}'


def true(condition: Any, what: str) -> None:
    assert condition, f'not so: {what}'


def success(exchange: Exchange, what: str = 'answer') -> Message:
    """The success that an exchange must have ended with, its integrity right."""
    answer = exchange.answer
    assert answer is not None and answer.kind == Kind.SUCCESS, f'{what}: {answer}'
    assert exchange.authentic and exchange.forged == 0, f'{what}: wrong integrity'
    return answer


def refused(exchange: Exchange, code: int, what: str = 'answer', signed: bool = True) -> Message:
    """The error that an exchange must have ended with. After authentication it is signed."""
    answer = exchange.answer
    assert answer is not None and answer.kind == Kind.ERROR, f'{what}: {answer}, wanted {code}'
    equal(answer.error(), code, what)
    assert not signed or exchange.authentic, f'{what}: {code} without right integrity'
    return answer


def closed_with(leg: Leg, code: int) -> None:
    """Exactly one Closed, with right integrity of the leg's kind."""
    codes = [message.error() for message in leg.closed()]
    others = len(leg.endpoint.indications) - len(codes)
    equal((codes, others), ([code], 0), 'Closed indications, and those of wrong integrity')


def silent(endpoint: Endpoint) -> None:
    """Nothing has come but answers to requests: one to each, where one was sent again."""
    found = (endpoint.data, endpoint.indications, endpoint.unasked(), endpoint.junk)
    assert found == ([], [], [], []), f'something came: {found}'


def unanswered(endpoint: Endpoint, *datagrams: bytes) -> None:
    """Whatever these are, nothing comes back."""
    for datagram in datagrams:
        endpoint.send_raw(datagram)
    settle([endpoint])
    silent(endpoint)


def response(endpoint: Endpoint, request: Outgoing) -> Message:
    """What comes back to a request that needs no credential."""
    found: List[Message] = []

    def came() -> bool:
        found.extend(endpoint.strays)
        endpoint.strays.clear()
        return len(found) > 0

    for _ in range(5):
        endpoint.send_raw(request.pack())
        if run([endpoint], came, 0.5):
            equal(found[0].transaction_id, request.transaction_id, 'transaction')
            equal(endpoint.strangers, [], 'datagrams from another address')
            return found[0]
    raise AssertionError('no response')
