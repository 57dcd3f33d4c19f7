"""docs/registration.md: what the directory holds a relay to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from typing import Optional, Tuple

from peer.directory import Registrar, http_request
from peer.keys import RelayKeys
from peer.relay import LOAD, ForeignRelay

from .harness import World, equal, scenario, true


def visitor(world: World) -> ForeignRelay:
    """A relay that comes, says one thing and goes."""
    name = f'visitor-{os.urandom(4).hex()}'
    return ForeignRelay(world.directory_url, world.cluster_secret, name, world.host())


def beat(relay: ForeignRelay, start: Optional[int] = None) -> Tuple[int, dict]:
    body = {
        'start': relay.start if start is None else start,
        'registryVersion': None,
        'load': LOAD,
        'draining': True,
    }
    return relay.registrar.call('POST', '/beat', body)


def put(relay: ForeignRelay, **changes: object) -> Tuple[int, dict]:
    """Draining, so that no scenario is sent to it meanwhile."""
    body = {'record': {**relay.record(), **changes}, 'load': LOAD, 'draining': True}
    return relay.registrar.call('PUT', '/registration', body)


@scenario('registration: a relay comes, beats and goes')
def life(world: World) -> None:
    relay = visitor(world)
    equal(beat(relay)[0], 404, 'a beat before the registration')
    status, answer = put(relay)
    equal(status, 200)
    records = {one['id']: one for one in answer['registry']['relays']}
    equal(records[relay.id], relay.record())
    true('a-1' in records, 'the others are named')
    status, answer = beat(relay)
    equal((status, 'registry' in answer), (200, True), 'a beat without a version')
    gone = f'/registration?start={relay.start}'
    equal(relay.registrar.call('DELETE', gone)[0], 204)
    equal(relay.registrar.call('DELETE', gone)[0], 204, 'once more')
    equal(beat(relay)[0], 404, 'a beat afterwards')


@scenario('registration: the later start wins')
def starts(world: World) -> None:
    relay = visitor(world)
    equal(put(relay)[0], 200)
    equal(put(relay)[0], 200, 'a repeat')
    status, answer = put(relay, start=relay.start - 1)
    equal((status, answer['code'], answer['lastStart']), (409, 'start-too-low', relay.start))
    equal(put(relay, start=relay.start + 5)[0], 200)
    status, answer = beat(relay)
    equal((status, answer['code'], answer['lastStart']), (409, 'superseded', relay.start + 5))
    old = relay.registrar.call('DELETE', f'/registration?start={relay.start}')
    equal(old[0], 409, 'the older process takes its leave')
    relay.registrar.call('DELETE', f'/registration?start={relay.start + 5}')
    status, answer = put(relay)
    equal((status, answer['code']), (409, 'start-too-low'), 'the start outlives its registration')


@scenario('registration: a record that breaks a rule is refused')
def records(world: World) -> None:
    relay = visitor(world)
    taken = {'address': world.service('a-1')[0], 'port': world.service('a-1')[1]}
    other = base64.b64encode(RelayKeys(world.cluster_secret, 'a-1').public).decode()
    for what, status, changes in (
        ("another relay's id", 400, {'id': 'a-1'}),
        ("another relay's key", 400, {'publicKey': other}),
        ('no key', 400, {'publicKey': ''}),
        ('a start in two days', 400, {'start': relay.start + 2 * 86_400_000}),
        ('a wildcard', 400, {'serviceAddresses': [{'address': '0.0.0.0', 'port': 1}]}),
        ('a multicast', 400, {'trunkSources': [{'address': '224.0.0.1', 'port': 1}]}),
        ('no port', 400, {'trunkAddresses': [{'address': '192.0.2.1', 'port': 0}]}),
        ('no address', 400, {'serviceAddresses': []}),
        ('65 sources', 400, {'trunkSources': [{'address': '192.0.2.1', 'port': 1}] * 65}),
        ('a taken address', 409, {'serviceAddresses': [taken]}),
    ):
        equal(put(relay, **changes)[0], status, what)
    equal(beat(relay)[0], 404, 'nothing of it was registered')


@scenario('registration: what is not signed as it must be is refused')
def signatures(world: World) -> None:
    relay = visitor(world)
    path = f'/v1/relays/{relay.id}/registration?start={relay.start}'

    def attempt(key: bytes, age_ms: int = 0, nonce: str = '', signed: str = path) -> int:
        when = str(int(time.time() * 1000) - age_ms)
        nonce = nonce or os.urandom(16).hex()
        lines = ['turnpike registration request v1', 'DELETE', signed, when, nonce]
        digest = hmac.new(key, ''.join(f'{line}\n' for line in lines).encode(), hashlib.sha256)
        headers = {
            'turnpike-time': when,
            'turnpike-nonce': nonce,
            'turnpike-signature': base64.b64encode(digest.digest()).decode(),
        }
        return http_request(world.directory_url, 'DELETE', path, b'', headers)[0].status

    key = relay.keys.registration
    nonce = os.urandom(16).hex()
    equal(attempt(key, nonce=nonce), 204, 'properly signed')
    equal(attempt(key, nonce=nonce), 401, 'a nonce used twice')
    equal(attempt(RelayKeys(world.cluster_secret, 'a-1').registration), 401, 'another key')
    equal(attempt(key, signed=path + '1'), 401, 'another path')
    for age_ms in (-70_000, 70_000):
        equal(attempt(key, age_ms), 401, f'a clock {age_ms} ms off')
    for age_ms in (-40_000, 40_000):
        equal(attempt(key, age_ms), 204, f'a clock {age_ms} ms off')
    status = http_request(world.directory_url, 'DELETE', path, b'', {})[0].status
    equal(status, 401, 'no signature')
    stranger = Registrar(world.directory_url, 'a-1', key)
    try:
        stranger.call('DELETE', '/registration?start=1')
        raise AssertionError('another relay was deregistered')
    except AssertionError as error:
        true(': 401 ' in str(error), str(error))
