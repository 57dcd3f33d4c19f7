"""What two relays say to each other: PROTOCOL.md sections 3 and 4."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import Dict, List, Optional

from .keys import RelayKeys, control_key, data_key, epoch_now
from .siphash import siphash24
from .stun import Attr, Kind, Message, Outgoing

DATA, PROBE, PROBE_REPLY = 1, 2, 3
HEADER_BYTES = 20
RECORD_HEADER_BYTES = 8


@dataclass
class Record:
    index: int
    payload: bytes
    sequence: int = 0

    def header(self) -> bytes:
        return struct.pack('!IHH', self.index, len(self.payload), self.sequence)


@dataclass
class Datagram:
    type: int
    lane: int
    epoch: int
    sequence: int
    tag: bytes
    body: bytes
    sender: str = ''

    def head(self) -> bytes:
        return struct.pack('!BBHQ', 0x10 | self.type, self.lane, self.epoch, self.sequence)

    def pack(self) -> bytes:
        return self.head() + self.tag + self.body

    def records(self) -> List[Record]:
        """The records, which must fill the body exactly."""
        found, offset = [], 0
        while offset < len(self.body):
            index, length, sequence = struct.unpack_from('!IHH', self.body, offset)
            offset += RECORD_HEADER_BYTES
            assert offset + length <= len(self.body), 'a record leaves the datagram'
            found.append(Record(index, self.body[offset : offset + length], sequence))
            offset += length
        return found

    def covered(self) -> bytes:
        """What the tag is over."""
        if self.type == DATA:
            return self.head() + b''.join(record.header() for record in self.records())
        return self.head() + self.body[:12]


def parse(data: bytes) -> Datagram:
    first, lane, epoch, sequence = struct.unpack_from('!BBHQ', data)
    assert first >> 4 == 1 and len(data) >= HEADER_BYTES, f'no trunk data: {data[:20].hex()}'
    return Datagram(first & 15, lane, epoch, sequence, data[12:20], data[20:])


class Trunk:
    """One relay's view of another: the keys both ways, lanes, and what it builds and accepts."""

    def __init__(self, keys: RelayKeys, start: int, other: str, other_key: bytes, other_start: int):
        self.id, self.start = keys.id, start
        self.other, self.other_start = other, other_start
        self.shared = keys.shared(other_key)
        self.send_key = control_key(self.shared, keys.id, other)
        self.receive_key = control_key(self.shared, other, keys.id)
        self.lanes = {lane: int(time.time()) << 32 for lane in range(256)}
        self.counts = False
        """Whether it sends CONTROL-SEQUENCE, which a relay of version 0.1.0 does not."""
        self.counter = 0
        self.counters: Dict[bytes, int] = {}

    def sign(self, out: Outgoing, start: Optional[int] = None) -> bytes:
        """USERNAME, RELAY-START and integrity: they end every message."""
        out.text(Attr.USERNAME, self.id)
        out.add(Attr.RELAY_START, struct.pack('!Q', self.start if start is None else start))
        if self.counts:
            out.add(Attr.CONTROL_SEQUENCE, struct.pack('!QQ', self.other_start, self._count(out)))
        return out.integrity('sha256', self.send_key).pack()

    def _count(self, out: Outgoing) -> int:
        """A repeated request keeps its counter."""
        known = self.counters.get(out.transaction_id)
        if known is None or out.kind != Kind.REQUEST:
            self.counter += 1
            known = self.counters[out.transaction_id] = self.counter
        return known

    def verify(self, message: Message) -> None:
        """Asserts what every message must have."""
        assert message.text(Attr.USERNAME) == self.other, message.text(Attr.USERNAME)
        assert message.number(Attr.RELAY_START) == self.other_start, 'RELAY-START'
        assert message.verify('sha256', self.receive_key), 'trunk integrity'
        start, counter = struct.unpack('!QQ', message.get(Attr.CONTROL_SEQUENCE) or b'')
        assert start == self.start and counter > 0, f'CONTROL-SEQUENCE {start} {counter}'

    def _data_key(self, sending: bool, epoch: int) -> bytes:
        if sending:
            return data_key(self.shared, self.id, self.other, epoch, self.other_start)
        return data_key(self.shared, self.other, self.id, epoch, self.start)

    def seal(
        self,
        type: int,
        body: bytes,
        lane: int = 0,
        epoch: Optional[int] = None,
        sequence: Optional[int] = None,
    ) -> bytes:
        """A datagram with its right tag; the next sequence of the lane unless one is given."""
        if sequence is None:
            self.lanes[lane] += 1
            sequence = self.lanes[lane]
        day = epoch_now() if epoch is None else epoch
        datagram = Datagram(type, lane, day, sequence, b'', body)
        datagram.tag = siphash24(self._data_key(True, day), datagram.covered())
        return datagram.pack()

    def data(self, *records: Record, **how: int) -> bytes:
        body = b''.join(record.header() + record.payload for record in records)
        return self.seal(DATA, body, **how)

    def open(self, data: bytes) -> Datagram:
        """A received datagram, its tag checked."""
        datagram = parse(data)
        wanted = siphash24(self._data_key(False, datagram.epoch), datagram.covered())
        assert datagram.tag == wanted, f'tag of {data[:20].hex()}'
        assert abs(datagram.epoch - epoch_now()) <= 1, f'epoch {datagram.epoch}'
        datagram.sender = self.other
        return datagram
