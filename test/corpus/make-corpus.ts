/**
 * Writes packets.txt: `node --import tsx test/corpus/make-corpus.ts`. The verdicts are written here
 * by hand from PROTOCOL.md; both forwarders must give the same.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import type { TrunkDatagram } from '../../src/trunk/datagram.js';
import { encodeTrunkDatagram } from '../trunk/encode-datagram.js';
import { addPathProbes } from './path-probe-packets.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex') || '-';
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const TODAY = 325;
const NOW_SECOND = 5_000;
const NOW_NS = BigInt(NOW_SECOND) * 1_000_000_000n;
/** The key for sending, and the keys of the relay with index 2 by epoch. */
const SEND_KEY = bytes('b061b39e3bbaae73e8f5b0764d95dc90');
const KEYS: Record<number, Uint8Array> = {
  323: bytes('33333333333333333333333333333333'),
  324: bytes('000102030405060708090a0b0c0d0e0f'),
  325: bytes('101112131415161718191a1b1c1d1e1f'),
  326: bytes('202122232425262728292a2b2c2d2e2f'),
};
const OTHER_KEY = bytes('ffffffffffffffffffffffffffffffff');
const LANE = 3;
const FIRST_SEQUENCE = 0x6b02a100_0000_0007n;

const lines: string[] = [];
const add = (...text: string[]) => lines.push(...text);
let sequence = 0x6b02a200_0000_0000n;
let ownSequence = FIRST_SEQUENCE;
let flowSequence = 0;

const V4 = '0 203.0.113.7:40000';
const V6 = '1 [2001:db8::7]:40000';
const RELAY = '0 192.0.2.20:3480';
const DESTINATION = 'trunk 0 192.0.2.21:3480';

function client(name: string, source: string, packet: Uint8Array, verdict: string, out?: string) {
  add(`client ${name} ${source} ${hex(packet)} ${verdict}${out === undefined ? '' : ` > ${out}`}`);
}

function record(payload: Uint8Array): string {
  const datagram: TrunkDatagram = {
    type: 'data',
    lane: LANE,
    epoch: TODAY,
    sequence: ownSequence++,
    records: [{ sessionIndex: 0x01020304, sessionSequence: flowSequence++, payload }],
  };
  return `${DESTINATION} ${hex(encodeTrunkDatagram(datagram, SEND_KEY))}`;
}

function trunk(
  name: string,
  packet: Uint8Array,
  verdict: string,
  results: readonly string[] = [],
  source = RELAY,
) {
  add(`trunk ${name} ${source} ${hex(packet)} ${verdict}${results.map((r) => ` ${r}`).join('')}`);
}

function data(records: TrunkDatagram & { type: 'data' }, key = KEYS[records.epoch] ?? OTHER_KEY) {
  return encodeTrunkDatagram(records, key);
}

type Overrides = Partial<Omit<TrunkDatagram & { type: 'data' }, 'type' | 'records'>>;
const to = (sessionIndex: number, payload: string, sessionSequence = 0) => ({
  sessionIndex,
  sessionSequence,
  payload: bytes(payload),
});
const make = (
  records: ReturnType<typeof to>[],
  overrides: Overrides = {},
): TrunkDatagram & { type: 'data' } => ({
  type: 'data',
  lane: 0,
  epoch: TODAY,
  sequence: ++sequence,
  records,
  ...overrides,
});
const toV4 = (payload: string) =>
  `> client ${V4} ${hex(encodeChannelData(0x4001, bytes(payload)))}`;
const toV6 = (payload: string) =>
  `> client ${V6} ${hex(encodeChannelData(0x4fff, bytes(payload)))}`;

add(
  '# Packets with verdicts (made by make-corpus.ts): the data plane and the TypeScript codec both',
  '# run this file, line after line on the same tables.',
  '#',
  '# today EPOCH | now MONOTONIC_NS | lane LANE FIRST_SEQUENCE',
  '# relay INDEX SOCKET DESTINATION; its lists: source A:P | send EPOCH KEY | receive EPOCH KEY',
  '# path SOCKET REMOTE HEARD, of the relay above: unknown, answered or unanswered',
  '# flow SOCKET REMOTE CHANNEL trunk RELAY INDEX | flow … client SOCKET REMOTE CHANNEL',
  '# session INDEX RELAY SOCKET REMOTE CHANNEL',
  '# Either may end with `until SECOND`, of the monotonic clock: from that on it has expired.',
  '# client|trunk NAME SOCKET SOURCE HEX VERDICT [RESULT…], a RESULT being what leaves,',
  '# `> SIDE SOCKET DESTINATION HEX`, or `! VERDICT` of a record that does not. `-` is no bytes.',
  `today ${TODAY}`,
  `now ${NOW_NS}`,
  `lane ${LANE} ${FIRST_SEQUENCE}`,
  'relay 2 0 192.0.2.21:3480',
  'source 192.0.2.20:3480',
  'source 192.0.2.22:3481',
  `send 324 ${hex(OTHER_KEY)}`,
  `send 325 ${hex(SEND_KEY)}`,
  `send 326 ${hex(OTHER_KEY)}`,
  'path 0 192.0.2.20:3480 answered',
  'path 1 192.0.2.20:3480 unanswered',
  'path 0 192.0.2.22:3490 unanswered',
  ...[324, 325, 326].map((epoch) => `receive ${epoch} ${hex(KEYS[epoch] ?? OTHER_KEY)}`),
  // A relay without keys.
  'relay 4 0 192.0.2.40:3480',
  'source 192.0.2.40:3480',
  `flow ${V4} 0x4000 trunk 2 ${0x01020304}`,
  `flow ${V4} 0x4002 client ${V6} 0x4abc`,
  `flow ${V6} 0x4fff client ${V4} 0x4001`,
  `flow ${V4} 0x4004 trunk 4 1`,
  `session 7 2 ${V4} 0x4001`,
  `session 8 2 ${V6} 0x4fff`,
  `session 9 4 ${V4} 0x4001`,
  `flow ${V4} 0x4008 client ${V6} 0x4abc until ${NOW_SECOND + 1}`,
  `flow ${V4} 0x4009 client ${V6} 0x4abc until ${NOW_SECOND}`,
  `flow ${V4} 0x400a trunk 2 ${0x01020304} until ${NOW_SECOND - 1}`,
  `session 10 2 ${V4} 0x4001 until ${NOW_SECOND + 1}`,
  `session 11 2 ${V4} 0x4001 until ${NOW_SECOND}`,
);

const HELLO = bytes('68656c6c6f');
const channelData = (channel: number, length: number, rest: string) =>
  bytes(`${channel.toString(16).padStart(4, '0')}${length.toString(16).padStart(4, '0')}${rest}`);

client('good', V4, encodeChannelData(0x4000, HELLO), 'client_to_trunk', record(HELLO));
client(
  'no-payload',
  V4,
  encodeChannelData(0x4000, bytes('')),
  'client_to_trunk',
  record(bytes('')),
);
for (const padding of ['00', '0000', 'ffffff']) {
  const packet = channelData(0x4000, 5, `68656c6c6f${padding}`);
  client(`padded-${padding.length / 2}`, V4, packet, 'client_to_trunk', record(HELLO));
}
const long = new Uint8Array(1_424).map((_, i) => i);
client('recommended-size', V4, encodeChannelData(0x4000, long), 'client_to_trunk', record(long));
client(
  'same-relay',
  V4,
  encodeChannelData(0x4002, HELLO),
  'client_to_client',
  `client ${V6} ${hex(encodeChannelData(0x4abc, HELLO))}`,
);
client(
  'same-relay-back',
  V6,
  encodeChannelData(0x4fff, HELLO),
  'client_to_client',
  `client ${V4} ${hex(encodeChannelData(0x4001, HELLO))}`,
);
client('no-key', V4, encodeChannelData(0x4004, HELLO), 'trunk_no_key');
client('unknown-channel', V4, encodeChannelData(0x4001, HELLO), 'channel_unknown');
client(
  'last-second',
  V4,
  encodeChannelData(0x4008, HELLO),
  'client_to_client',
  `client ${V6} ${hex(encodeChannelData(0x4abc, HELLO))}`,
);
client('expired', V4, encodeChannelData(0x4009, HELLO), 'channel_expired');
client('expired-to-trunk', V4, encodeChannelData(0x400a, HELLO), 'channel_expired');
client('unknown-port', '0 203.0.113.7:40001', encodeChannelData(0x4000, HELLO), 'channel_unknown');
client('unknown-ip', '0 203.0.113.8:40000', encodeChannelData(0x4000, HELLO), 'channel_unknown');
client('other-socket', '2 203.0.113.7:40000', encodeChannelData(0x4000, HELLO), 'channel_unknown');
client('padded-4', V4, channelData(0x4000, 5, '68656c6c6f00000000'), 'channel_data_malformed');
client('too-short', V4, channelData(0x4000, 6, '68656c6c6f'), 'channel_data_malformed');
client('length-huge', V4, channelData(0x4000, 0xffff, '00'), 'channel_data_malformed');
client('half-a-header', V4, bytes('400000'), 'channel_data_malformed');
client('one-byte', V4, bytes('40'), 'channel_data_malformed');
client('port-zero', '0 203.0.113.7:0', encodeChannelData(0x4000, HELLO), 'source_port_zero');
client('empty', V4, bytes(''), 'client_unknown_protocol');
for (const first of ['04', '13', '14', '16', '3f', '80', 'ff']) {
  client(`first-byte-${first}`, V4, bytes(`${first}00000568656c6c6f`), 'client_unknown_protocol');
}
for (const first of ['50', '7f']) {
  client(`first-byte-${first}`, V4, bytes(`${first}00000568656c6c6f`), 'channel_unknown');
}

const stun = (type: string, body = '', length = body.length / 2) =>
  bytes(`${type}${length.toString(16).padStart(4, '0')}2112a442${'0b'.repeat(12)}${body}`);
client('binding-request', V4, stun('0001'), 'client_punted');
client('binding-indication', V4, stun('0011'), 'client_punted');
const PEER = '00120008000174b1eae0c3a5';
const DATA = '0013000568656c6c6f000000';
client('send', V4, stun('0016', PEER + DATA), 'send_no_allocation');
client('send-dont-fragment', V4, stun('0016', `${PEER}001a0000${DATA}`), 'send_no_allocation');
client('send-without-data', V4, stun('0016', PEER), 'send_malformed');
client('send-without-peer', V4, stun('0016', DATA), 'send_malformed');
client('send-unknown-required', V4, stun('0016', `${PEER}${DATA}7abc0000`), 'send_malformed');
client('send-unknown-optional', V4, stun('0016', `${PEER}${DATA}fabc0000`), 'send_no_allocation');
client('send-family-3', V4, stun('0016', `001200080003${PEER.slice(12)}${DATA}`), 'send_malformed');
client('send-value-cut', V4, stun('0016', `${PEER}00130005`), 'send_malformed');
client('unknown-method', V6, stun('0abc'.replace('abc', '0ef')), 'client_punted');
client('request-with-body', V4, stun('0003', '8022000461626364'), 'client_punted');
client('success-response', V4, stun('0101'), 'client_stun_response');
client('error-response', V4, stun('0111'), 'client_stun_response');
client('stun-19-bytes', V4, stun('0001').subarray(0, 19), 'stun_malformed');
client('stun-longer', V4, bytes(`${hex(stun('0001'))}00`), 'stun_malformed');
client('stun-length-odd', V4, stun('0001', '616263'), 'stun_malformed');
client('stun-length-less', V4, stun('0001', '8022000461626364', 4), 'stun_malformed');
client(
  'stun-no-cookie',
  V4,
  bytes(hex(stun('0001')).replace('2112a442', '2112a443')),
  'stun_malformed',
);
client('stun-one-byte', V4, bytes('00'), 'stun_malformed');

trunk('stun-request', stun('000a'), 'trunk_punted');
trunk('stun-response', stun('010a'), 'trunk_punted');
trunk('stun-malformed', stun('000a', '616263'), 'stun_malformed');
trunk('empty', bytes(''), 'trunk_unknown_protocol');
for (const first of ['0f', '04', '20', '21', '40', 'f1']) {
  const packet = data(make([to(7, 'aa')]));
  packet[0] = Number.parseInt(first, 16);
  trunk(`first-byte-${first}`, packet, 'trunk_unknown_protocol');
}
const single = data(make([to(7, '68656c6c6f')]));
trunk('port-zero', single, 'source_port_zero', [], '0 192.0.2.20:0');
trunk('unknown-source-port', single, 'trunk_unknown_source', [], '0 192.0.2.20:3481');
trunk('unknown-source-ip', single, 'trunk_unknown_source', [], '0 192.0.2.21:3480');
trunk('single', single, 'trunk_data', [toV4('68656c6c6f')]);
trunk('replay', single, 'trunk_replayed');
trunk('replay-from-another-source', single, 'trunk_replayed', [], '0 192.0.2.22:3481');
trunk('second-source', data(make([to(7, '01')])), 'trunk_data', [toV4('01')], '0 192.0.2.22:3481');
trunk('no-payload', data(make([to(7, '')])), 'trunk_data', [toV4('')]);
trunk('three-records', data(make([to(7, '0102'), to(8, '030405'), to(7, '')])), 'trunk_data', [
  toV4('0102'),
  toV6('030405'),
  toV4(''),
]);
trunk('lane-255', data(make([to(7, '01')], { lane: 255, sequence: 1n })), 'trunk_data', [
  toV4('01'),
]);
trunk('sequence-zero', data(make([to(7, '01')], { lane: 9, sequence: 0n })), 'trunk_too_old');
trunk('yesterday', data(make([to(7, '02')], { epoch: 324 })), 'trunk_data', [toV4('02')]);
trunk('tomorrow', data(make([to(7, '03')], { epoch: 326 })), 'trunk_data', [toV4('03')]);
trunk('day-before-yesterday', data(make([to(7, '02')], { epoch: 323 })), 'trunk_wrong_epoch');
trunk('far-future', data(make([to(7, '02')], { epoch: 65_535 })), 'trunk_wrong_epoch');
trunk('no-keys-yet', data(make([to(9, '02')])), 'trunk_wrong_epoch', [], '0 192.0.2.40:3480');
trunk('wrong-key', data(make([to(7, '02')]), OTHER_KEY), 'trunk_wrong_tag');
const flipped = data(make([to(7, '0102'), to(8, '03')]));
for (const offset of [1, 4, 11, 12, 19, 23, 26, 37]) {
  const packet = flipped.slice();
  packet[offset] = (packet[offset] ?? 0) ^ 1;
  trunk(`flipped-byte-${offset}`, packet, 'trunk_wrong_tag');
}
const payloadChanged = flipped.slice();
payloadChanged[28] = 0xee;
trunk('payload-is-not-tagged', payloadChanged, 'trunk_data', [toV4('ee02'), toV6('03')]);
trunk('unbound', data(make([to(6, 'aa')])), 'trunk_data', ['! trunk_unbound']);
trunk(
  'unbound-among-bound',
  data(make([to(7, '01'), to(4_000_000_000, 'aa'), to(8, '02')])),
  'trunk_data',
  [toV4('01'), '! trunk_unbound', toV6('02')],
);
trunk('anothers-index', data(make([to(9, 'aa')])), 'trunk_data', ['! trunk_unbound']);
for (const length of [1, 4, 19]) {
  trunk(`header-of-${length}`, data(make([to(7, '01')])).subarray(0, length), 'trunk_malformed');
}
for (const length of [20, 27, 29]) {
  trunk(`cut-to-${length}`, data(make([to(7, '0102')])).subarray(0, length), 'trunk_malformed');
}
trunk('trailing-byte', bytes(`${hex(data(make([to(7, '01')])))}00`), 'trunk_malformed');
trunk(
  'trailing-half-header',
  bytes(`${hex(data(make([to(7, '01')])))}00000007`),
  'trunk_malformed',
);
for (const type of [0, 6, 15]) {
  const packet = data(make([to(7, '01')]));
  packet[0] = 0x10 | type;
  trunk(`type-${type}`, packet, 'trunk_unknown_type');
}

// Reordering: each sequence within the window is accepted once.
const base = sequence + 10_000n;
const at = (n: bigint) => data(make([to(8, '05')], { sequence: n }));
trunk('jump-ahead', at(base), 'trunk_data', [toV6('05')]);
trunk('one-behind', at(base - 1n), 'trunk_data', [toV6('05')]);
trunk('1024-behind', at(base - 1_024n), 'trunk_data', [toV6('05')]);
trunk('1024-behind-again', at(base - 1_024n), 'trunk_replayed');
trunk('one-behind-again', at(base - 1n), 'trunk_replayed');
trunk('same-again', at(base), 'trunk_replayed');
trunk('far-behind', at(base - 5_000n), 'trunk_too_old');
trunk('one-ahead', at(base + 1n), 'trunk_data', [toV6('05')]);
sequence = base + 100n;

const probe = (overrides: Partial<TrunkDatagram & { type: 'probe' }>): TrunkDatagram => ({
  type: 'probe',
  lane: 0,
  epoch: TODAY,
  sequence: ++sequence,
  timestampNs: 0x0102030405060708n,
  number: 0xdeadbeef,
  ...overrides,
});
const tagged = (datagram: TrunkDatagram) =>
  encodeTrunkDatagram(datagram, KEYS[datagram.epoch] ?? OTHER_KEY);
const firstProbe = tagged(probe({}));
const reply = encodeTrunkDatagram(
  {
    type: 'probe-reply',
    lane: LANE,
    epoch: TODAY,
    sequence: ownSequence++,
    timestampNs: 0x0102030405060708n,
    number: 0xdeadbeef,
  },
  SEND_KEY,
);
trunk('probe', firstProbe, 'trunk_probe', [`> trunk ${RELAY} ${hex(reply)}`]);
trunk('probe-replayed', firstProbe, 'trunk_replayed');
const probeReply = (timestampNs: bigint) =>
  tagged({
    type: 'probe-reply',
    lane: 0,
    epoch: TODAY,
    sequence: ++sequence,
    timestampNs,
    number: 5,
  });
trunk('probe-reply', probeReply(NOW_NS - 1_500_000n), 'trunk_probe_reply');
trunk('probe-reply-from-the-future', probeReply(NOW_NS + 1n), 'trunk_probe_stale');
trunk('probe-reply-ancient', probeReply(1n), 'trunk_probe_stale');
trunk('probe-long', bytes(`${hex(tagged(probe({})))}00`), 'trunk_malformed');
trunk('probe-short', tagged(probe({})).subarray(0, 31), 'trunk_malformed');
const badProbe = tagged(probe({}));
badProbe[31] = (badProbe[31] ?? 0) ^ 1;
trunk('probe-flipped', badProbe, 'trunk_wrong_tag');

addPathProbes({
  trunk,
  tagged,
  makeData: (lane) => data(make([to(7, '01')], { lane })),
  toPeer: toV4('01'),
  nextSequence: () => ++sequence,
  ours: { key: SEND_KEY, lane: LANE, firstSequence: FIRST_SEQUENCE },
  relay: RELAY,
  today: TODAY,
  nowNs: NOW_NS,
});

trunk('last-second', data(make([to(10, '01')])), 'trunk_data', [toV4('01')]);
trunk('expired', data(make([to(11, '02')])), 'trunk_data', ['! trunk_expired']);
trunk('expired-among-others', data(make([to(11, '03'), to(10, '04')])), 'trunk_data', [
  '! trunk_expired',
  toV4('04'),
]);

writeFileSync(join(import.meta.dirname, 'packets.txt'), `${lines.join('\n')}\n`);
