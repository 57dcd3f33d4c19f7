"""What the relay answers to each request, proper or not (PROTOCOL.md section 2)."""

from __future__ import annotations

import os

from peer.endpoint import Endpoint, indication
from peer.overlay import TCP, Leg, answered, connect
from peer.stun import Attr, Kind, Method, Outgoing

from .harness import World, equal, refused, response, scenario, success, unanswered


def leg_at(world: World, relay: str, peer_relay: str, scheme: str = 'md5') -> Leg:
    grant = world.minted(world.service(relay), world.service(peer_relay))
    return Leg(grant, scheme, local_ip=world.host())


@scenario('Allocate tells the address that the relay sees')
def allocate(world: World) -> None:
    for scheme in ('md5', 'sha256'):
        leg = leg_at(world, 'a-1', 'b-1', scheme)
        answer = success(leg.allocate())
        equal(leg.mapped, leg.endpoint.address)
        equal(answer.number(Attr.LIFETIME), 600)
        equal(answer.get(Attr.XOR_RELAYED_ADDRESS), None, 'relayed address')
        equal(success(leg.allocate(), 'repeat').number(Attr.LIFETIME), 600)


@scenario('lifetimes are raised to 600 s and lowered to 3,600 s')
def lifetimes(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    for wish, given in ((10, 600), (600, 600), (1000, 1000), (3600, 3600), (100_000, 3600)):
        answer = success(leg.allocate({Attr.LIFETIME: wish}), f'Allocate {wish}')
        equal(answer.number(Attr.LIFETIME), given, f'Allocate {wish}')
        answer = success(leg.refresh(wish), f'Refresh {wish}')
        equal(answer.number(Attr.LIFETIME), given, f'Refresh {wish}')


@scenario('a relay that no registry holds is answered 403')
def unknown_relay(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    trunk = world.trunk('b-1')
    for address in (('192.0.2.9', 3478), trunk, (world.service('b-1')[0], 9), ('0.0.0.0', 0)):
        refused(leg.allocate({Attr.XOR_PEER_RELAY_ADDRESS: address}), 403, str(address))
    success(leg.allocate(), 'the leg is none the worse')


@scenario('relays without a common trunk family are answered 440')
def no_common_family(world: World) -> None:
    refused(leg_at(world, 'e-1', 'd-1').allocate(), 440, 'IPv4 to IPv6')
    refused(leg_at(world, 'd-1', 'e-1').allocate(), 440, 'IPv6 to IPv4')


@scenario('a missing attribute is answered 400')
def missing(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1', 'sha256')
    for attribute in (
        Attr.REQUESTED_TRANSPORT,
        Attr.CONNECTION_IDENTIFIER,
        Attr.CONNECTION_ROLE,
        Attr.XOR_PEER_RELAY_ADDRESS,
    ):
        refused(leg.allocate({attribute: None}), 400, attribute.name)
    success(leg.allocate())
    refused(leg.call(Method.CONNECT), 400, 'Connect without XOR-PEER-ADDRESS')


@scenario('a malformed attribute is answered 400')
def malformed(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    for attribute, value in (
        (Attr.CONNECTION_ROLE, bytes([2, 0, 0, 0])),
        (Attr.CONNECTION_ROLE, bytes([0])),
        (Attr.CONNECTION_IDENTIFIER, leg.grant.connection_id[:15]),
        (Attr.CONNECTION_IDENTIFIER, leg.grant.connection_id + b'x'),
        (Attr.XOR_PEER_RELAY_ADDRESS, bytes([0, 3]) + bytes(6)),
        (Attr.XOR_PEER_RELAY_ADDRESS, bytes([0, 1]) + bytes(18)),
        (Attr.REQUESTED_TRANSPORT, b''),
        (Attr.LIFETIME, bytes(8)),
    ):
        refused(leg.allocate({attribute: value}), 400, f'{attribute.name} {value.hex()}')


@scenario('a transport other than UDP is answered 442')
def transport(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    refused(leg.allocate({Attr.REQUESTED_TRANSPORT: TCP}), 442)


@scenario('an unknown attribute that must be understood is answered 420 and named')
def unknown_attribute(world: World) -> None:
    for scheme in ('md5', 'sha256'):
        leg = leg_at(world, 'a-1', 'b-1', scheme)
        exchange = leg.allocate({0x7E57: b'abc', 0x1234: b''})
        answer = refused(exchange, 420)
        equal(sorted(answer.unknown_attributes()), [0x1234, 0x7E57])
        success(leg.allocate({0xC001: b'may be ignored'}), 'one that need not be')


@scenario('a request without CONNECTION-IDENTIFIER is answered 400 once it is authenticated')
def standard_turn(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    exchange = leg.begin(Method.ALLOCATE, {Attr.CONNECTION_IDENTIFIER: None})
    answered(exchange)
    equal(len(exchange.datagrams), 2, 'transactions: the first is challenged')
    refused(exchange, 400)


@scenario('a leg belongs to one 5-tuple: 437 for another')
def other_tuple(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    success(leg.allocate())
    for ip in (leg.endpoint.address[0], world.host()):
        other = Leg(leg.grant, 'sha256', local_ip=ip)
        refused(other.allocate(), 437, 'Allocate')
        refused(other.refresh(600), 437, 'Refresh')
        address = {Attr.XOR_PEER_ADDRESS: ('192.0.2.1', 9)}
        refused(other.call(Method.CONNECT, address), 437, 'Connect')
    success(leg.refresh(600), 'its own')


@scenario('a leg that is not there is answered 437')
def no_leg(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1', 'sha256')
    refused(leg.refresh(600), 437, 'Refresh')
    refused(leg.refresh(0), 437, 'Refresh 0')
    refused(leg.call(Method.CONNECT, {Attr.XOR_PEER_ADDRESS: ('192.0.2.1', 9)}), 437, 'Connect')


@scenario('a reserved leg may name another relay, a connected one may not: 446')
def another_relay(world: World) -> None:
    a, b = world.legs()
    elsewhere = {Attr.XOR_PEER_RELAY_ADDRESS: world.service('e-1')}
    success(a.allocate(elsewhere), 'another relay first')
    success(a.allocate(), 'then the right one')
    connect(a, b)
    refused(a.allocate(elsewhere), 446, 'Allocate')
    success(a.allocate(), 'the same relay again')
    elsewhere = {Attr.XOR_PEER_ADDRESS: ('192.0.2.1', 9)}
    refused(a.call(Method.CONNECT, elsewhere), 446, 'Connect')
    again = a.call(Method.CONNECT, {Attr.XOR_PEER_ADDRESS: b.mapped})
    equal(success(again, 'Connect again').channel(), a.channel)


@scenario('a Binding request is answered with the address, no credential asked')
def binding(world: World) -> None:
    for family in (4, 6):
        host = world.host() if family == 4 else None
        endpoint = Endpoint(world.service('a-1', family), host)
        for request in (
            Outgoing(Kind.REQUEST, Method.BINDING),
            Outgoing(Kind.REQUEST, Method.BINDING).text(Attr.SOFTWARE, 'any').fingerprint(),
        ):
            answer = response(endpoint, request)
            equal(answer.kind, Kind.SUCCESS)
            equal(answer.address(Attr.XOR_MAPPED_ADDRESS), endpoint.address)


@scenario('an unknown attribute in a Binding request is answered 420')
def binding_unknown(world: World) -> None:
    endpoint = Endpoint(world.service('a-1'), world.host())
    answer = response(endpoint, Outgoing(Kind.REQUEST, Method.BINDING).add(0x7E57, b''))
    equal((answer.error(), answer.unknown_attributes()), (420, [0x7E57]))


@scenario('indications and responses are never answered')
def never_answered(world: World) -> None:
    endpoint = Endpoint(world.service('a-1'), world.host())
    datagrams = [indication(method) for method in Method]
    for kind in (Kind.SUCCESS, Kind.ERROR):
        for method in Method:
            datagrams.append(Outgoing(kind, method).pack())
            identifier = os.urandom(16)
            datagrams.append(
                Outgoing(kind, method).add(Attr.CONNECTION_IDENTIFIER, identifier).pack()
            )
    unanswered(endpoint, *datagrams)


@scenario('of two equal attributes the first counts, and padding may be anything')
def repeated_attribute(world: World) -> None:
    leg = leg_at(world, 'a-1', 'b-1')
    success(leg.allocate())

    def build() -> Outgoing:
        out = leg.build(Method.REFRESH, {Attr.LIFETIME: 700})
        return out.u32(Attr.LIFETIME, 800).add(Attr.CONNECTION_IDENTIFIER, os.urandom(16))

    exchange = leg.endpoint.begin(leg.login, build)
    answered(exchange)
    equal(success(exchange).number(Attr.LIFETIME), 700)
    padded = leg.endpoint.begin(leg.login, lambda: leg.build(Method.REFRESH).padded_with(b' '))
    answered(padded)
    success(padded, 'padding of spaces')
