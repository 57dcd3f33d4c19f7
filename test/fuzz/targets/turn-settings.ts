import { canonicalIp } from '../../../src/address.js';
import { parseCoturnFile } from '../../../src/cli/coturn/coturn-file.js';
import { coturnOptions } from '../../../src/cli/coturn/coturn-options.js';
import { parsePeerRange } from '../../../src/turn/peer-ranges.js';
import { parsePortRange } from '../../../src/turn-server/port-range.js';
import { AUTO, parseRelayAddress } from '../../../src/turn-server/relay-addresses.js';
import { parseStunServer } from '../../../src/turn-server/stun-server-name.js';
import { assertThat, bytesOf, type FuzzTarget, outcomeOf, textOf } from '../target.js';

const relayAddresses: FuzzTarget = {
  name: 'relay-address',
  about: 'relay addresses of a TURN server, the range of their ports, and STUN servers',
  seeds: () =>
    ['10.0.0.5/192.0.2.10', '2001:db8::1', '49152-65535', 'auto', 'stun.example.org:3478'].map(
      bytesOf,
    ),
  words: [
    'auto',
    '[',
    ']',
    ':3478',
    '.',
    '/',
    '-',
    '::',
    '0.0.0.0',
    '65536',
    '1023',
    '1024-1025',
    ' ',
  ],
  run: (input) => {
    const text = textOf(input);
    const range = outcomeOf(() => {
      const { min, max } = parsePortRange(text);
      assertThat(min >= 1_024 && max <= 65_535 && min < max, 'no range of ports');
    });
    const address = outcomeOf(() => {
      const relay = parseRelayAddress(text);
      for (const each of [relay.address, relay.advertised]) {
        assertThat(each === AUTO || canonicalIp(each) === each, 'an address that is not canonical');
      }
    });
    const stun = outcomeOf(() => {
      const { host, port } = parseStunServer(text);
      assertThat(port >= 1 && port <= 65_535, 'no port');
      assertThat(host !== '' && !/[\s/%[\]]/.test(host), 'no host');
    });
    return `${range} ${address} ${stun}`;
  },
};

const COTURN_HOST = { hasIpv6: true, byDefaultRoute: { 4: '10.0.0.5', 6: '2001:db8::5' } };

const coturn: FuzzTarget = {
  name: 'coturn-config',
  about: "coturn's turnserver.conf, and the options that it gives",
  seeds: () =>
    [
      'listening-ip=10.0.0.5\nexternal-ip=192.0.2.1/10.0.0.5\nmin-port 49152\nno-udp=0\n',
      '# users\r\nuser = alice:0x00112233445566778899aabbccddeeff\r\nrealm="a b"\r\n',
      'use-auth-secret\nstatic-auth-secret=x\nallow-loopback-peers\ncert=/x\nuserdb=/y\n',
      'denied-peer-ip=10.0.0.0-10.255.255.255\nallowed-peer-ip=10.0.0.1\ndenied-peer-ips=1\n',
    ].map(bytesOf),
  words: [
    ...[
      '=',
      ' = ',
      '\t',
      '"',
      '#',
      ';',
      '\r\n',
      '\0',
      '/',
      '-',
      '::ffff:',
      '0x',
      'on',
      'off',
      '99999',
    ],
    ...['denied-peer-ip=', 'relay-ip=', 'external-ip=', 'aux-server=', 'prometheus\n', 'no-auth\n'],
    ...['total-quota=', 'relay-threads=', 'listening-port=', '__proto__=', 'constructor '],
  ],
  run: (input) => {
    let said = '';
    const outcome = outcomeOf(() => {
      const entries = parseCoturnFile('fuzz.conf', textOf(input));
      const isGiven = () => false;
      const { values, problems, remarks } = coturnOptions({
        ...{ file: 'fuzz.conf', entries, host: COTURN_HOST, isGiven },
      });
      const lines = (values.get('denyPeer')?.raw ?? []) as readonly string[];
      for (const { key, value, line } of entries) {
        assertThat(line >= 1 && !/[\n=]/.test(key), 'an entry without line, or two in one');
        const isTaken = key !== 'denied-peer-ip' || lines.includes(value) || value.includes('ffff');
        const isSaid = problems.some((text) => text.startsWith(`fuzz.conf:${line} (`));
        assertThat(isTaken || isSaid, 'a denied peer is dropped silently');
      }
      for (const range of lines) parsePeerRange(range);
      assertThat(remarks.length > 0, 'nothing is said');
      said = `${[...values.keys()].join()} ${problems.length > 0}`;
    });
    return `${outcome} ${said}`;
  },
};

/** Settings of a TURN server, as text. */
export const TURN_SETTINGS: readonly FuzzTarget[] = [relayAddresses, coturn];
