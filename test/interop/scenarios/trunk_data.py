"""PROTOCOL.md section 4, from the other relay's side."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from typing import List

from peer.endpoint import settle
from peer.keys import epoch_now
from peer.relay import ForeignRelay
from peer.stun import Attr, Kind, Message, Method
from peer.trunk import DATA, PROBE, PROBE_REPLY, Record, parse

from .foreign import HOME, establish, foreign, reserved, wait
from .harness import World, equal, scenario, silent, true

MINE = 0x00C0FFEE
REFRESHES_PER_SECOND = 10
SIZES = (0, 1, 2, 3, 4, 100, 1199, 1423, 1424)


def payload(size: int, seed: str = '') -> bytes:
    return hashlib.shake_128(f'{seed}{size}'.encode()).digest(size)


@scenario('trunk: what the peer sends arrives in records of section 4')
def outward(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay), MINE)
        for size in SIZES:
            session.leg.send(payload(size))
            settle([session.leg.endpoint], 0.02)
        wait(
            session.leg,
            lambda: sum(len(one.records()) for one in list(relay.data)) >= len(SIZES),
            'every record came',
        )
        records = [record for one in relay.data for record in one.records()]
        equal([record.payload for record in records], [payload(size) for size in SIZES])
        equal({record.index for record in records}, {MINE})
        first = records[0].sequence
        equal(
            [record.sequence for record in records],
            [(first + number) % 65536 for number in range(len(SIZES))],
            'session sequences',
        )
        for datagram in relay.data:
            equal(datagram.epoch, epoch_now())
        for lane in {one.lane for one in relay.data}:
            numbers = [one.sequence for one in relay.data if one.lane == lane]
            equal(numbers, sorted(set(numbers)), 'sequences of a lane rise')
            true(abs((numbers[0] >> 32) - time.time()) < 600, 'and began at the Unix seconds')


@scenario('trunk: records reach the peer as ChannelData without padding')
def inward(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        for number, size in enumerate(SIZES):
            relay.send_records(HOME, session.record(payload(size), number))
        session.delivers([payload(size) for size in SIZES])
        silent(session.leg.endpoint)


@scenario('trunk: records of several connections share a datagram')
def bundled(world: World) -> None:
    with foreign(world) as relay:
        sessions = [establish(relay, reserved(world, relay), MINE + i) for i in range(3)]
        records, number = [], 0
        for round_number in range(8):
            for index, session in enumerate(sessions):
                records.append(session.record(payload(round_number, str(index)), round_number))
        relay.send_records(HOME, *records)
        for index, session in enumerate(sessions):
            wanted = [payload(round_number, str(index)) for round_number in range(8)]
            session.delivers(wanted)
        # A record of nobody's does not keep the others from their way.
        strange = Record(sessions[0].theirs ^ 0x00FFFFFF, b'nobody')
        relay.send_records(HOME, sessions[0].record(b'a'), strange, sessions[1].record(b'b'))
        for session, wanted in zip(sessions, ([b'a'], [b'b'], [])):
            session.delivers(wanted)


@scenario('trunk: replays, old sequences and wrong tags are dropped')
def replays(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        datagram = relay.send_records(HOME, session.record(b'once'))
        for _ in range(3):
            relay.send(HOME, datagram)
        session.delivers([b'once'])
        trunk = relay.trunks[HOME]
        good = trunk.data(session.record(b'good'))
        for position in (1, 3, 11, 12, 19, 21, 27):
            relay.send(
                HOME, good[:position] + bytes([good[position] ^ 0x40]) + good[position + 1 :]
            )
        session.delivers([], 'after a change of header, tag or record header')
        relay.send(HOME, good)
        session.delivers([b'good'], 'a forged datagram uses up no sequence')
        # On a lane of its own: answers to probes go on taking numbers of lane 0.
        base = trunk.lanes[0]
        relay.send_records(HOME, session.record(b'ahead'), lane=9, sequence=base + 1000)
        inside = [base + 999, base + 1, base + 500, base + 1, base + 1000]
        for number in inside:
            record = session.record(b'%d' % (number - base))
            relay.send_records(HOME, record, lane=9, sequence=number)
        session.delivers([b'ahead', b'999', b'1', b'500'], 'inside the window, once')
        for number in (base - 200_000, 0, 1):
            relay.send_records(HOME, session.record(b'old'), lane=9, sequence=number)
        session.delivers([], 'sequences far below the window')
        for lane in (1, 7, 255):
            relay.send_records(HOME, session.record(b'lane'), lane=lane)
        session.delivers([b'lane'] * 3, 'each lane counts for itself')


@scenario('trunk: records that do not fill the datagram exactly are dropped, all of them')
def inexact(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        trunk = relay.trunks[HOME]
        record = session.record(b'12345678')
        whole = record.header() + record.payload
        for cut in (1, 4, 8):
            relay.send(HOME, trunk.data(record, record)[:-cut])
        for rest in (1, 4, 7):
            relay.send(HOME, trunk.data(record) + bytes(rest))
        too_long = struct.pack('!IHH', session.theirs, 0xFFFF, 0)
        for body in (b'', too_long, whole + too_long):
            headers = [body[at : at + 8] for at in range(0, len(body), 16)]
            relay.send(HOME, sealed(trunk, body, headers))
        session.delivers([])
        relay.send(HOME, trunk.data(record))
        session.delivers([record.payload])


def sealed(trunk, body: bytes, headers: list) -> bytes:
    """A datagram whose tag is right over the record headers that are named."""
    covering = b''.join(header[:4] + bytes(2) + header[6:] for header in headers)
    datagram = parse(trunk.seal(DATA, covering))
    datagram.body = body
    return datagram.pack()


@scenario('trunk: the epochs of yesterday to tomorrow are accepted')
def epochs(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        for away in range(-3, 4):
            text = b'%d' % away
            relay.send_records(HOME, session.record(text), epoch=epoch_now() + away)
        session.delivers([b'-1', b'0', b'1'])


@scenario('trunk: unknown versions and types are dropped')
def unknown_types(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        record = session.record(b'x')
        trunk = relay.trunks[HOME]
        for kind in (0, 4, 5, 9, 15):
            relay.send(HOME, trunk.seal(kind, record.header() + record.payload))
        for first in (0x01, 0x21, 0x41, 0x91, 0xF1):
            datagram = trunk.data(record)
            relay.send(HOME, bytes([first]) + datagram[1:])
        session.delivers([])
        session.alive()


@scenario('trunk: data is taken from the addresses that were registered only')
def sources(world: World) -> None:
    with foreign(world) as relay, foreign(world) as other:
        session = establish(relay, reserved(world, relay))
        reserved(world, other)
        datagram = relay.trunks[HOME].data(session.record(b'from elsewhere'))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((relay.socket.getsockname()[0], 0))
            stranger.sendto(datagram, world.trunk(HOME))
        other.send(HOME, datagram)
        other.send_records(HOME, Record(session.theirs, b'by another relay'))
        session.delivers([])
        relay.send(HOME, datagram)
        session.delivers([b'from elsewhere'])


def refreshes(relay: ForeignRelay) -> List[Message]:
    return relay.messages(Kind.REQUEST, Method.REFRESH)


@scenario('trunk: valid data on an unbound index is answered with a Refresh, seldom')
def unbound(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay))
        lost = session.theirs ^ 0x00ABCDEF
        began = time.monotonic()
        for _ in range(300):
            relay.send_records(HOME, Record(lost, b'nobody'))
            time.sleep(0.005)
        wait(session.leg, lambda: len(refreshes(relay)) > 0, 'a Refresh came')
        settle([session.leg.endpoint])
        found = refreshes(relay)
        # The seconds at the beginning and the end count in full.
        most = REFRESHES_PER_SECOND * (int(time.monotonic() - began) + 2)
        true(len(found) <= most < 300, f'{len(found)} Refreshes for 300 datagrams')
        for message in found:
            equal(message.number(Attr.LIFETIME), 0)
            equal(message.number(Attr.SESSION_INDEX), lost)
            equal(message.get(Attr.CONNECTION_IDENTIFIER), None)
        session.alive()


@scenario('trunk: probes are answered with their own bytes')
def probes(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        sent = [relay.probe(HOME, number) for number in range(5)]
        wait(leg, lambda: len(relay.replies) >= 5, 'replies')
        equal(sorted(one.body for one in relay.replies), sorted(sent))
        for reply in relay.replies:
            equal((reply.type, len(reply.body)), (PROBE_REPLY, 12))
        wait(leg, lambda: len(relay.probes_of(HOME)) >= 3, "the relay's own probes")
        for probe in relay.probes:
            equal((probe.type, len(probe.body)), (PROBE, 12))
        numbers = [struct.unpack('!QI', probe.body)[1] for probe in relay.probes_of(HOME)]
        equal(len(set(numbers)), len(numbers), 'probe numbers')
        broken = bytearray(relay.trunks[HOME].seal(PROBE, bytes(12)))
        broken[-1] ^= 1
        relay.replies.clear()
        relay.send(HOME, bytes(broken))
        relay.send(HOME, relay.trunks[HOME].seal(PROBE_REPLY, bytes(12)))
        settle([leg.endpoint], 0.4)
        equal(relay.replies, [], 'a wrong tag, or a reply, is not answered')
