import { type AddressFamily, familyOf, sameAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { DataPlane, FiveTuple } from '../native/types.js';
import type { RandomBytes } from '../random.js';
import { CHECK_LIMITS } from '../registry/check-limits.js';
import type { Incarnation } from '../registry/incarnation.js';
import { NOTHING_ANSWERS, type ReachabilityReport, type ServiceCheck } from '../registry/types.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import { transactionKey } from '../trunk/control-message.js';
import type { TrunkSocket } from '../trunk/local-relay.js';
import type { RemoteRelays } from '../trunk/remote-relays.js';
import { appoint, canonicalAddress, socketTo } from './appointments.js';

/**
 * Bytes of a check: as many as the longest answer to it (RFC 8489 section 14.2, IPv6), so that it
 * costs nothing from the other relay's budget for strangers (PROTOCOL.md section 2).
 */
const CHECK_BYTES = 44;

/** Transactions of one address that may still be answered. */
const PENDING_MAX = CHECK_LIMITS.serviceCheckFailures + 1;

interface Checked {
  readonly id: string;
  readonly text: string;
  readonly address: TransportAddress;
  readonly family: AddressFamily;
  /** The trunk socket that asks, and the local IP where it is bound to a wildcard. */
  readonly from: Pick<FiveTuple, 'handle' | 'local'>;
  /** Transactions under way, the oldest first. */
  readonly pending: string[];
  /** That was asked last; undefined before the first time. */
  incarnation: Incarnation | undefined;
  nextAtMs: number;
  /** Requests sent since the last answer. */
  unanswered: number;
  answeredAtMs: number;
}

/** What a checker works with. */
export interface ServiceAddressCheckerOptions {
  readonly plane: Pick<DataPlane, 'send'>;
  /** This relay's trunk sockets, in the data plane's order. */
  readonly sockets: readonly TrunkSocket[];
  /** The relays of the registry. */
  readonly relays: Pick<RemoteRelays, 'get' | 'answers'>;
  /** An address began to answer, or ceased to. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Checks the service addresses of other relays that the directory appointed this relay to check: a
 * Binding request (RFC 8489) from a trunk socket, once a second to each; any answer will do.
 *
 * Bound: `serviceChecksMax` addresses; more are left alone. Only addresses that the registry lists
 * are sent anything, whatever the directory appoints.
 */
export class ServiceAddressChecker {
  /** Requests sent, and what became of them; those of a check that was withdrawn are neither. */
  readonly counts = { asked: 0, answered: 0, unanswered: 0 };
  readonly #options: ServiceAddressCheckerOptions;
  readonly #checked = new Map<string, Checked>();
  readonly #byTransaction = new Map<string, Checked>();

  constructor(options: ServiceAddressCheckerOptions) {
    this.#options = options;
  }

  /** Takes what is to be checked from now on; what goes on is not disturbed. */
  appoint(checks: readonly ServiceCheck[]): void {
    appoint(this.#checked, checks, {
      most: CHECK_LIMITS.serviceChecksMax,
      keyOf: ({ id, address }) => `${id} ${address}`,
      make: (check) => this.#make(check),
      drop: ({ pending }) => {
        for (const transaction of pending) this.#byTransaction.delete(transaction);
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
      plane.send([{ side: 'trunk', ...this.#request(checked) }]);
      this.counts.asked += 1;
      checked.unanswered += 1;
      if (isUnanswered(checked) !== before) this.#options.onChange();
    }
  }

  /**
   * Takes a Binding response that a trunk socket received.
   * @returns whether it answers a request of ours
   */
  receive({ transactionId }: StunMessage, { remote }: FiveTuple): boolean {
    const transaction = transactionKey(transactionId);
    const checked = this.#byTransaction.get(transaction);
    if (checked === undefined || !sameAddress(checked.address, remote)) return false;
    // What was asked before it is not waited for any more; what was asked since may still come.
    const settled = checked.pending.splice(0, checked.pending.indexOf(transaction) + 1);
    for (const each of settled) this.#byTransaction.delete(each);
    this.counts.answered += 1;
    this.counts.unanswered += settled.length - 1;
    const before = isUnanswered(checked);
    checked.unanswered = checked.pending.length;
    checked.answeredAtMs = this.#options.clock.monotonic();
    if (before) this.#options.onChange();
    return true;
  }

  /** The addresses that do not answer. */
  unanswered(): ReachabilityReport['service'] {
    return [...this.#checked.values()].filter(isUnanswered).map(({ id, text, family }) => ({
      id,
      address: text,
      reason: this.#canBlameItself(family) ? NOTHING_ANSWERS : 'no-answer',
    }));
  }

  /**
   * Whether it may be this relay that nothing reaches: nothing of that family answers, of more
   * relays than one. Of one alone it says nothing that it is the only one.
   */
  #canBlameItself(family: AddressFamily): boolean {
    const ofFamily = [...this.#checked.values()].filter((each) => each.family === family);
    return new Set(ofFamily.map(({ id }) => id)).size > 1 && !this.#answers(family);
  }

  /** Whether anything of an address family answers this relay. */
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
      pending: [],
      incarnation: undefined,
      // Spread over the interval, as many are appointed at once.
      nextAtMs:
        clock.monotonic() + ((random(1)[0] ?? 0) / 256) * CHECK_LIMITS.serviceCheckIntervalMs,
      unanswered: 0,
      answeredAtMs: Number.NEGATIVE_INFINITY,
    };
  }

  /** Whether the registry lists the address; a relay that started anew has all before it. */
  #isListed(checked: Checked): boolean {
    const remote = this.#options.relays.get(checked.id);
    if (remote !== undefined && remote.incarnation !== checked.incarnation) {
      checked.incarnation = remote.incarnation;
      checked.unanswered = 0;
    }
    const { address } = checked;
    return remote?.record.serviceAddresses.some((each) => sameAddress(each, address)) === true;
  }

  #request(checked: Checked): { readonly tuple: FiveTuple; readonly data: Uint8Array } {
    const transactionId = this.#options.random(12);
    const transaction = transactionKey(transactionId);
    checked.pending.push(transaction);
    this.#byTransaction.set(transaction, checked);
    if (checked.pending.length > PENDING_MAX) {
      this.#byTransaction.delete(checked.pending.shift() ?? '');
      this.counts.unanswered += 1;
    }
    const writer = new MessageWriter('request', Method.Binding, transactionId);
    return {
      tuple: { ...checked.from, remote: checked.address },
      data: writer.paddedTo(CHECK_BYTES).finish(),
    };
  }
}

/** The last request may still be on its way. */
function isUnanswered({ unanswered }: Checked): boolean {
  return unanswered > CHECK_LIMITS.serviceCheckFailures;
}
