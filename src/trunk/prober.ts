import { sameAddress } from '../address.js';
import type { DataPlaneEvent } from '../native/events.js';
import type { DataPlane } from '../native/types.js';
import { PATH_PROBE_BYTES } from './datagram.js';
import type { Path } from './paths.js';
import {
  chooseProbes,
  classOf,
  type Interest,
  type ProbeClass,
  type TargetView,
} from './probe-schedule.js';
import type { ProbeTarget } from './probe-target.js';
import type { RemoteRelay } from './remote-relay.js';
import type { TrunkQuality } from './trunk-quality.js';

/** Probes to relays without common connections: urgent ones and of paths in use. */
export const PROBES_FIRST_PER_SECOND = 66;
/** All other probes to relays without common connections. */
export const PROBES_SECONDARY_PER_SECOND = 14;
/** Burst of probes, as a share of a second's probes. */
export const PROBES_BURST_SECONDS = 0.25;

/** The data plane's event for a reply to a probe. */
export type ProbeReply = Extract<
  DataPlaneEvent,
  { type: 'probe-reply' } | { type: 'path-probe-reply' }
>;

/** Maximum outstanding probes of one relay; the oldest are given up. */
const OUTSTANDING_MAX = 512;

/** Longest time between two ticks in which this process counts as running, ms. */
const RUNNING_MS_MAX = 300;

/** Callbacks of a `Prober`. */
export interface ProberEvents {
  /** The path in use was probed from the trunk port. */
  readonly onAsked: (remote: RemoteRelay) => void;
  /** A probe of the path from the trunk port was answered. */
  readonly onAnswer: (remote: RemoteRelay, path: Path) => void;
  /** A probe of any path and source port was answered. */
  readonly onRoundTrip: (rttNs: number) => void;
  /** The standing of one of the relay's paths has changed, or a reply has arrived. */
  readonly onChange: (remote: RemoteRelay) => void;
}

interface Sent {
  readonly entry: Entry;
  readonly at: number;
  readonly bytes: number;
  readonly plain: boolean;
}

/** A target with its class. */
interface Entry {
  readonly relay: Relay;
  readonly path: Path;
  readonly kind: TargetView['kind'];
  readonly worker: number | undefined;
  readonly target: ProbeTarget;
  readonly askedAt: number;
  of: ProbeClass;
}

/** A relay's targets and outstanding probes. */
interface Relay {
  readonly remote: RemoteRelay;
  readonly entries: Map<string, Entry>;
  readonly sent: Map<number, Sent>;
  number: number;
  interest: Interest;
}

/**
 * Probes every path to every relay from every source port, within the budget (probe-schedule.ts).
 */
export class Prober {
  readonly #plane: DataPlane;
  readonly #events: ProberEvents;
  readonly #relays = new Map<RemoteRelay, Relay>();
  readonly #queues: Record<ProbeClass, Set<Entry>> = {
    live: new Set(),
    'live-size': new Set(),
    'live-new': new Set(),
    'live-lane': new Set(),
    urgent: new Set(),
    detail: new Set(),
    primary: new Set(),
    secondary: new Set(),
  };
  /** Targets with outstanding replies. */
  readonly #waiting = new Set<Entry>();
  #first = 0;
  #secondary = 0;
  #filledAt: number | undefined;
  /** Time that this process has not stood still, ms. */
  #runningMs = 0;

  constructor(plane: DataPlane, events: ProberEvents) {
    this.#plane = plane;
    this.#events = events;
  }

  /** Adds a relay, or updates its targets after its paths have changed. */
  put(remote: RemoteRelay): void {
    const relay = this.#relays.get(remote) ?? {
      remote,
      entries: new Map(),
      sent: new Map(),
      number: 0,
      interest: 'none',
    };
    this.#relays.set(remote, relay);
    const gone = new Set(relay.entries.keys());
    for (const path of remote.paths.all) {
      this.#put(relay, path, 'main', gone);
      this.#put(relay, path, 'size', gone);
      for (const worker of path.lanes.keys()) this.#put(relay, path, 'lane', gone, worker);
    }
    for (const key of gone) this.#drop(relay, key);
    this.#place(relay);
  }

  /** Removes a relay and its targets. */
  remove(remote: RemoteRelay): void {
    const relay = this.#relays.get(remote);
    if (!relay) return;
    for (const key of [...relay.entries.keys()]) this.#drop(relay, key);
    this.#relays.delete(remote);
  }

  #put(relay: Relay, path: Path, kind: Entry['kind'], gone: Set<string>, worker?: number): void {
    const key = keyOf(path, kind, worker);
    gone.delete(key);
    const known = relay.entries.get(key);
    if (known?.path === path) return;
    if (known) this.#drop(relay, key);
    const lane = worker === undefined ? undefined : path.lanes[worker];
    const target = lane ?? (kind === 'size' ? path.size : path.main);
    const entry: Entry = {
      relay,
      path,
      kind,
      worker,
      target,
      get askedAt() {
        return target.askedAt;
      },
      of: 'secondary',
    };
    relay.entries.set(key, entry);
    this.#queues.secondary.add(entry);
  }

  #drop(relay: Relay, key: string): void {
    const entry = relay.entries.get(key);
    if (!entry) return;
    relay.entries.delete(key);
    this.#queues[entry.of].delete(entry);
    this.#waiting.delete(entry);
  }

  /** Assigns each of a relay's targets to its present class. */
  #place({ remote, entries }: Relay): void {
    const { paths, interest } = remote;
    const isNeeded = paths.inUse?.main.standing !== 'answered';
    for (const entry of entries.values()) {
      const { target, kind, path } = entry;
      const isInUse = path === paths.inUse;
      const isAnswered = path.main.standing === 'answered';
      const isSearching = path.mtu.isSearching && paths.probeSupport.kind !== 'plain';
      const of = classOf({ target, kind, isInUse, interest, isNeeded, isAnswered, isSearching });
      if (of === entry.of) continue;
      this.#queues[entry.of].delete(entry);
      entry.of = of;
      this.#queues[of].add(entry);
    }
  }

  /**
   * Detects overdue replies and sends the probes that are due.
   * @param now - monotonic ms
   */
  tick(now: number): void {
    this.#runningMs += Math.min(now - (this.#filledAt ?? now), RUNNING_MS_MAX);
    this.#judgeWaiting(now);
    for (const relay of this.#relays.values()) {
      const { interest } = relay.remote;
      if (interest === relay.interest) continue;
      relay.interest = interest;
      this.#place(relay);
    }
    this.#fill(now);
    const tokens = { first: this.#first, secondary: this.#secondary };
    for (const { target: entry, of } of chooseProbes(this.#queues, now, tokens)) {
      const cost = this.#ask(entry, now);
      if (of === 'urgent' || of === 'detail' || of === 'primary') this.#first -= cost;
      if (of === 'secondary') this.#secondary -= cost;
      // To the end of its class.
      this.#queues[entry.of].delete(entry);
      this.#queues[entry.of].add(entry);
    }
  }

  /** Probes the path in use to a relay, beside what the budget allows. @param now - monotonic ms */
  ask(remote: RemoteRelay, now: number): void {
    const relay = this.#relays.get(remote);
    const entry = relay?.entries.get(keyOf(remote.paths.inUse, 'main'));
    if (entry === undefined) return;
    this.#ask(entry, now);
    this.#queues[entry.of].delete(entry);
    this.#queues[entry.of].add(entry);
  }

  #fill(now: number): void {
    const seconds = (now - (this.#filledAt ?? now - 1_000)) / 1_000;
    this.#filledAt = now;
    const fill = (tokens: number, perSecond: number) =>
      Math.min(tokens + seconds * perSecond, perSecond * PROBES_BURST_SECONDS);
    this.#first = fill(this.#first, PROBES_FIRST_PER_SECOND);
    this.#secondary = fill(this.#secondary, PROBES_SECONDARY_PER_SECOND);
  }

  #judgeWaiting(now: number): void {
    const changed = new Set<Relay>();
    for (const entry of this.#waiting) {
      const { relay, target, path, kind } = entry;
      if (target.unanswered === 0) {
        this.#waiting.delete(entry);
        continue;
      }
      if (kind === 'size') {
        if (target.waitingMs(now) < path.main.patienceMs) continue;
        // If small probes are lost too, the cause is not the size.
        if (path.main.standing === 'answered') path.mtu.lost(target.bytes, now);
        else path.mtu.forgive();
        target.giveUp();
      } else if (!target.check(now)) {
        if (target.standing === 'dead') this.#waiting.delete(entry);
        continue;
      }
      if (kind === 'size') this.#waiting.delete(entry);
      changed.add(relay);
    }
    for (const relay of changed) this.#changed(relay);
  }

  #changed(relay: Relay): void {
    this.#events.onChange(relay.remote);
    this.#place(relay);
  }

  /** Sends the probe of a target. @returns the number of datagrams sent */
  #ask(entry: Entry, now: number): number {
    const { relay, path, kind, target } = entry;
    const { paths } = relay.remote;
    if (paths.probeSupport.kind === 'plain') return this.#askOld(entry, now);
    if (kind === 'main') {
      if (path === paths.inUse) this.#events.onAsked(relay.remote);
      const overdue = target.waitingMs(now) >= target.patienceMs;
      const twin = paths.probeSupport.kind === 'unknown' && path === paths.inUse && overdue;
      this.#send(entry, now, PATH_PROBE_BYTES);
      if (!twin) return 1;
      paths.probeSupport.askedBoth();
      this.#sendPlain(entry, now);
      return 2;
    }
    if (path.main.standing !== 'answered' || (kind === 'size' && target.unanswered > 0)) {
      target.askedAt = now;
      return 0;
    }
    this.#send(entry, now, kind === 'size' ? path.mtu.next(now) : PATH_PROBE_BYTES);
    return 1;
  }

  /** Probes an old version: by plain probes, and by path probes in place of those for the MTU. */
  #askOld(entry: Entry, now: number): number {
    const { relay, path, kind, target } = entry;
    const isPossible = kind !== 'lane' || path.main.standing === 'answered';
    if (path !== relay.remote.paths.inUse || !isPossible) {
      target.askedAt = now;
      return 0;
    }
    if (kind === 'size') {
      target.giveUp();
      this.#send(entry, now, PATH_PROBE_BYTES);
      return 1;
    }
    if (kind === 'main') this.#events.onAsked(relay.remote);
    target.asked(now);
    this.#waiting.add(entry);
    this.#sendPlain(entry, now);
    return 1;
  }

  #send(entry: Entry, now: number, bytes: number): void {
    const { relay, path, worker, target } = entry;
    target.asked(now);
    target.bytes = bytes;
    this.#waiting.add(entry);
    const number = this.#number(relay, { entry, at: now, bytes, plain: false });
    this.#measure(entry)?.asked(number, path, this.#runningMs);
    this.#plane.probe(relay.remote.relayIndex, number, { ...path.probeAddresses(worker), bytes });
  }

  #sendPlain(entry: Entry, now: number): void {
    const { relay, path, worker } = entry;
    const number = this.#number(relay, { entry, at: now, bytes: 0, plain: true });
    if (relay.remote.paths.probeSupport.kind === 'plain') {
      this.#measure(entry)?.asked(number, path, this.#runningMs);
    }
    this.#plane.probe(relay.remote.relayIndex, number, path.probeAddresses(worker));
  }

  /** Returns what measures a trunk by the probes of a target; undefined if nothing does. */
  #measure({ relay, path, kind }: Entry): TrunkQuality | undefined {
    const { quality, paths } = relay.remote;
    return kind === 'main' && path === paths.inUse ? quality : undefined;
  }

  #number(relay: Relay, sent: Sent): number {
    relay.number = (relay.number + 1) >>> 0;
    const [oldest] = relay.sent.keys();
    if (relay.sent.size >= OUTSTANDING_MAX) relay.sent.delete(oldest as number);
    relay.sent.set(relay.number, sent);
    return relay.number;
  }

  /** Takes a reply to a probe. */
  reply(remote: RemoteRelay, event: ProbeReply, now: number): void {
    const relay = this.#relays.get(remote);
    const sent = relay?.sent.get(event.number);
    if (!relay || !sent || sent.plain !== (event.type === 'probe-reply')) return;
    const { entry, at, bytes } = sent;
    const { path, target, kind } = entry;
    const { probeSupport } = remote.paths;
    if (event.type === 'path-probe-reply') {
      // A reply by another path than the probe's proves nothing about this one.
      const { socket, destination } = path.addresses;
      if (event.socket !== socket || !sameAddress(event.remote, destination)) return;
      probeSupport.pathAnswered();
      path.said(event.heard, now);
    } else {
      probeSupport.plainAnswered();
    }
    relay.sent.delete(event.number);
    this.#events.onRoundTrip(event.rttNs);
    const received = event.type === 'path-probe-reply' ? event.received : undefined;
    this.#measure(entry)?.answered(event.number, event.rttNs, received);
    // Until the version is known, a plain reply does not prove that the path works.
    if (!sent.plain || probeSupport.kind === 'plain') {
      if (kind === 'size') {
        target.giveUp();
        path.mtu.answered(bytes, now);
      } else {
        target.answered(at, event.rttNs);
      }
    }
    if (kind === 'main') this.#events.onAnswer(remote, path);
    this.#changed(relay);
  }
}

/** Returns the map key of a path's target. */
function keyOf(path: Path | undefined, kind: Entry['kind'], worker?: number): string {
  return `${path?.key} ${kind} ${worker ?? ''}`;
}
