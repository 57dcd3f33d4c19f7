import type { KeyObject } from 'node:crypto';
import { formatAddress, type TransportAddress } from '../address.js';
import { sharedSecret, trunkDataKey, trunkEpoch } from '../auth/keys.js';
import type { UnixMs } from '../clock.js';
import type { TrunkKey, TrunkPeer } from '../native/types.js';
import type { RelayRecord } from '../registry/types.js';
import { type ControlKeys, controlKeys } from './control-keys.js';
import type { RelayPaths } from './paths.js';
import type { UnreachableReason } from './reachability.js';

/** What this relay is to the others. */
export interface LocalRelay {
  readonly id: string;
  /** RELAY-START, Unix milliseconds. Raised once, when the directory knows of a later one. */
  start: number;
  readonly privateKey: KeyObject;
}

/** One of our trunk sockets. */
export interface TrunkSocket {
  /** What it is bound to. */
  readonly address: TransportAddress;
  /**
   * The IP to send from where the socket is bound to a wildcard: others drop what comes from an
   * address that our registration does not list. It may change while the relay runs.
   */
  local: string | undefined;
}

/** The path to another relay: our socket and its address, of one family. */
export interface PathAddresses {
  readonly socket: number;
  readonly local?: string;
  readonly destination: TransportAddress;
}

/**
 * Another relay as this one knows it: its registration, the keys shared with it and its index in
 * the data plane. Lives as long as the registry, or a leg, knows the relay.
 */
export class RemoteRelay {
  readonly id: string;
  readonly relayIndex: number;
  /** The newest RELAY-START seen, in the registry or in an authentic message. */
  start: number;
  record: RelayRecord;
  /**
   * The start of a process whose clock was ahead, after another one has taken its place: what was
   * recorded of it is not believed when that time has come.
   */
  startDisowned = Number.NEGATIVE_INFINITY;
  /** The path in use; undefined when no trunk address family is in common. */
  path: PathAddresses | undefined;
  /** Why no path serves, while none does. */
  unreachable: UnreachableReason | undefined;
  /** Established connections that cross this trunk; the probes' pace follows it. */
  connections = 0;

  readonly #local: LocalRelay;
  #shared: Uint8Array;
  #keys: ControlKeys;
  #sources: ReadonlySet<string>;

  /**
   * @param local - this relay
   * @param record - the other relay's registration
   * @param relayIndex - its index in the data plane
   */
  constructor(local: LocalRelay, record: RelayRecord, relayIndex: number) {
    this.id = record.id;
    this.relayIndex = relayIndex;
    this.start = record.start;
    this.record = record;
    this.#local = local;
    this.#shared = sharedSecret(local.privateKey, Buffer.from(record.publicKey, 'base64'));
    this.#keys = controlKeys(this.#shared, local.id, record.id);
    this.#sources = sourcesOf(record);
  }

  /** Trunk control key for messages to this relay, 32 bytes. */
  get sendKey(): Uint8Array {
    return this.#keys.sendKey;
  }

  /** Trunk control key for messages from this relay, 32 bytes. */
  get receiveKey(): Uint8Array {
    return this.#keys.receiveKey;
  }

  /** Whether the registration lists the address as one the relay sends from. */
  sendsFrom(source: TransportAddress): boolean {
    return this.#sources.has(formatAddress(source));
  }

  /**
   * Takes a newer registration of the same relay.
   * @returns whether the data plane must be told
   */
  update(record: RelayRecord): boolean {
    if (JSON.stringify(record) === JSON.stringify(this.record)) return false;
    if (record.publicKey !== this.record.publicKey) {
      this.#shared = sharedSecret(this.#local.privateKey, Buffer.from(record.publicKey, 'base64'));
      this.#keys = controlKeys(this.#shared, this.#local.id, this.id);
    }
    this.record = record;
    this.#sources = sourcesOf(record);
    return true;
  }

  /**
   * The data plane's view of this relay: keys for today and tomorrow to send with, for yesterday
   * to tomorrow to receive with (PROTOCOL.md section 4).
   * @param now - Unix milliseconds
   * @param paths - what its paths come to
   * @returns undefined when there is no path, or nothing that the relay may send from
   */
  trunkPeer(now: UnixMs, paths: RelayPaths['forPlane']): TrunkPeer | undefined {
    if (this.path === undefined || this.record.trunkSources.length === 0) return undefined;
    const today = trunkEpoch(now);
    return {
      sources: this.record.trunkSources,
      ...this.path,
      sendKeys: [today, today + 1].map((epoch) => this.#dataKey('send', epoch)),
      receiveKeys: [today - 1, today, today + 1]
        .filter((epoch) => epoch >= 0)
        .map((epoch) => this.#dataKey('receive', epoch)),
      recordsMax: this.record.recordsMax,
      ...paths,
    };
  }

  /** The key that the relay tags with on a day, 16 bytes. */
  receiveDataKey(epoch: number): Uint8Array {
    return this.#dataKey('receive', epoch).key;
  }

  #dataKey(direction: 'send' | 'receive', epoch: number): TrunkKey {
    const local = this.#local;
    const ends =
      direction === 'send'
        ? { senderId: local.id, receiverId: this.id, receiverStart: this.start }
        : { senderId: this.id, receiverId: local.id, receiverStart: local.start };
    return { epoch, key: trunkDataKey({ shared: this.#shared, epoch, ...ends }) };
  }
}

function sourcesOf(record: RelayRecord): ReadonlySet<string> {
  return new Set(record.trunkSources.map(formatAddress));
}
