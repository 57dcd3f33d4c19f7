import { createHash } from 'node:crypto';
import {
  formatAddress,
  parseAddress,
  sameAddress,
  type TransportAddress,
} from '../../../src/address.js';
import { relayKeyPair, relaySecret, tenantRoot } from '../../../src/auth/keys.js';
import type { Clock } from '../../../src/clock.js';
import { listenerHandle, listenerOf } from '../../../src/native/transport-handle.js';
import type { OutgoingDatagram, ProbePath } from '../../../src/native/types.js';
import { type Incarnation, incarnation } from '../../../src/registry/incarnation.js';
import type { RelayRecord } from '../../../src/registry/types.js';
import { RelayCore, type RelayCoreOptions } from '../../../src/relay/relay-core.js';
import type { LocalRelay } from '../../../src/trunk/local-relay.js';
import { FakePlane } from './fake-plane.js';

/** The cluster secret of PROTOCOL.md section 7. */
export const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);

const BATCH_BYTES = 4_096;
const BATCH_HEAD_BYTES = 40;

/** A datagram in transit. */
export interface Flight {
  readonly from: TransportAddress;
  readonly to: TransportAddress;
  readonly data: Uint8Array;
}

/** A trunk probe in transit. */
export interface ProbeFlight {
  readonly from: string;
  readonly to: string;
  /** The trunk address of the destination. */
  readonly remote: TransportAddress;
  /** Undefined for a plain probe. */
  readonly bytes: number | undefined;
  /** The worker from whose port it is sent; undefined for the trunk port. */
  readonly worker: number | undefined;
}

/** A relay's core with its fake data plane. */
export interface WorldRelay {
  readonly id: string;
  readonly core: RelayCore;
  readonly plane: FakePlane;
  readonly local: LocalRelay & { incarnation: Incarnation };
  readonly service: TransportAddress;
  readonly trunk: TransportAddress;
  readonly record: RelayRecord;
}

/** A clock that only `advance` moves. */
export class ManualClock implements Clock {
  #ms = 1_795_334_400_000;
  now(): number {
    return this.#ms;
  }
  monotonic(): number {
    return this.#ms;
  }
  advance(ms: number): void {
    this.#ms += ms;
  }
}

/** Relays and peers on a simulated network, which delivers in order and loses what `lose` says. */
export class World {
  readonly clock = new ManualClock();
  readonly relays = new Map<string, WorldRelay>();
  /** Receivers of datagrams, by the peer's address. */
  readonly inboxes = new Map<string, (flight: Flight) => void>();
  /** Returns true for a datagram that the network loses. */
  lose: (flight: Flight) => boolean = () => false;
  /** The peers that send keepalives: all that have not died. */
  readonly living = new Set<{ keepAlive(): void }>();
  /** Returns whether a probe is answered; `rttMs`, after how long. */
  answers: (probe: ProbeFlight) => boolean = () => true;
  rttMs: (probe: ProbeFlight) => number = () => 1;
  /** Whether probes to registered relays that are not in this world are answered. */
  answersAll = false;
  /** Every datagram that was sent. */
  readonly log: Flight[] = [];
  /** The buffer of every batch that a relay received. */
  readonly batches: WeakRef<ArrayBuffer>[] = [];
  readonly #queue: Flight[] = [];
  /** Replies to probes in transit. */
  readonly #replies: (() => void)[] = [];
  #entropy = 0;

  readonly random = (bytes: number): Uint8Array => {
    this.#entropy += 1;
    const digest = createHash('sha256').update(String(this.#entropy)).digest();
    return Uint8Array.from({ length: bytes }, (_, index) => digest[index % 32] as number);
  };

  /** Adds a relay. `introduce` puts it into the other relays' registries. */
  addRelay(
    id: string,
    ip: string,
    options: Partial<RelayCoreOptions> & {
      trunkIp?: string;
      /** A second trunk address, used only for probes. */
      trunkToo?: TransportAddress;
      lanePorts?: readonly number[];
      /** Whether it forwards by XDP. */
      xdp?: boolean;
    } = {},
  ): WorldRelay {
    const secret = relaySecret(CLUSTER_SECRET, id);
    const keys = relayKeyPair(secret);
    const local = { id, incarnation: incarnation(this.clock.now()), privateKey: keys.privateKey };
    const service = parseAddress(`${ip}:3478`);
    const trunk = parseAddress(`${options.trunkIp ?? ip}:3480`);
    const trunks = options.trunkToo ? [trunk, options.trunkToo] : [trunk];
    const plane = new FakePlane({ client: [service], trunk: trunks }, (datagram) =>
      this.#sent(datagram, datagram.side === 'client' ? service : trunk),
    );
    if (options.xdp === true) plane.xdp = { ...plane.xdp, mode: 'native' };
    plane.trunkLanePorts = trunks.map(() => options.lanePorts ?? []);
    const core = new RelayCore({
      local,
      region: 'here',
      serviceAddresses: [service],
      tenantRoot: tenantRoot(CLUSTER_SECRET),
      plane,
      clock: this.clock,
      random: this.random,
      ...options,
    });
    const record = {
      id,
      region: 'here',
      start: local.incarnation,
      publicKey: Buffer.from(keys.publicKey).toString('base64'),
      serviceAddresses: [service],
      trunkAddresses: trunks,
      trunkSources: trunks,
      recordsMax: 1,
    };
    const relay = { id, core, plane, local, service, trunk, record };
    this.relays.set(id, relay);
    plane.onProbe = (probe) => this.#probed(relay, probe);
    return relay;
  }

  /** Gives every relay a registry of all relays. */
  introduce(): void {
    const records = [...this.relays.values()].map(({ record }) => record);
    for (const { core } of this.relays.values()) core.updateRelays(records);
  }

  /** Sends a datagram from any address. */
  send(flight: Flight): void {
    this.log.push(flight);
    this.#queue.push(flight);
  }

  /** Sends recorded datagrams again; delivers each, and what it causes, before the next. */
  replay(flights: readonly Flight[]): void {
    for (const flight of flights) {
      this.send(flight);
      this.pump();
    }
  }

  /** Delivers all datagrams in transit, and those that are sent in consequence. */
  pump(): void {
    for (const reply of this.#replies.splice(0)) reply();
    for (let flight = this.#queue.shift(); flight; flight = this.#queue.shift()) {
      if (!this.lose(flight)) this.#deliver(flight);
    }
  }

  /** Lets time pass in steps; runs the relays' timers and the peers' keepalives in each. */
  pass(ms: number, stepMs = 100): void {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs);
      for (const peer of this.living) peer.keepAlive();
      for (const { core } of this.relays.values()) {
        for (let more = core.tick(); more; more = core.goOn()) this.pump();
      }
      this.pump();
    }
  }

  #probed(
    { id: from, core, trunk, record }: WorldRelay,
    {
      relayIndex,
      number,
      path,
    }: { relayIndex: number; number: number; path?: ProbePath | undefined },
  ): void {
    const remote = path?.tuple.remote;
    const relay = [...this.relays.values()].find(({ record }) =>
      record.trunkAddresses.some((address) => remote && sameAddress(address, remote)),
    );
    if (!remote || (!relay && !this.answersAll)) return;
    const probe = { from, to: relay?.id ?? '', remote, bytes: path.bytes, worker: path.worker };
    if (!this.answers(probe)) return;
    const rttNs = this.rttMs(probe) * 1e6;
    const back = [...(relay?.plane.remoteRelays.values() ?? [])].find(({ sources }) =>
      sources.some((source) => sameAddress(source, trunk)),
    );
    const socket = listenerOf(path.tuple.handle)?.index ?? 0;
    const ours = record.trunkAddresses[socket]?.address;
    const heard = back?.paths?.find((each) => each.remote.address === ours)?.heard;
    this.#replies.push(() =>
      core.receive({
        datagrams: [],
        events: [
          path.bytes === undefined
            ? { type: 'probe-reply', relayIndex, number, rttNs }
            : {
                type: 'path-probe-reply',
                relayIndex,
                number,
                rttNs,
                socket,
                remote,
                heard: heard ?? 'unknown',
              },
        ],
      }),
    );
  }

  #sent({ tuple, data }: OutgoingDatagram, from: TransportAddress): void {
    this.send({ from, to: tuple.remote, data });
  }

  #deliver(flight: Flight): void {
    const { from, to, data } = flight;
    for (const { core, service, trunk } of this.relays.values()) {
      const side = sameAddress(to, service)
        ? 'client'
        : sameAddress(to, trunk)
          ? 'trunk'
          : undefined;
      if (side === undefined) continue;
      const tuple = { handle: listenerHandle('client', 0), remote: from };
      const handed = this.#batchOf(data);
      core.receive({
        datagrams: [{ side, known: false, worker: 1, tuple, data: handed }],
        events: [],
      });
      return;
    }
    this.inboxes.get(formatAddress(to))?.(flight);
  }

  /** Copies a datagram into a batch's buffer, as the data plane passes views of a shared one. */
  #batchOf(data: Uint8Array): Uint8Array {
    const batch = new Uint8Array(BATCH_BYTES);
    batch.set(data, BATCH_HEAD_BYTES);
    this.batches.push(new WeakRef(batch.buffer));
    return batch.subarray(BATCH_HEAD_BYTES, BATCH_HEAD_BYTES + data.length);
  }
}
