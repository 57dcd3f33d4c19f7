import { type FlowCalls, LIFETIME_FOR_EVER } from './client-flows.js';
import { entryName } from './command-backlog.js';
import { checkStatus } from './failures.js';
import { FlowChannel } from './interface.js';
import { monotonicSeconds } from './leg-counters.js';
import type { LegTraffic, SessionAction } from './types.js';

/** The calls of a data plane about sessions of relays; `DataPlane` describes them. */
export class SessionEntries {
  readonly #calls: FlowCalls;

  constructor(calls: FlowCalls) {
    this.#calls = calls;
  }

  put(sessionIndex: number, action: SessionAction, lifetimeSeconds?: number): void {
    const { native, scratch, check, backlog } = this.#calls;
    const { relayIndex, tuple, channel } = action;
    check.sessionIndex(sessionIndex);
    check.relayIndex(relayIndex);
    if (channel === undefined) check.ownerOf(tuple.handle);
    else check.channel(channel);
    if (lifetimeSeconds !== undefined) check.lifetimeSeconds(lifetimeSeconds);
    const lifetime = lifetimeSeconds ?? LIFETIME_FOR_EVER;
    backlog.checkOrder('putSession', () => entryName.session(sessionIndex));
    backlog.checkOrder('putSession', () => entryName.relay(relayIndex));
    scratch.tuple(tuple);
    const to = channel ?? FlowChannel.None;
    checkStatus('putSession', native.putSession(sessionIndex, relayIndex, to, lifetime));
  }

  refresh(sessionIndex: number, lifetimeSeconds: number): void {
    const { native, check, backlog } = this.#calls;
    check.sessionIndex(sessionIndex);
    check.lifetimeSeconds(lifetimeSeconds);
    backlog.checkOrder('refreshSession', () => entryName.session(sessionIndex));
    checkStatus('refreshSession', native.refreshSession(sessionIndex, lifetimeSeconds));
  }

  remove(sessionIndex: number): void {
    const { native, check, backlog } = this.#calls;
    check.sessionIndex(sessionIndex);
    backlog.give({
      call: 'removeSession',
      entry: () => entryName.session(sessionIndex),
      queue: () => native.removeSession(sessionIndex),
    });
  }

  traffic(sessionIndex: number): LegTraffic {
    this.#calls.check.sessionIndex(sessionIndex);
    return this.#calls.legs.sessionTraffic(sessionIndex, monotonicSeconds());
  }

  packets(sessionIndex: number): number {
    return this.#calls.legs.sessionPackets(sessionIndex);
  }
}
