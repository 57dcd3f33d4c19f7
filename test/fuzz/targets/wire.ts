import { parseAddress } from '../../../src/address.js';
import { authenticate } from '../../../src/auth/long-term.js';
import { NonceIssuer } from '../../../src/auth/nonce.js';
import type { Principal, Verifier } from '../../../src/auth/principal.js';
import { featuresOf } from '../../../src/auth/realm.js';
import { systemClock } from '../../../src/clock.js';
import { decodeBatch } from '../../../src/native/codec.js';
import {
  ENDPOINT_REPORT,
  PUNTED_DATAGRAM,
  PUNTED_EVENT,
  PuntKind,
} from '../../../src/native/interface.js';
import { OVERLAY_REALM } from '../../../src/overlay/leg-credentials.js';
import { incarnation } from '../../../src/registry/incarnation.js';
import { decodeStreamMessage, encodeStreamMessage } from '../../../src/stream/message.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import { decodeChannelData, encodeChannelData } from '../../../src/stun/channel-data.js';
import { encodeLegQuality } from '../../../src/stun/leg-quality.js';
import { decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { decodeControlMessage, encodeControlMessage } from '../../../src/trunk/control-message.js';
import { decodeSequence } from '../../../src/trunk/control-sequence.js';
import { decodeTrunkDatagram, verifyTrunkTag } from '../../../src/trunk/datagram.js';
import { decodeFrame, encodeFrame, foreignFrame } from '../../../src/udp-tunnel/frame.js';
import { readEverything } from '../../stun/read-everything.js';
import { encodeTrunkDatagram } from '../../trunk/encode-datagram.js';
import { assertThat, type FuzzTarget } from '../target.js';

const KEY = new Uint8Array(32).fill(7);
const SENDER = { id: 'fra-1', incarnation: incarnation(1) };
const METHODS: ReadonlySet<number> = new Set(Object.values(Method));
const DATA_KEY = new Uint8Array(16).fill(7);
const ID = new Uint8Array(12).fill(5);
const ROOT = new Uint8Array(32).fill(9);
const IP = '192.0.2.1';
const NONCES = new NonceIssuer({
  secret: ROOT,
  features: featuresOf(OVERLAY_REALM),
  clock: systemClock,
  lifetimeSeconds: 3_600,
});

const LEG_QUALITY = { rttMs: 21.4, jitterMs: 1.2, loss: 0.004, count: 12 };

/** A Refresh that tells what the leg is like. */
function refresh(): Uint8Array {
  return new MessageWriter('request', Method.Refresh, ID)
    .connectionIdentifier('00'.repeat(16))
    .u32(AttributeType.Lifetime, 600)
    .legQuality(LEG_QUALITY)
    .finish();
}

/** What is read of LEG-QUALITY is in bounds, and encodes to what was read. */
function checkLegQuality(message: StunMessage): void {
  const quality = message.legQuality();
  if (quality === undefined) return;
  const { rttMs, jitterMs, loss, count } = quality;
  assertThat(rttMs >= 0 && rttMs <= 6_553.5 && jitterMs >= 0 && jitterMs <= 6_553.5, 'ms');
  assertThat(loss >= 0 && loss <= 1 && count >= 1, 'loss or count');
  const again = Buffer.from(encodeLegQuality(quality));
  assertThat(again.equals(message.get(AttributeType.LegQuality) ?? again), 'encodes to another');
}

function signedAllocate(): Uint8Array {
  return new MessageWriter('request', Method.Allocate, ID)
    .requestedTransport(17)
    .connectionIdentifier('00'.repeat(16))
    .connectionRole(1)
    .address(AttributeType.XorPeerRelayAddress, { address: '2001:db8::1', port: 3_478 })
    .text(AttributeType.Username, `1800000000:default/${'00'.repeat(16)}/1`)
    .text(AttributeType.Realm, 'turnpike')
    .text(AttributeType.Nonce, NONCES.issue(IP))
    .passwordAlgorithms([2, 1])
    .passwordAlgorithm(2)
    .integrity('sha256', KEY)
    .fingerprint()
    .finish();
}

const somebody = (username: string) => ({
  principal: { username },
  isRemembered: false,
  keysFor: () => [ROOT, KEY],
  proved: () => {},
});

/** A verifier with two keys for every username, of which the second is right. */
const EVERYBODY: Verifier<Principal> = {
  find: somebody,
  findByHash: (hash) => somebody(Buffer.from(hash).toString('hex')),
};

const stun: FuzzTarget = {
  name: 'stun',
  about: 'STUN messages, every attribute read, and their authentication',
  seeds: () => [
    signedAllocate(),
    refresh(),
    new MessageWriter('request', Method.Binding, ID).finish(),
    new MessageWriter('error', Method.Connect, ID).errorCode(447, 'gone').finish(),
  ],
  run: (input) => {
    const decoded = decodeMessage(input);
    if (!decoded.ok) return decoded.reason;
    readEverything(decoded.message);
    checkLegQuality(decoded.message);
    const result = authenticate(decoded.message, {
      ip: IP,
      nonces: NONCES,
      realm: OVERLAY_REALM,
      verifier: EVERYBODY,
    });
    const { messageClass } = decoded.message;
    const method = METHODS.has(decoded.message.method) ? decoded.message.method : 'other';
    return `${messageClass} ${method} ${result.ok ? 'authentic' : result.challenge.failure}`;
  },
};

const channelData: FuzzTarget = {
  name: 'channel-data',
  about: 'ChannelData, as peers receive it',
  seeds: () => [encodeChannelData(0x4000, Uint8Array.of(1, 2, 3))],
  run: (input) => {
    const data = decodeChannelData(input);
    if (data === undefined) return 'none';
    const again = encodeChannelData(data.channel, data.payload);
    assertThat(Buffer.compare(again, input.subarray(0, again.length)) === 0, 'encodes to another');
    return `data ${Math.min(data.payload.length, 4)}`;
  },
};

const name = { tenant: 'default', connectionId: '00'.repeat(16), role: 0 } as const;
const control: FuzzTarget = {
  name: 'trunk-control',
  about: 'control messages between relays, with their sequence',
  seeds: () =>
    (
      [
        {
          type: 'offer',
          transactionId: ID,
          ...name,
          mapped: parseAddress('203.0.113.7:40000'),
          peerAddress: parseAddress('198.51.100.9:50000'),
          sessionIndex: 7,
        },
        { type: 'offer-accepted', transactionId: ID, sessionIndex: 7 },
        { type: 'close', transactionId: ID, subject: name, code: 408 },
        { type: 'close', transactionId: ID, subject: { sessionIndex: 7 } },
        {
          type: 'bind',
          transactionId: ID,
          from: parseAddress('203.0.113.7:50000'),
          to: parseAddress('[2001:db8::9]:50001'),
        },
        { type: 'bind-accepted', transactionId: ID, sessionIndex: 7, lifetimeSeconds: 120 },
        { type: 'bind-refused', transactionId: ID, code: 437 },
      ] as const
    ).map((each) =>
      encodeControlMessage(SENDER, KEY, each, {
        receiverIncarnation: SENDER.incarnation,
        counter: 1,
      }),
    ),
  run: (input) => {
    const decoded = decodeMessage(input);
    if (!decoded.ok) return decoded.reason;
    const found = decodeControlMessage(decoded.message);
    const sequence = decodeSequence(decoded.message);
    const place = typeof sequence === 'object' ? 'placed' : String(sequence);
    if (found === undefined) return `none ${place}`;
    const again = decodeMessage(encodeControlMessage(SENDER, KEY, found));
    const same = again.ok ? decodeControlMessage(again.message) : undefined;
    assertThat(same?.type === found.type, 'encodes to another');
    return `${found.type} ${place}`;
  },
};

const trunk: FuzzTarget = {
  name: 'trunk-datagram',
  about: 'trunk data and probes',
  seeds: () => {
    const header = { lane: 3, epoch: 325, sequence: 7n };
    const records = [
      { sessionIndex: 7, sessionSequence: 1, payload: Uint8Array.of(1, 2, 3) },
      { sessionIndex: 8, sessionSequence: 2, payload: new Uint8Array() },
    ];
    return [
      encodeTrunkDatagram({ type: 'data', ...header, records }, DATA_KEY),
      encodeTrunkDatagram({ type: 'probe', ...header, timestampNs: 9n, number: 1 }, DATA_KEY),
    ];
  },
  run: (input) => {
    const decoded = decodeTrunkDatagram(input);
    if (!decoded.ok) return decoded.fault;
    const { datagram } = decoded;
    verifyTrunkTag(input, datagram, DATA_KEY);
    const again = encodeTrunkDatagram(datagram, DATA_KEY);
    assertThat(verifyTrunkTag(again, datagram, DATA_KEY), 'an encoded datagram is not authentic');
    return datagram.type === 'data'
      ? `data ${Math.min(datagram.records.length, 4)}`
      : datagram.type;
  },
};

const frame: FuzzTarget = {
  name: 'peer-frame',
  about: 'frames of `turnpike peer` in UDP mode',
  seeds: () => [
    encodeFrame({ type: 'data', sequence: 1, flow: 2, payload: Uint8Array.of(3) }),
    encodeFrame({ type: 'ping', sequence: 1, stamp: 2 }),
  ],
  run: (input) => {
    const decoded = decodeFrame(input);
    if (decoded === undefined) return foreignFrame(input);
    const again = decodeFrame(encodeFrame(decoded));
    assertThat(again?.type === decoded.type, 'encodes to another');
    return decoded.type;
  },
};

const stream: FuzzTarget = {
  name: 'stream-message',
  about: 'messages of the byte stream between peers',
  seeds: () => [
    encodeStreamMessage({
      type: 'segment',
      sequence: 1,
      final: true,
      stamp: 2,
      payload: Uint8Array.of(3),
    }),
    encodeStreamMessage({
      type: 'ack',
      next: 1,
      window: 2,
      echo: 3,
      complete: false,
      ranges: [{ first: 4, last: 5 }],
    }),
  ],
  run: (input) => {
    const decoded = decodeStreamMessage(input);
    if (decoded === undefined) return 'none';
    const again = decodeStreamMessage(encodeStreamMessage(decoded));
    assertThat(again?.type === decoded.type, 'encodes to another');
    return decoded.type === 'ack' ? `ack ${Math.min(decoded.ranges.length, 3)}` : decoded.type;
  },
};

const REPORT_KINDS: readonly (number | undefined)[] = [
  PuntKind.EndpointOpened,
  PuntKind.EndpointClosed,
  PuntKind.EndpointEnded,
  PuntKind.IcmpError,
];

const EVENT_KINDS: readonly (number | undefined)[] = [
  PuntKind.ProbeReply,
  PuntKind.UnboundIndex,
  PuntKind.ClientMoved,
  PuntKind.PathProbeReply,
];
/** Maximum data of a punted datagram. */
const PUNTED_DATA_BYTES_MAX = 64;

/** Makes the input a sequence of whole records, as the addon writes; peers control only data. */
function wholeRecords(input: Uint8Array): Uint8Array {
  const bytes = input.slice();
  const view = new DataView(bytes.buffer);
  let end = 0;
  while (end < bytes.length) {
    const kind = bytes[end];
    const isEvent = EVENT_KINDS.includes(kind);
    const isReport = REPORT_KINDS.includes(kind);
    const head = isEvent ? PUNTED_EVENT : isReport ? ENDPOINT_REPORT : PUNTED_DATAGRAM;
    const headEnd = end + head.bytes;
    if (headEnd > bytes.length) break;
    if (isEvent || isReport) {
      end = headEnd;
      continue;
    }
    const lengthAt = end + PUNTED_DATAGRAM.at.dataBytes;
    const room = Math.min((bytes.length - headEnd) & ~7, PUNTED_DATA_BYTES_MAX);
    const dataBytes = view.getUint16(lengthAt, true) % (room + 1);
    view.setUint16(lengthAt, dataBytes, true);
    end = headEnd + ((dataBytes + 7) & ~7);
  }
  return bytes.subarray(0, end);
}

const punts: FuzzTarget = {
  name: 'punted-batch',
  about: 'batches that the data plane punts, with arbitrary data',
  seeds: () => [
    new Uint8Array(PUNTED_DATAGRAM.bytes),
    Uint8Array.of(PuntKind.UnboundIndex, ...new Uint8Array(PUNTED_EVENT.bytes - 1)),
    Uint8Array.of(PuntKind.IcmpError, ...new Uint8Array(ENDPOINT_REPORT.bytes - 1)),
  ],
  run: (input) => {
    const { batch, known, strangers, reports } = decodeBatch(wholeRecords(input));
    const count = batch.datagrams.length + batch.events.length;
    assertThat(known + strangers === count, 'not all are counted');
    const few = (all: readonly unknown[]) => Math.min(all.length, 3);
    return `${few(batch.datagrams)} ${few(batch.events)} ${few(reports)}`;
  },
};

export const WIRE: readonly FuzzTarget[] = [
  stun,
  channelData,
  control,
  trunk,
  frame,
  stream,
  punts,
];
