import { type AddressFamily, familyOf, sameAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { createHistogram } from '../metrics/histogram.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import type { DataPlane, FiveTuple } from '../native/types.js';
import type { RandomBytes } from '../random.js';
import { CHECK_LIMITS } from '../registry/check-limits.js';
import { type Incarnation, incarnationOf } from '../registry/incarnation.js';
import { NOTHING_ANSWERS, type ReachabilityReport, type ServiceCheck } from '../registry/types.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import { transactionKey } from '../trunk/control-message.js';
import type { TrunkSocket } from '../trunk/local-relay.js';
import type { RemoteRelays } from '../trunk/remote-relays.js';
import { appoint, canonicalAddress, socketTo } from './appointed-tasks.js';

/**
 * Length of a check: that of the longest response (RFC 8489 section 14.2, IPv6), so that the other
 * relay answers it without a budget (PROTOCOL.md section 2).
 */
const CHECK_BYTES = 44;

/** Maximum outstanding transactions of one address. */
const PENDING_MAX = CHECK_LIMITS.serviceCheckFailures + 1;

interface Checked {
  readonly id: string;
  readonly text: string;
  readonly address: TransportAddress;
  readonly family: AddressFamily;
  /** The trunk socket that asks, and its source IP if it is bound to a wildcard. */
  readonly from: Pick<FiveTuple, 'handle' | 'local'>;
  /** When each outstanding transaction was sent, the oldest first. */
  readonly pending: Map<string, number>;
  /** The relay's incarnation at the last check; undefined before the first. */
  incarnation: Incarnation | undefined;
  nextAtMs: number;
  /** Number of requests since the last response. */
  unanswered: number;
  answeredAtMs: number;
}

/** Dependencies of `ServiceAddressChecker`. */
export interface ServiceAddressCheckerOptions {
  readonly plane: Pick<DataPlane, 'send'>;
  /** This relay's trunk sockets, in the data plane's order. */
  readonly sockets: readonly TrunkSocket[];
  /** The relays of the registry. */
  readonly relays: Pick<RemoteRelays, 'get' | 'recordOf' | 'answers'>;
  /** Called when an address begins to answer or ceases to. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Checks the service addresses of other relays that the directory appoints: a Binding request (RFC
 * 8489) from a trunk socket, once a second to each. Any Binding response from the address counts.
 *
 * Bound: `CHECK_LIMITS.serviceChecksMax` addresses; further ones are not checked. Requests go only
 * to addresses in the registry, whatever the directory appoints.
 */
export class ServiceAddressChecker {
  /**
   * Number of requests sent, and of those answered and unanswered. Requests of withdrawn checks are
   * in neither of the latter.
   */
  readonly counts = { asked: 0, answered: 0, unanswered: 0 };
  readonly answerSeconds = createHistogram(
    RELAY_METRICS,
    'turnpike_relay_service_check_duration_seconds',
  );
  readonly #options: ServiceAddressCheckerOptions;
  readonly #checked = new Map<string, Checked>();
  readonly #byTransaction = new Map<string, Checked>();

  constructor(options: ServiceAddressCheckerOptions) {
    this.#options = options;
  }

  /** Takes the checks to make from now on; those under way continue. */
  appoint(checks: readonly ServiceCheck[]): void {
    appoint(this.#checked, checks, {
      most: CHECK_LIMITS.serviceChecksMax,
      keyOf: ({ id, address }) => `${id} ${address}`,
      make: (check) => this.#make(check),
      drop: ({ pending }) => {
        for (const transaction of pending.keys()) this.#byTransaction.delete(transaction);
      },
    });
  }

  /** Sends the requests that are due. */
  tick(): void {
    const { clock, plane } = this.#options;
    const now = clock.monotonic();
    for (const checked of this.#checked.values()) {
      if (!this.#isListed(checked) || now < checked.nextAtMs) continue;
      checked.nextAtMs = now + CHECK_LIMITS.serviceCheckIntervalMs;
      const before = isUnanswered(checked);
      plane.send([{ side: 'trunk', ...this.#request(checked, now) }]);
      this.counts.asked += 1;
      checked.unanswered += 1;
      if (isUnanswered(checked) !== before) this.#options.onChange();
    }
  }

  /**
   * Takes a Binding response that a trunk socket received.
   * @returns whether it responds to a check
   */
  receive({ transactionId }: StunMessage, { remote }: FiveTuple): boolean {
    const transaction = transactionKey(transactionId);
    const checked = this.#byTransaction.get(transaction);
    if (checked === undefined || !sameAddress(checked.address, remote)) return false;
    const now = this.#options.clock.monotonic();
    this.answerSeconds.observe((now - (checked.pending.get(transaction) ?? now)) / 1_000);
    this.counts.answered += 1;
    // Older requests count as unanswered; responses to newer ones may still arrive.
    for (const each of checked.pending.keys()) {
      checked.pending.delete(each);
      this.#byTransaction.delete(each);
      if (each === transaction) break;
      this.counts.unanswered += 1;
    }
    const before = isUnanswered(checked);
    checked.unanswered = checked.pending.size;
    checked.answeredAtMs = now;
    if (before) this.#options.onChange();
    return true;
  }

  /** Returns the addresses that do not answer. */
  unanswered(): ReachabilityReport['service'] {
    return [...this.#checked.values()].filter(isUnanswered).map(({ id, text, family }) => ({
      id,
      address: text,
      reason: this.#canBlameItself(family) ? NOTHING_ANSWERS : 'no-answer',
    }));
  }

  /**
   * Returns whether this relay's own network may be at fault: no address of that family answers,
   * and these belong to more than one relay. With one relay this would prove nothing.
   */
  #canBlameItself(family: AddressFamily): boolean {
    const ofFamily = [...this.#checked.values()].filter((each) => each.family === family);
    return new Set(ofFamily.map(({ id }) => id)).size > 1 && !this.#answers(family);
  }

  /** Returns whether any relay or checked address of a family answers this relay. */
  #answers(family: AddressFamily): boolean {
    const since = this.#options.clock.monotonic() - 2 * CHECK_LIMITS.serviceCheckIntervalMs;
    return (
      this.#options.relays.answers(family) ||
      [...this.#checked.values()].some(
        (each) => each.family === family && each.answeredAtMs >= since,
      )
    );
  }

  #make({ id, address: text }: ServiceCheck): Checked | undefined {
    const { clock, random, sockets } = this.#options;
    const address = canonicalAddress(text);
    const from = address && socketTo(sockets, address);
    if (address === undefined || from === undefined) return undefined;
    return {
      id,
      text,
      address,
      family: familyOf(address),
      from,
      pending: new Map(),
      incarnation: undefined,
      // Spread over the interval, because many checks are appointed at once.
      nextAtMs:
        clock.monotonic() + ((random(1)[0] ?? 0) / 256) * CHECK_LIMITS.serviceCheckIntervalMs,
      unanswered: 0,
      answeredAtMs: Number.NEGATIVE_INFINITY,
    };
  }

  /** Returns whether the registry lists the address. A restart of the relay resets its failures. */
  #isListed(checked: Checked): boolean {
    const { relays } = this.#options;
    const record = relays.get(checked.id)?.record ?? relays.recordOf(checked.id);
    if (record === undefined) return false;
    const incarnation = relays.get(checked.id)?.incarnation ?? incarnationOf(record);
    if (incarnation !== checked.incarnation) {
      checked.incarnation = incarnation;
      checked.unanswered = 0;
    }
    const { address } = checked;
    return record.serviceAddresses.some((each) => sameAddress(each, address));
  }

  #request(
    checked: Checked,
    now: number,
  ): { readonly tuple: FiveTuple; readonly data: Uint8Array } {
    const transactionId = this.#options.random(12);
    const transaction = transactionKey(transactionId);
    checked.pending.set(transaction, now);
    this.#byTransaction.set(transaction, checked);
    if (checked.pending.size > PENDING_MAX) {
      const [oldest = ''] = checked.pending.keys();
      checked.pending.delete(oldest);
      this.#byTransaction.delete(oldest);
      this.counts.unanswered += 1;
    }
    const writer = new MessageWriter('request', Method.Binding, transactionId);
    return {
      tuple: { ...checked.from, remote: checked.address },
      data: writer.paddedTo(CHECK_BYTES).finish(),
    };
  }
}

/** Returns whether the address counts as not answering; the last request may be under way. */
function isUnanswered({ unanswered }: Checked): boolean {
  return unanswered > CHECK_LIMITS.serviceCheckFailures;
}
