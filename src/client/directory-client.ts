import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { type TransportAddress, transportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { Checked } from '../options/option-spec.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import { AddressShape, Name, PING_CANDIDATES_MAX } from '../registry/schemas.js';
import {
  type DirectoryAccess,
  directoryProblem,
  directoryUnreachable,
  routeUrl,
} from './directory-problem.js';
import { type GrantPair, parseGrantPair } from './grant.js';
import { DIRECTORY_ANSWER_MS, exchangeJson, type TextAnswer } from './http-json.js';
import { ACCESS_SPECS, CALL_SPECS, CANDIDATES_SPECS, REQUEST_SPECS } from './option-specs.js';
import { aborted } from './peer-errors.js';

/** A peer's hints for the directory; every member is optional. */
export interface PeerHints {
  /** The peer's public IP address, without a port. */
  readonly address?: string | undefined;
  /** Measured round trip in ms, by relay id or region. */
  readonly latencies?: Readonly<Record<string, number>> | undefined;
  /** The region of its relay, while one there can serve. */
  readonly region?: string | undefined;
  /** The address family that it must be served with. */
  readonly family?: 4 | 6 | undefined;
  /** The address families that it can use: it is served with no other. */
  readonly families?: readonly (4 | 6)[] | undefined;
  /** Ids of relays to avoid while another can serve; at most 8. */
  readonly avoid?: readonly string[] | undefined;
}

/** A request for a connection between two peers. */
export interface ConnectionRequest {
  readonly peers: readonly [PeerHints, PeerHints];
  /** Time in which the credentials can start the connection, s; default 600, at most 86,400. */
  readonly ttlSeconds?: number | undefined;
  /**
   * Your name of what the two peers do together, 1 to 128 characters: a later request with the same
   * name gets the same pair of relays while it can serve well. Default none. An older directory
   * refuses it with ERR_TURNPIKE_DIRECTORY, status 400.
   */
  readonly session?: string | undefined;
}

/** A relay that may be chosen. */
export interface RelaySummary {
  readonly id: string;
  readonly region: string;
  readonly addresses: readonly TransportAddress[];
  /**
   * Whether it serves standard TURN to tenants' users, at its addresses; absent from a directory
   * that does not tell.
   */
  readonly turn?: boolean;
  /** Its reachability; absent from a directory that does not report it. */
  readonly reachability?: RelayReachability;
}

/** Other relays' reports about a relay (docs/registration.md, Reachability). */
export interface RelayReachability {
  /**
   * `reachable`, `unchecked`, `suspected`, `partial`, `unreachable`, or one of a newer directory.
   */
  readonly verdict: string;
  /** Reports about its trunk, if there are any. */
  readonly trunk?: RelayDoubt;
  /** Reports about some of its service addresses. */
  readonly service?: readonly (RelayDoubt & { readonly address: string })[];
  /** It reports itself that it reaches hardly any other relay. */
  readonly cutOff?: boolean;
  /** Number of relays that have not confirmed a registry with it. */
  readonly unknownTo?: number;
}

/** Reports that a relay's trunk, or one of its service addresses, is not reached. */
export interface RelayDoubt {
  readonly verdict: string;
  /** RFC 3339 time at which the doubt began. */
  readonly since?: string;
  /** Number of relays that report it, number of those that can tell, and some of the former. */
  readonly unreachedBy: number;
  readonly observers: number;
  readonly by: readonly { readonly id: string; readonly reason: string; readonly since: string }[];
}

/** A relay that a peer should measure. */
export interface RelayCandidate {
  readonly id: string;
  readonly region: string;
  /** One of each family that the peer can use, the preferred one first. */
  readonly addresses: readonly TransportAddress[];
}

/** A request for relays to measure. */
export interface CandidatesRequest {
  /** The peer's hints; `address` if another than the peer asks. */
  readonly peer?: PeerHints | undefined;
  /** Number of relays at most, 1 to 12; default 10. */
  readonly relays?: number | undefined;
}

/** The relays that a peer should measure. */
export interface RelayCandidates {
  readonly relays: readonly RelayCandidate[];
  /** Time for which they may be kept, s. */
  readonly validSeconds: number;
}

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

const Doubt = Type.Object({
  verdict: Type.String(),
  since: Type.Optional(Type.String()),
  unreachedBy: Type.Integer(),
  observers: Type.Integer(),
  by: Type.Array(Type.Object({ id: Name, reason: Type.String(), since: Type.String() })),
});

const ReachabilityShape = Type.Object({
  verdict: Type.String(),
  trunk: Type.Optional(Doubt),
  service: Type.Optional(Type.Array(Type.Object({ ...Doubt.properties, address: Type.String() }))),
  cutOff: Type.Optional(Type.Boolean()),
  unknownTo: Type.Optional(Type.Integer()),
});

const ListedRelays = Type.Array(
  Type.Object({
    id: Name,
    region: Name,
    addresses: Type.Array(AddressShape),
    turn: Type.Optional(Type.Boolean()),
    reachability: Type.Optional(ReachabilityShape),
  }),
  { maxItems: REGISTRATION_LIMITS.relaysMax },
);

const relaysValidator = Compile(
  Type.Object({
    relays: ListedRelays,
    /** Present if there are more relays; absent from older directories. */
    next: Type.Optional(Type.String({ pattern: '^[0-9a-f]{8}$' })),
  }),
);

const candidatesValidator = Compile(
  Type.Object({
    relays: Type.Array(
      Type.Object({ id: Name, region: Name, addresses: Type.Array(AddressShape) }),
      { maxItems: PING_CANDIDATES_MAX },
    ),
    validSeconds: Type.Integer({ minimum: 0 }),
  }),
);

type CheckedAccess = Checked<DirectoryAccess, typeof ACCESS_SPECS>;

/**
 * Client of the directory's HTTP interface for peers and their servers (PROTOCOL.md section 5).
 * Each call times out after DIRECTORY_ANSWER_MS. All calls throw TurnpikeError:
 * ERR_TURNPIKE_DIRECTORY for a problem that the directory reports (`status`, `retryAfterSeconds`)
 * or a malformed response, ERR_TURNPIKE_DIRECTORY_UNREACHABLE without a response,
 * ERR_TURNPIKE_ABORTED.
 */
export class DirectoryClient {
  readonly #access: CheckedAccess;

  /**
   * @param access - the directory and the API key
   * @throws TurnpikeError as `checkOptions`
   */
  constructor(access: DirectoryAccess) {
    this.#access = checkOptions('DirectoryClient', ACCESS_SPECS, access);
  }

  /**
   * Requests a pair of relays and both peers' credentials.
   * @param request - the hints of both peers
   * @returns both halves, in the order of the request's peers
   * @throws TurnpikeError as described for the class; as `checkOptions` for an invalid request
   */
  async createConnection(
    request: ConnectionRequest,
    options: CallOptions = {},
  ): Promise<GrantPair> {
    const call = 'DirectoryClient#createConnection';
    const specs = REQUEST_SPECS;
    const body = checkOptions<ConnectionRequest, typeof specs>(call, specs, request);
    const { signal } = checkOptions<CallOptions, typeof CALL_SPECS>(call, CALL_SPECS, options);
    return parseGrantPair(await this.#call('POST', 'v1/connections', body, signal));
  }

  /**
   * Lists the relays that may be chosen, such as to measure latencies. Of more than 1,024 relays
   * it makes a request for each 1,024.
   * @throws TurnpikeError as described for the class
   */
  async listRelays(options: CallOptions = {}): Promise<RelaySummary[]> {
    const call = 'DirectoryClient#listRelays';
    const { signal } = checkOptions<CallOptions, typeof CALL_SPECS>(call, CALL_SPECS, options);
    const relays: RelaySummary[] = [];
    let after: string | undefined;
    do {
      const query = after === undefined ? '' : `?after=${after}`;
      const answer = await this.#call('GET', `v1/relays${query}`, undefined, signal);
      if (!relaysValidator.Check(answer)) throw senseless('a malformed list of relays');
      relays.push(...relaysOf(answer.relays));
      const { next } = answer;
      // Rising, so that the pages end whatever a directory answers.
      if (next !== undefined && next <= (after ?? '')) throw senseless('a list without an end');
      after = next;
    } while (after !== undefined && relays.length <= REGISTRATION_LIMITS.relaysMax);
    return relays;
  }

  /**
   * Returns relays that a peer should measure (`Peer.measure`), one of a region.
   * @throws TurnpikeError as described for the class; with `status` 404 from a directory of an
   *   earlier version
   */
  async listCandidates(
    request: CandidatesRequest = {},
    options: CallOptions = {},
  ): Promise<RelayCandidates> {
    const call = 'DirectoryClient#listCandidates';
    const specs = CANDIDATES_SPECS;
    const body = checkOptions<CandidatesRequest, typeof specs>(call, specs, request);
    const { signal } = checkOptions<CallOptions, typeof CALL_SPECS>(call, CALL_SPECS, options);
    const answer = await this.#call('POST', 'v1/relays/candidates', body, signal);
    if (!candidatesValidator.Check(answer)) throw senseless('malformed candidates');
    try {
      const relays = answer.relays.map(({ id, region, addresses }) => ({
        id,
        region,
        addresses: addresses.map(({ address, port }) => transportAddress(address, port)),
      }));
      return { relays, validSeconds: answer.validSeconds };
    } catch (cause) {
      throw senseless('malformed candidates', cause);
    }
  }

  async #call(
    method: 'GET' | 'POST',
    route: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const url = routeUrl(this.#access.directoryUrl, route);
    const { status, text } = await this.#exchange(method, url, body, signal);
    if (status < 200 || status > 299) throw directoryProblem(status, text);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw senseless('a body that is not JSON', cause);
    }
  }

  async #exchange(
    method: 'GET' | 'POST',
    url: URL,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<TextAnswer> {
    const { apiKey, ca } = this.#access;
    const deadline = AbortSignal.timeout(DIRECTORY_ANSWER_MS);
    const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      return await exchangeJson({ method, url, apiKey, body, ca, signal: either });
    } catch (cause) {
      if (signal?.aborted) throw aborted(signal);
      if (cause instanceof RangeError) throw senseless('more than was asked for', cause);
      throw directoryUnreachable(url, deadline.aborted ? deadline.reason : cause);
    }
  }
}

function senseless(what: string, cause?: unknown): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_DIRECTORY', `the directory answered ${what}`, { cause });
}

function relaysOf(listed: Static<typeof ListedRelays>): RelaySummary[] {
  try {
    return listed.map(({ id, region, addresses, turn, reachability }) => ({
      id,
      region,
      addresses: addresses.map(({ address, port }) => transportAddress(address, port)),
      ...(turn !== undefined && { turn }),
      ...(reachability !== undefined && { reachability }),
    }));
  } catch (cause) {
    throw senseless('a malformed list of relays', cause);
  }
}
