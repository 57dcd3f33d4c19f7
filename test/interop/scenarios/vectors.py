"""The peer itself against published vectors, so that what it finds is the relay's doing."""

from __future__ import annotations

import struct
from typing import Callable

from peer.keys import (
    RelayKeys,
    control_key,
    data_key,
    long_term_key,
    mint,
    nonce_of,
    tenant_root,
    tenant_secret,
)
from peer.siphash import siphash24
from peer.stun import Attr, Kind, Message, Method, Outgoing
from peer.trunk import Trunk
from peer.x25519 import x25519

from .harness import World, equal, scenario, true

RFC5769_PASSWORD = b'VOkJxbRl1RmTxUk/WvJxBt'
RFC5769_REQUEST = (
    '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74'
    '002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020'
    '000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf'
)
RFC5769_IPV4 = (
    '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220'
    '002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7'
    '80280004c07d4c96'
)
RFC5769_IPV6 = (
    '010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220'
    '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf1'
    '1784c97c8292c275bfe3ed4180280004c8fb0b4c'
)
RFC5769_LONG_TERM = (
    '000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383'
    'e382afe382b900000015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341'
    '0014000b6578616d706c652e6f726700'
    '00080014f67024656dd64a3e02b8e0712e85c9a28ca89666'
)


@scenario('the peer reads the vectors of RFC 5769')
def rfc5769(_: World) -> None:
    for text in (RFC5769_REQUEST, RFC5769_IPV4, RFC5769_IPV6):
        message = Message(bytes.fromhex(text))
        true(message.verify('sha1', RFC5769_PASSWORD), 'integrity')
        true(message.fingerprint_is_right(), 'fingerprint')
    ipv4, ipv6 = Message(bytes.fromhex(RFC5769_IPV4)), Message(bytes.fromhex(RFC5769_IPV6))
    equal(ipv4.address(Attr.XOR_MAPPED_ADDRESS), ('192.0.2.1', 32853))
    equal(ipv6.address(Attr.XOR_MAPPED_ADDRESS), ('2001:db8:1234:5678:11:2233:4455:6677', 32853))
    message = Message(bytes.fromhex(RFC5769_LONG_TERM))
    key = long_term_key('md5', message.text(Attr.USERNAME), 'example.org', 'TheMatrIX')
    true(message.verify('sha1', key), 'long-term integrity')


@scenario('the peer writes what it reads')
def round_trip(_: World) -> None:
    for algorithm in ('sha1', 'sha256'):
        for address in (('192.0.2.7', 1), ('2001:db8::7', 65535)):
            built = Outgoing(0, 0x00A).text(Attr.USERNAME, 'abc').address(
                Attr.XOR_PEER_ADDRESS, address
            )
            message = Message(built.integrity(algorithm, b'key').fingerprint().pack())
            equal(message.text(Attr.USERNAME), 'abc')
            equal(message.address(Attr.XOR_PEER_ADDRESS), address)
            true(message.verify(algorithm, b'key') and message.fingerprint_is_right(), 'sums')


@scenario('the peer has SipHash and X25519 as published')
def primitives(_: World) -> None:
    key = bytes(range(16))
    equal(siphash24(key, bytes(range(15))).hex(), 'e545be4961ca29a1')
    equal(siphash24(key, b'').hex(), '310e0edd47db6f72')
    scalar = bytes.fromhex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4')
    point = bytes.fromhex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')
    equal(
        x25519(scalar, point).hex(),
        'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    )


@scenario("section 7's vectors follow from section 1's words")
def section7(_: World) -> None:
    cluster = bytes(range(32))
    fra, nyc = RelayKeys(cluster, 'fra-1'), RelayKeys(cluster, 'nyc-1')
    secret = tenant_secret(cluster, 'default')
    connection = '000102030405060708090a0b0c0d0e0f'
    start, shared = 1795334400123, fra.shared(nyc.public)
    key = data_key(shared, 'fra-1', 'nyc-1', 325, start)
    tag = siphash24(key, bytes.fromhex('110001456b02a10000000007' + '0102030400050009'))
    equal(shared, nyc.shared(fra.public))
    found = [
        tenant_root(cluster).hex(),
        secret.hex(),
        mint(secret, 'default', connection, 0, 1800000000)[1],
        nonce_of(tenant_root(cluster), '192.0.2.1', 1795348800),
        nonce_of(tenant_root(cluster), '2001:db8::1', 1795348800),
        fra.secret.hex(),
        fra.public.hex(),
        nyc.public.hex(),
        control_key(shared, 'fra-1', 'nyc-1').hex(),
        key.hex(),
        tag.hex(),
    ]
    equal(
        found,
        [
            'a0c158cde3e77c16773be2b69c21e20522632fdf79d2dc7bff9d4f9fe088318b',
            '5a342b21eb0e493d0ace4a889f8dd3276c336290f76267a59155fa3bbf79827a',
            'sXF7rz6BJ0IPbRwUzamHx2WbVwQUMkNQF3fQ8nt/TTg=',
            'obMatJos2gAABAGsC2UBChh3kOtBuyzDk4L6qt9zq',
            'obMatJos2gAABAGsC2UAf/yzibbeIUcrbrVAJEpYz',
            '0b9d1d4d54d78a1b1a5d9d5b197f55523f0f70c588dd77864ff2327e907b47af',
            '7d26855b8c2586b96feaa06319099ab3f9f3deaa1ce17023a7be928d517ebf16',
            '6fdac5eb4a30cbba146826cfbd045992e5485d8e80afe8340be069185667190b',
            'e362f7b464292623130a1ec537707b0b353f3e69450846abdbf988b2dfe48c10',
            'b061b39e3bbaae73e8f5b0764d95dc90',
            'f52a1b967bb83c1b',
        ],
    )


OFFER = (
    '000a00982112a442000102030405060708090a0b000600056672612d310000007f050008000001a2'
    '0244e8007f06000764656661756c74007f010010000102030405060708090a0b0c0d0e0f7f030004'
    '00000000002000080001bd52ea12d545001200080001e242e721c04b7f04000401020304ff050010'
    '000001a20244e87b0000000000000007001c0020263b5fbc9045217c65a146c9b60d5188370889a3'
    '9adaf91de9a40fa9319efcb0'
)
CLOSE = (
    '000400802112a4420c0d0e0f1011121314151617000600056672612d310000007f050008000001a2'
    '0244e800000d0004000000007f06000764656661756c74007f010010000102030405060708090a0b'
    '0c0d0e0f7f03000400000000ff050010000001a20244e87b0000000000000008001c0020da97b314'
    '5886985f50468b0c220376d27d9073c5a86547a61be75d825f7cbf29'
)
OTHER_START = (
    '011400582112a4420c0d0e0f1011121314151617000600056672612d310000007f050008000001a2'
    '0244e8000009000400000426ff050010000001a20244e87b0000000000000009001c00205fa0b7e0'
    '70265628d6c515dbc6db4cedb03381c81c8a9be521630f330d8615a5'
)
BIND = (
    '000900682112a442000102030405060708090a0b000600056672612d310000007f050008000001a2'
    '0244e800001600080001e242e112a648001200080001e240e112a656ff050010000001a20244e87b'
    '000000000000000a001c00203f2c2b0f79996fe9bf708ba3a2b89a3413bb94acc1e74c8dc6468ac4'
    'aca4bd97'
)
BOUND = (
    '010900602112a442000102030405060708090a0b000600056672612d310000007f050008000001a2'
    '0244e8007f04000401020304000d000400000078ff050010000001a20244e87b000000000000000b'
    '001c0020fe4f1eb7b95610a421bf95b8e190ccd1a61e662fe77deb4390e55cacca6ff039'
)
FORBIDDEN = (
    '011900582112a442000102030405060708090a0b000600056672612d310000007f050008000001a2'
    '0244e8000009000400000403ff050010000001a20244e87b000000000000000c001c00207d2e3ba5'
    '718e83ffcdd005b8f7fdbe87ecf6b63f402128f2f3784cd8787b6016'
)
FRA_START, NYC_START = 1795334400000, 1795334400123
FIRST, SECOND = bytes(range(12)), bytes(range(12, 24))


def control_message(
    counter: int,
    kind: Kind,
    method: Method,
    transaction: bytes,
    fill: Callable[[Outgoing], Outgoing],
) -> str:
    """What fra-1 says to nyc-1, its attributes in the order of section 7."""
    cluster = bytes(range(32))
    fra, nyc = RelayKeys(cluster, 'fra-1'), RelayKeys(cluster, 'nyc-1')
    out = Outgoing(kind, method, transaction).text(Attr.USERNAME, 'fra-1')
    fill(out.add(Attr.RELAY_START, struct.pack('!Q', FRA_START)))
    out.add(Attr.CONTROL_SEQUENCE, struct.pack('!QQ', NYC_START, counter))
    key = control_key(fra.shared(nyc.public), 'fra-1', 'nyc-1')
    return out.integrity('sha256', key).pack().hex()


def error(code: int) -> Callable[[Outgoing], Outgoing]:
    return lambda out: out.add(Attr.ERROR_CODE, bytes([0, 0, code // 100, code % 100]))


def of_connection(out: Outgoing) -> Outgoing:
    out.text(Attr.TENANT, 'default').add(Attr.CONNECTION_IDENTIFIER, bytes(range(16)))
    return out.add(Attr.CONNECTION_ROLE, bytes(4))


def offer(out: Outgoing) -> Outgoing:
    of_connection(out).address(Attr.XOR_MAPPED_ADDRESS, ('203.0.113.7', 40000))
    out.address(Attr.XOR_PEER_ADDRESS, ('198.51.100.9', 50000))
    return out.u32(Attr.SESSION_INDEX, 0x01020304)


def close(out: Outgoing) -> Outgoing:
    return of_connection(out.u32(Attr.LIFETIME, 0))


def bind(out: Outgoing) -> Outgoing:
    out.address(Attr.XOR_RELAYED_ADDRESS, ('192.0.2.10', 50000))
    return out.address(Attr.XOR_PEER_ADDRESS, ('192.0.2.20', 50002))


def bound(out: Outgoing) -> Outgoing:
    return out.u32(Attr.SESSION_INDEX, 0x01020304).u32(Attr.LIFETIME, 120)


@scenario("section 7's control messages follow from section 3's words")
def control_messages(_: World) -> None:
    for vector, *message in (
        (OFFER, 7, Kind.REQUEST, Method.CONNECT, FIRST, offer),
        (CLOSE, 8, Kind.REQUEST, Method.REFRESH, SECOND, close),
        (OTHER_START, 9, Kind.ERROR, Method.REFRESH, SECOND, error(438)),
        (BIND, 10, Kind.REQUEST, Method.CHANNEL_BIND, FIRST, bind),
        (BOUND, 11, Kind.SUCCESS, Method.CHANNEL_BIND, FIRST, bound),
        (FORBIDDEN, 12, Kind.ERROR, Method.CHANNEL_BIND, FIRST, error(403)),
    ):
        equal(control_message(*message), vector)


@scenario("section 7's bind is read as section 3 says")
def read_bind(_: World) -> None:
    cluster = bytes(range(32))
    fra, nyc = RelayKeys(cluster, 'fra-1'), RelayKeys(cluster, 'nyc-1')
    trunk = Trunk(nyc, NYC_START, 'fra-1', fra.public, FRA_START)
    messages = [Message(bytes.fromhex(text)) for text in (BIND, BOUND, FORBIDDEN)]
    for message in messages:
        trunk.verify(message)
        equal(message.method, Method.CHANNEL_BIND)
    request, accepted, forbidden = messages
    equal(request.address(Attr.XOR_RELAYED_ADDRESS), ('192.0.2.10', 50000))
    equal(request.address(Attr.XOR_PEER_ADDRESS), ('192.0.2.20', 50002))
    equal((accepted.number(Attr.SESSION_INDEX), accepted.number(Attr.LIFETIME)), (16909060, 120))
    equal(forbidden.error(), 403)
