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

/**
 * The API keys of a directory. Keys are looked up by their HMAC under a key of this process. Nobody
 * else can compute it, so the time of a look-up reveals no prefix of a key.
 */
export class ApiKeys {
  readonly #pepper = randomBytes(32);
  /** Tenants by the HMAC of their key. */
  #known: ReadonlyMap<string, string> = new Map();

  /** @throws TurnpikeError as `renewal` */
  constructor(keys: readonly ApiKey[]) {
    this.renewal(keys)();
  }

  /**
   * Prepares a replacement of the keys.
   * @param keys - valid by `DIRECTORY_SPECS`
   * @returns a function that replaces them
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for one key for two tenants; no message contains a
   *   key
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
    const known = new Map([...tenants].map(([key, tenant]) => [this.#hash(key), tenant]));
    return () => {
      this.#known = known;
    };
  }

  /**
   * Returns the tenant of a request.
   * @param authorization - the Authorization header
   * @returns undefined if the header is missing, malformed or names no known key
   */
  tenantOf(authorization: string | undefined): string | undefined {
    const token = BEARER.exec(authorization ?? '')?.[1];
    return token === undefined ? undefined : this.#known.get(this.#hash(token));
  }

  #hash(key: string): string {
    return hmac('sha256', this.#pepper, Buffer.from(key, 'latin1'), 'base64');
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant of the request's API key; empty on routes without one. */
    tenant: string;
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
 * Returns a hook that authenticates a request by its API key, waits for the tenant's turn and sets
 * `request.tenant`. It answers 401 without a known key and 429 if too many requests of the tenant
 * wait.
 */
export function requireApiKey(options: ApiKeyOptions) {
  const { keys, connections, tenantRequests, metrics, clock } = options;
  // The hook takes a callback, because a promise for each request costs more than its work.
  return (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    const tenant = keys.tenantOf(request.headers.authorization);
    if (tenant === undefined) {
      sendProblem(reply.header('www-authenticate', 'Bearer'), {
        status: 401,
        ...(request.headers.authorization === undefined ? MISSING : UNKNOWN),
      });
      return;
    }
    request.tenant = tenant;
    const { socket } = request;
    connections.hasKey(socket);
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
