import {
  formatAddress,
  parseAddress,
  sameAddress,
  type TransportAddress,
} from '../../src/address.js';
import type { Heard } from '../../src/native/types.js';
import { readU16 } from '../../src/stun/bytes.js';
import { decodeChannelData, encodeChannelData } from '../../src/stun/channel-data.js';
import { decodeMessage } from '../../src/stun/message.js';
import {
  decodeTrunkDatagram,
  PATH_PROBE_BYTES,
  type TrunkDatagram,
  type TrunkRecord,
  verifyTrunkTag,
} from '../../src/trunk/datagram.js';
import { encodeTrunkDatagram } from '../trunk/encode-datagram.js';

/** The source or destination of a packet. */
export interface Path {
  readonly socket: number;
  readonly remote: TransportAddress;
}

/** A relay of the corpus. */
export interface CorpusRelay {
  readonly path: Path;
  readonly sources: TransportAddress[];
  readonly sendKeys: Map<number, Uint8Array>;
  readonly receiveKeys: Map<number, Uint8Array>;
  readonly paths: { readonly path: Path; readonly heard: Heard; probes?: number }[];
}

/** The second from which on an entry has expired; undefined for never. */
type Until = number | undefined;

type FlowAction =
  | { readonly type: 'trunk'; readonly relayIndex: number; readonly sessionIndex: number }
  | { readonly type: 'client'; readonly path: Path; readonly channel: number };

/** The outcome of a packet, in the form of the corpus. */
export interface Outcome {
  readonly verdict: string;
  readonly results: string[];
}

const NS_PER_SECOND = 1_000_000_000n;
const PROBE_AGE_NS_MAX = 60_000_000_000n;
const COOKIE = 0x2112a442;
const PROBE_LANE_FIRST = 112;
const SEND_INDICATION = 0x0016;
const [XOR_PEER_ADDRESS, DATA, DONT_FRAGMENT] = [0x0012, 0x0013, 0x001a];

const keyOf = ({ socket, remote }: Path, channel: number) =>
  `${socket} ${formatAddress(remote)} ${channel}`;

/** Checks the parts of RFC 8489 section 5 that a forwarder checks before it punts a message. */
function stunClass(bytes: Uint8Array): 'malformed' | 'response' | 'other' {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20 || view.getUint32(4) !== COOKIE) return 'malformed';
  const bodyBytes = view.getUint16(2);
  if (bodyBytes % 4 !== 0 || bodyBytes !== bytes.length - 20) return 'malformed';
  return (view.getUint16(0) & 0x0100) !== 0 ? 'response' : 'other';
}

/** Returns whether a message has what a Send indication must have (RFC 8656 section 11.2). */
function isSend(bytes: Uint8Array): boolean {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return false;
  const { message } = decoded;
  const known = new Set([XOR_PEER_ADDRESS, DATA, DONT_FRAGMENT]);
  return (
    message.address(XOR_PEER_ADDRESS) !== undefined &&
    message.has(DATA) &&
    message.unknownRequired(known).length === 0
  );
}

/**
 * The data plane's rules on the TypeScript codecs, written to be read. The corpus checks that this
 * and native/forward give the same verdicts and bytes.
 */
export class ReferenceForwarder {
  today = 0;
  nowNs = 0n;
  lane = 0;
  nextSequence = 0n;
  /** Path probes and their replies have their own lane and sequence. */
  nextPathSequence = 0n;
  readonly relays = new Map<number, CorpusRelay>();
  readonly flows = new Map<string, FlowAction & { nextSessionSequence: number; until: Until }>();
  readonly sessions = new Map<
    number,
    { relayIndex: number; path: Path; channel: number; until: Until }
  >();
  /** Sequences seen, and the highest, by relay and lane. */
  readonly #seen = new Map<string, { highest: bigint; all: Set<bigint> }>();

  putFlow(path: Path, channel: number, action: FlowAction, until: Until): void {
    this.flows.set(keyOf(path, channel), { ...action, nextSessionSequence: 0, until });
  }

  #hasExpired({ until }: { until: Until }): boolean {
    return until !== undefined && this.nowNs >= BigInt(until) * NS_PER_SECOND;
  }

  client(path: Path, bytes: Uint8Array): Outcome {
    const first = bytes[0];
    if (path.remote.port === 0) return drop('source_port_zero');
    if (first === undefined) return drop('client_unknown_protocol');
    if (first <= 0x03) {
      const kind = stunClass(bytes);
      if (kind === 'malformed') return drop('stun_malformed');
      if (kind === 'response') return drop('client_stun_response');
      if (readU16(bytes, 0) === SEND_INDICATION) {
        // The corpus has no allocation.
        return drop(isSend(bytes) ? 'send_no_allocation' : 'send_malformed');
      }
      return drop('client_punted');
    }
    if (first >> 6 !== 1) return drop('client_unknown_protocol');
    const message = decodeChannelData(bytes);
    if (message === undefined) return drop('channel_data_malformed');
    const flow = this.flows.get(keyOf(path, message.channel));
    if (flow === undefined) return drop('channel_unknown');
    if (this.#hasExpired(flow)) return drop('channel_expired');
    if (flow.type === 'client') {
      const data = encodeChannelData(flow.channel, message.payload);
      return { verdict: 'client_to_client', results: [leave('client', flow.path, data)] };
    }
    const sessionSequence = flow.nextSessionSequence;
    const { sessionIndex } = flow;
    const record = { sessionIndex, sessionSequence, payload: message.payload };
    const sent = this.#sendToRelay(flow.relayIndex, { type: 'data', records: [record] });
    if (sent === undefined) return drop('trunk_no_key');
    flow.nextSessionSequence++;
    return { verdict: 'client_to_trunk', results: [sent] };
  }

  trunk(path: Path, bytes: Uint8Array): Outcome {
    if (path.remote.port === 0) return drop('source_port_zero');
    if (bytes[0] !== undefined && bytes[0] <= 0x03) {
      return drop(stunClass(bytes) === 'malformed' ? 'stun_malformed' : 'trunk_punted');
    }
    // The data plane checks the records after source and epoch. That changes no verdict, since no
    // packet of the corpus is malformed in two ways.
    const decoded = decodeTrunkDatagram(bytes);
    if (!decoded.ok) return drop(decoded.fault);
    const { datagram } = decoded;
    const found = [...this.relays].find(([, relay]) =>
      relay.sources.some((source) => sameAddress(source, path.remote)),
    );
    if (found === undefined) return drop('trunk_unknown_source');
    const [relayIndex, relay] = found;
    const key = relay.receiveKeys.get(datagram.epoch);
    if (key === undefined || Math.abs(datagram.epoch - this.today) > 1) {
      return drop('trunk_wrong_epoch');
    }
    if (!verifyTrunkTag(bytes, datagram, key)) return drop('trunk_wrong_tag');
    const replay = this.#replay(relayIndex, datagram);
    if (replay !== undefined) return drop(replay);
    return this.#open(relayIndex, datagram, path);
  }

  #open(relayIndex: number, datagram: TrunkDatagram, from: Path): Outcome {
    if (datagram.type === 'data') {
      const results = datagram.records.map((record) => this.#record(relayIndex, record));
      return { verdict: 'trunk_data', results };
    }
    const { timestampNs, number } = datagram;
    if (datagram.type === 'probe') {
      const reply = this.#sendToRelay(
        relayIndex,
        { type: 'probe-reply', timestampNs, number },
        from,
      );
      return reply === undefined
        ? drop('trunk_no_key')
        : { verdict: 'trunk_probe', results: [reply] };
    }
    if (datagram.type === 'path-probe') {
      const { probeBytes } = datagram;
      const heard = this.#heardBy(relayIndex, from);
      const received = probeBytes === PATH_PROBE_BYTES ? this.#count(relayIndex, from) : 0;
      const echo = { timestampNs, number, heard, probeBytes };
      const body = { type: 'path-probe-reply', ...echo, received } as const;
      const reply = this.#sendToRelay(relayIndex, body, from);
      return reply === undefined
        ? drop('trunk_no_key')
        : { verdict: 'trunk_probe', results: [reply] };
    }
    const ageNs = this.nowNs - timestampNs;
    return drop(ageNs < 0n || ageNs > PROBE_AGE_NS_MAX ? 'trunk_probe_stale' : 'trunk_probe_reply');
  }

  /** Returns `heard` of the path to an address; the port decides if two paths have the address. */
  #heardBy(relayIndex: number, { socket, remote }: Path): Heard {
    const paths = (this.relays.get(relayIndex)?.paths ?? []).filter(
      (each) => each.path.socket === socket && each.path.remote.address === remote.address,
    );
    const exact = paths.find((each) => each.path.remote.port === remote.port);
    return (exact ?? paths.at(-1))?.heard ?? 'unknown';
  }

  /** Counts a probe from an address of a path. @returns byte 33 of its reply; 0 for another one */
  #count(relayIndex: number, { socket, remote }: Path): number {
    const known = this.relays
      .get(relayIndex)
      ?.paths.find(({ path }) => path.socket === socket && sameAddress(path.remote, remote));
    if (known === undefined) return 0;
    known.probes = ((known.probes ?? 0) + 1) % 255;
    return known.probes + 1;
  }

  #record(relayIndex: number, { sessionIndex, payload }: TrunkRecord): string {
    const session = this.sessions.get(sessionIndex);
    if (session?.relayIndex !== relayIndex) return '! trunk_unbound';
    if (this.#hasExpired(session)) return '! trunk_expired';
    return leave('client', session.path, encodeChannelData(session.channel, payload));
  }

  #replay(relayIndex: number, { type, lane, sequence }: TrunkDatagram): string | undefined {
    const key = `${relayIndex} ${lane} ${type.startsWith('path-')}`;
    const seen = this.#seen.get(key) ?? { highest: 0n, all: new Set<bigint>() };
    this.#seen.set(key, seen);
    if (sequence === 0n || seen.highest - sequence >= 4_096n) return 'trunk_too_old';
    if (seen.all.has(sequence)) return 'trunk_replayed';
    seen.all.add(sequence);
    if (sequence > seen.highest) seen.highest = sequence;
    return undefined;
  }

  #sendToRelay(
    relayIndex: number,
    body:
      | { type: 'data'; records: TrunkRecord[] }
      | { type: 'probe-reply'; timestampNs: bigint; number: number }
      | {
          type: 'path-probe-reply';
          timestampNs: bigint;
          number: number;
          heard: Heard;
          probeBytes: number;
          received: number;
        },
    path = this.relays.get(relayIndex)?.path as Path,
  ): string | undefined {
    const relay = this.relays.get(relayIndex) as CorpusRelay;
    const epoch = Math.max(...[...relay.sendKeys.keys()].filter((day) => day <= this.today));
    const key = relay.sendKeys.get(epoch);
    if (key === undefined) return undefined;
    const header =
      body.type === 'path-probe-reply'
        ? { lane: PROBE_LANE_FIRST + (this.lane % 16), epoch, sequence: this.nextPathSequence++ }
        : { lane: this.lane, epoch, sequence: this.nextSequence++ };
    return leave('trunk', path, encodeTrunkDatagram({ ...header, ...body }, key));
  }
}

function drop(verdict: string): Outcome {
  return { verdict, results: [] };
}

function leave(side: string, { socket, remote }: Path, data: Uint8Array): string {
  const hex = Buffer.from(data).toString('hex') || '-';
  return `> ${side} ${socket} ${formatAddress(remote)} ${hex}`;
}

/** Parses `SOCKET A:P` of the corpus. */
export function parsePath(socket: string | undefined, remote: string | undefined): Path {
  return { socket: Number(socket), remote: parseAddress(remote ?? '') };
}
