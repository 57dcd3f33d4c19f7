import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import type { ConnectionLimiter } from '../../http/connection-limiter.js';
import { hmac } from '../../stun/hmac.js';
import type { DirectoryMetrics } from '../metrics.js';
import { sendProblem } from './problem.js';
import type { TenantRequestQueue } from './tenant-request-queue.js';

/** An API key of a tenant's peers or servers. */
export interface ApiKey {
  readonly key: string;
  readonly tenant: string;
}

/** The value of an Authorization header with a bearer token (RFC 6750 section 2.1). */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Who holds a key: a tenant's peers and servers, or an operator of the directory. */
export type KeyHolder =
  | { readonly isOperator: false; readonly tenant: string }
  | { readonly isOperator: true };

const OPERATOR: KeyHolder = { isOperator: true };

/**
 * The keys that requests to a directory carry. Keys are looked up by their HMAC under a key of this
 * process. Nobody else can compute it, so the time of a look-up reveals no prefix of a key.
 */
export class ApiKeys {
  readonly #pepper = randomBytes(32);
  /** Tenants by the HMAC of their key. */
  #tenants: ReadonlyMap<string, KeyHolder> = new Map();
  /** HMACs of the operators' keys. */
  #operators: ReadonlySet<string> = new Set();

  /** @throws TurnpikeError as `renewal` and `operatorRenewal` */
  constructor(keys: readonly ApiKey[], operatorKeys: readonly string[]) {
    this.renewal(keys)();
    this.operatorRenewal(operatorKeys)();
  }

  /**
   * Prepares a replacement of the tenants' keys.
   * @param keys - valid by `DIRECTORY_SPECS`
   * @returns a function that replaces them
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for one key for two tenants, or for a tenant and an
   *   operator; no message contains a key
   */
  renewal(keys: readonly ApiKey[]): () => void {
    const tenants = new Map<string, string>();
    for (const { key, tenant } of keys) {
      const other = tenants.get(key);
      if (other !== undefined && other !== tenant) {
        throw invalid(`one API key stands for two tenants, ${other} and ${tenant}`);
      }
      tenants.set(key, tenant);
    }
    const known = new Map<string, KeyHolder>();
    for (const [key, tenant] of tenants) {
      const hash = this.#hash(key);
      if (this.#operators.has(hash)) throw invalid(BOTH);
      known.set(hash, { isOperator: false, tenant });
    }
    return () => {
      this.#tenants = known;
    };
  }

  /**
   * Prepares a replacement of the operators' keys.
   * @param keys - valid by `DIRECTORY_SPECS`
   * @returns a function that replaces them
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a key that is a tenant's
   */
  operatorRenewal(keys: readonly string[]): () => void {
    const known = new Set(keys.map((key) => this.#hash(key)));
    for (const hash of known) if (this.#tenants.has(hash)) throw invalid(BOTH);
    return () => {
      this.#operators = known;
    };
  }

  /**
   * Returns who holds the key of a request. A key that was made a tenant's and an operator's at
   * once is the tenant's.
   * @param authorization - the Authorization header
   * @returns undefined if the header is missing, malformed or names no known key
   */
  holderOf(authorization: string | undefined): KeyHolder | undefined {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const hash = this.#hash(token);
    return this.#tenants.get(hash) ?? (this.#operators.has(hash) ? OPERATOR : undefined);
  }

  #hash(key: string): string {
    return hmac('sha256', this.#pepper, Buffer.from(key, 'latin1'), 'base64');
  }
}

const BOTH = "one key is a tenant's and an operator's";

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant of the request's API key; empty on routes without one, and for an operator. */
    tenant: string;
    /** Whether the request carries an operator's key. */
    isOperator: boolean;
  }

  interface FastifyContextConfig {
    /** Whose key a route takes; default a tenant's only. About `either` the route decides. */
    keyOf?: 'operator' | 'either';
  }
}

/** What the hook works with. */
export interface ApiKeyOptions {
  readonly keys: ApiKeys;
  readonly connections: Pick<ConnectionLimiter, 'hasKey'>;
  readonly tenantRequests: TenantRequestQueue;
  readonly metrics: DirectoryMetrics;
  readonly clock: Clock;
}

/**
 * Returns a hook that authenticates a request by its key, waits for the tenant's turn and sets
 * `request.tenant` and `request.isOperator`. It answers 401 without a known key, 403 for a key that
 * the route does not take, and 429 if too many requests of the tenant wait. Operators wait together
 * as one more tenant.
 */
export function requireApiKey(options: ApiKeyOptions) {
  const { keys, connections, tenantRequests, metrics, clock } = options;
  // The hook takes a callback, because a promise for each request costs more than its work.
  return (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    const holder = keys.holderOf(request.headers.authorization);
    if (holder === undefined) {
      sendProblem(reply.header('www-authenticate', 'Bearer'), {
        status: 401,
        ...(request.headers.authorization === undefined ? MISSING : UNKNOWN),
      });
      return;
    }
    const { socket } = request;
    connections.hasKey(socket);
    const { keyOf } = request.routeOptions.config;
    if (keyOf !== 'either' && holder.isOperator !== (keyOf === 'operator')) {
      sendProblem(reply, holder.isOperator ? TENANT_KEY_NEEDED : OPERATOR_KEY_NEEDED);
      return;
    }
    const tenant = holder.isOperator ? '' : holder.tenant;
    request.tenant = tenant;
    request.isOperator = holder.isOperator;
    if (tenantRequests.takeNow()) {
      metrics.waitSeconds.observe(QUEUE, 0);
      done();
      return;
    }
    const since = clock.monotonic();
    const isGone = () => socket.destroyed;
    void tenantRequests.take(tenant, isGone).then((isServed) => {
      metrics.waitSeconds.observe(QUEUE, (clock.monotonic() - since) / 1_000);
      // The client is gone: skip the work.
      if (isGone()) reply.hijack();
      else if (isServed) done();
      else sendProblem(reply, CROWDED);
    });
  };
}

const QUEUE = { queue: 'tenants' };

const CROWDED = {
  status: 429,
  code: 'too-many-requests',
  detail: 'too many requests of your tenant are under way',
  retryAfterSeconds: 1,
};

/** Answers a tenant's key where an operator's is needed. */
export const OPERATOR_KEY_NEEDED = {
  status: 403,
  code: 'operator-key-needed',
  detail: "explanations are for operators: give the directory's operator key",
};

/** Answers an operator's key where a tenant's is needed. */
export const TENANT_KEY_NEEDED = {
  status: 403,
  code: 'tenant-key-needed',
  detail: "an operator's key is for explanations only: give a tenant's API key",
};

const MISSING = {
  code: 'api-key-missing',
  detail: 'an API key is needed: Authorization: Bearer <key>',
};

const UNKNOWN = {
  code: 'api-key-unknown',
  detail: 'the API key that was given is none of this directory',
};

function invalid(message: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}
