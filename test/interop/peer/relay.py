"""A relay by another hand: registered with the directory, with one trunk and no peers of its own.

It does nothing by itself but register, beat and answer probes. What to say to the other relay is
the scenario's to decide, so that it can also say what no proper relay would.
"""

from __future__ import annotations

import base64
import os
import random
import socket
import struct
import threading
import time
from typing import Callable, Dict, List, Optional

from .directory import Registrar
from .keys import RelayKeys
from .stun import Address, Attr, Kind, Message, Method, Outgoing
from .trunk import DATA, PROBE, PROBE_REPLY, Datagram, Record, Trunk

BEATS_AT_ONCE = 8
LOAD = {'legs': 0, 'legsMax': 1000, 'cpu': 0.0, 'packetsPerSecond': 0}
ACTION_SECONDS = 5.0


class ForeignRelay:
    """Registered, and known to the relays that are named, once `join` has returned."""

    def __init__(self, url: str, cluster_secret: bytes, relay_id: str, host: str):
        self.keys = RelayKeys(cluster_secret, relay_id)
        self.id = relay_id
        self.cluster_secret = cluster_secret
        self.start = int(time.time() * 1000)
        self.registrar = Registrar(url, relay_id, self.keys.registration)
        self.service = self._bind(host)
        self.socket = self._bind(host)
        self.registry: dict = {'version': None, 'relays': []}
        self.trunks: Dict[str, Trunk] = {}
        self.control: List[Message] = []
        self.data: List[Datagram] = []
        self.probes: List[Datagram] = []
        self.replies: List[Datagram] = []
        self.faults: List[str] = []
        """What came and was wrong: it fails the scenario."""
        self.expects_faults = False
        self.answers_probes = True
        self._stop = threading.Event()
        self._threads: List[threading.Thread] = []

    @staticmethod
    def _bind(host: str) -> socket.socket:
        found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        found.bind((host, 0))
        found.settimeout(0.1)
        return found

    @property
    def service_address(self) -> Address:
        return self.service.getsockname()

    def record(self) -> dict:
        def place(one: socket.socket) -> list:
            return [{'address': one.getsockname()[0], 'port': one.getsockname()[1]}]

        return {
            'id': self.id,
            'region': self.id,
            'start': self.start,
            'publicKey': base64.b64encode(self.keys.public).decode(),
            'serviceAddresses': place(self.service),
            'trunkAddresses': place(self.socket),
            'trunkSources': place(self.socket),
            'recordsMax': 32,
        }

    def register(self) -> None:
        body = {'record': self.record(), 'load': LOAD, 'draining': False}
        status, answer = self.registrar.call('PUT', '/registration', body)
        assert status == 200, f'registration: {status} {answer}'
        self._take_registry(answer['registry'])

    def _take_registry(self, registry: dict) -> None:
        for one in registry['relays']:
            known = self.trunks.get(one['id'])
            if one['id'] != self.id and (known is None or known.other_start != one['start']):
                key = base64.b64decode(one['publicKey'])
                self.trunks[one['id']] = Trunk(
                    self.keys, self.start, one['id'], key, one['start']
                )
        # Last: whoever is found in the registry while receiving has a trunk.
        self.registry = registry

    def join(self) -> None:
        """Registers, and keeps beating and receiving until `leave`."""
        self.register()
        for work in (self._beat, self._receive):
            thread = threading.Thread(target=self._guard, args=(work,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def leave(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        status, _ = self.registrar.call('DELETE', f'/registration?start={self.start}')
        for one in (self.socket, self.service):
            one.close()
        assert status == 204, f'leaving: {status}'
        assert not self.faults, f'faults: {self.faults}'

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            if self.expects_faults:
                return
            self.faults.append(f'{type(error).__name__}: {error}')

    def _beat(self) -> None:
        count = 0
        while not self._stop.wait(0.1 if count < BEATS_AT_ONCE else random.uniform(0.5, 1.0)):
            count += 1
            body = {
                'start': self.start,
                'registryVersion': self.registry['version'],
                'load': LOAD,
                'draining': False,
            }
            status, answer = self.registrar.call('POST', '/beat', body)
            if status == 404:
                # On a busy machine the beats may stop for longer than the directory waits.
                self.register()
                continue
            assert status == 200, f'beat: {status} {answer}'
            if 'registry' in answer:
                self._take_registry(answer['registry'])
                count = 0

    def trunk_address(self, relay: str) -> Address:
        record = next(one for one in self.registry['relays'] if one['id'] == relay)
        place = next(one for one in record['trunkAddresses'] if ':' not in one['address'])
        return place['address'], place['port']

    def _sender(self, source: Address) -> Optional[str]:
        for one in self.registry['relays']:
            if {'address': source[0], 'port': source[1]} in one['trunkSources']:
                return one['id']
        return None

    def _receive(self) -> None:
        while not self._stop.is_set():
            try:
                data, source = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            # A relay that has just come may be heard before the registry that holds it.
            sender = self._sender(source)
            if sender is not None and sender != self.id:
                self._guard(lambda: self._take(self.trunks[sender], data, source))

    def _take(self, trunk: Trunk, data: bytes, source: Address) -> None:
        if data[0] < 4:
            message = Message(data)
            trunk.verify(message)
            self.control.append(message)
            return
        # A relay of the release before path probes, which drops what it does not know.
        if data[0] & 0x0F not in (DATA, PROBE, PROBE_REPLY):
            return
        datagram = trunk.open(data)
        if datagram.type == DATA:
            self.data.append(datagram)
        elif datagram.type == PROBE:
            self.probes.append(datagram)
            if self.answers_probes:
                self.socket.sendto(trunk.seal(PROBE_REPLY, datagram.body), source)
        else:
            self.replies.append(datagram)

    # What a scenario says and waits for.

    def send(self, relay: str, datagram: bytes) -> None:
        self.socket.sendto(datagram, self.trunk_address(relay))

    def say(self, relay: str, out: Outgoing, start: Optional[int] = None) -> Outgoing:
        self.send(relay, self.trunks[relay].sign(out, start))
        return out

    def send_records(self, relay: str, *records: Record, **how: int) -> bytes:
        datagram = self.trunks[relay].data(*records, **how)
        self.send(relay, datagram)
        return datagram

    def probe(self, relay: str, number: int, **how: int) -> bytes:
        body = struct.pack('!QI', time.monotonic_ns(), number)
        self.send(relay, self.trunks[relay].seal(PROBE, body, **how))
        return body

    def probes_of(self, relay: str) -> List[Datagram]:
        return [one for one in list(self.probes) if one.sender == relay]

    def messages(self, kind: Kind, method: Method, transaction: bytes = b'') -> List[Message]:
        return [
            one
            for one in list(self.control)
            if one.kind == kind
            and one.method == method
            and (not transaction or one.transaction_id == transaction)
        ]


def offer(
    tenant: str, connection: bytes, role: int, observed: Address, claimed: Address, index: int
) -> Outgoing:
    """The Connect of section 3, unsigned."""
    out = Outgoing(Kind.REQUEST, Method.CONNECT, os.urandom(12))
    out.text(Attr.TENANT, tenant).add(Attr.CONNECTION_IDENTIFIER, connection)
    out.add(Attr.CONNECTION_ROLE, bytes([role, 0, 0, 0]))
    out.address(Attr.XOR_MAPPED_ADDRESS, observed).address(Attr.XOR_PEER_ADDRESS, claimed)
    return out.u32(Attr.SESSION_INDEX, index)


def accept(request: Message, index: int) -> Outgoing:
    """The success that answers an offer, unsigned."""
    out = Outgoing(Kind.SUCCESS, request.method, request.transaction_id)
    return out.u32(Attr.SESSION_INDEX, index)


def refuse(request: Message, code: int) -> Outgoing:
    out = Outgoing(Kind.ERROR, request.method, request.transaction_id)
    return out.add(Attr.ERROR_CODE, bytes([0, 0, code // 100, code % 100]))
