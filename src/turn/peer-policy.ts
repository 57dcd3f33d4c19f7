import { canonicalIp } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { embeddedIpv4 } from './embedded-addresses.js';
import { bytesOfIp, isInRange, type PeerRange, parsePeerRange } from './peer-ranges.js';
import { ALWAYS_REFUSED, ORDINARY, PRIVATE } from './special-addresses.js';

/** Maximum prefixes of the allow and deny lists together; a range may be several. */
export const PEER_PREFIXES_MAX = 4_096;

/** Which peers a server relays to. */
export interface PeerPolicyOptions {
  /** Ranges to allow (`parsePeerRange`). Default none. */
  readonly allow?: readonly string[];
  /** Ranges to refuse. Default none. */
  readonly deny?: readonly string[];
  /** Whether private, shared and unique local addresses are allowed. Default false. */
  readonly allowPrivate?: boolean;
  /** IP addresses of this server's and its cluster's own services, to be refused. Default none. */
  readonly own?: readonly string[];
}

interface Rule extends PeerRange {
  readonly verdict: 'allowed' | 'denied';
}

/**
 * Judges the IP addresses of peers (RFC 8656 section 21.2.2). Of the entries of both lists that
 * hold an address, the one with the longest prefix counts; of two with the same length, that of the
 * allow list. So an allowed host is an exception from a refused range, as in coturn, and the
 * reverse. An entry of the deny list then decides alone: no default allows what a list refuses. One
 * of the allow list decides if no default with a longer prefix refuses the address, or the server's
 * own addresses do: `0.0.0.0/0` allows nothing that is refused by default, while `127.0.0.0/8`
 * allows loopback. Without an entry the default with the longest prefix decides.
 *
 * Refused by default are all addresses that are no global unicast: `special-addresses.ts` lists
 * them. An IPv6 address that embeds IPv4 addresses is allowed only if each of these is allowed too.
 */
export class PeerPolicy {
  readonly #options: PeerPolicyOptions;
  /** Entries of the lists, the longest prefix first. */
  readonly #given: readonly Rule[];
  /** Own addresses and the defaults, the longest prefix first. */
  readonly #defaults: readonly Rule[];

  /**
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an entry of another form, or lists of more than
   *   PEER_PREFIXES_MAX prefixes
   */
  constructor(options: PeerPolicyOptions = {}) {
    const { allow = [], deny = [], allowPrivate = false, own = [] } = options;
    const given = [...rules('allowed', allow), ...rules('denied', deny)];
    if (given.length > PEER_PREFIXES_MAX) {
      const message = `the lists of peers have more than ${PEER_PREFIXES_MAX} prefixes`;
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
    }
    this.#options = options;
    this.#given = longestFirst(given);
    this.#defaults = longestFirst([
      ...rules('denied', own),
      ...rules('allowed', ORDINARY),
      ...rules(allowPrivate ? 'allowed' : 'denied', PRIVATE),
      ...rules('denied', ALWAYS_REFUSED),
    ]);
  }

  /**
   * Returns a policy with the same lists and other own addresses.
   * @param own - as the option of that name
   */
  withOwn(own: readonly string[]): PeerPolicy {
    return new PeerPolicy({ ...this.#options, own });
  }

  /**
   * Judges the address of a peer, in any spelling.
   * @param address - an IP address; any other text is refused
   */
  check(address: string): 'allowed' | 'denied' {
    const bytes = bytesOf(address);
    if (bytes === undefined) return 'denied';
    const judged = bytes.length === 16 ? [bytes, ...embeddedIpv4(bytes)] : [bytes];
    return judged.every((each) => this.#allows(each)) ? 'allowed' : 'denied';
  }

  #allows(address: readonly number[]): boolean {
    const holds = (rule: Rule) => isInRange(address, rule);
    const given = this.#given.find(holds);
    if (given?.verdict === 'denied') return false;
    const byDefault = this.#defaults.find(holds);
    if (byDefault?.verdict === 'allowed') return true;
    return given !== undefined && (byDefault === undefined || given.bits >= byDefault.bits);
  }
}

/** Sorts rules; those of the same length keep their order. */
function longestFirst(all: readonly Rule[]): Rule[] {
  return [...all].sort((a, b) => b.bits - a.bits);
}

function rules(verdict: Rule['verdict'], entries: readonly string[]): Rule[] {
  return entries.flatMap((entry) => parsePeerRange(entry).map((range) => ({ ...range, verdict })));
}

/** Returns the bytes of an address; undefined for any other text. */
function bytesOf(address: string): number[] | undefined {
  try {
    return bytesOfIp(canonicalIp(address));
  } catch {
    return undefined;
  }
}
