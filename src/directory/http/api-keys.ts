import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TurnpikeError } from '../../errors.js';
import type { ConnectionLimiter } from '../../http/connection-limiter.js';
import { sendProblem } from './problem.js';
import type { TenantRequestQueue } from './tenant-request-queue.js';

/** A key that peers or their servers present, and the tenant it stands for. */
export interface ApiKey {
  readonly key: string;
  readonly tenant: string;
}

/** RFC 6750 section 2.1: what may stand after `Bearer `. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The API keys of a directory. Both sides of a comparison are hashed under a key of this process,
 * and every known key is compared, so time tells neither how much of a key was right nor which one.
 */
export class ApiKeys {
  readonly #pepper = randomBytes(32);
  #known: readonly { readonly hash: Buffer; readonly tenant: string }[] = [];

  /** Throws as `replace`. */
  constructor(keys: readonly ApiKey[]) {
    this.replace(keys);
  }

  /**
   * Takes other keys in place of those before; where it throws those before stay.
   * @param keys - by their specs (`DIRECTORY_SPECS`)
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for one key for two tenants; no message holds a key
   */
  replace(keys: readonly ApiKey[]): void {
    const tenants = new Map<string, string>();
    for (const { key, tenant } of keys) {
      const other = tenants.get(key);
      if (other !== undefined && other !== tenant) {
        throw invalid(`one API key stands for two tenants, ${other} and ${tenant}`);
      }
      tenants.set(key, tenant);
    }
    this.#known = [...tenants].map(([key, tenant]) => ({ hash: this.#hash(key), tenant }));
  }

  /**
   * @param authorization - the Authorization header
   * @returns the tenant, undefined when the header is missing, malformed or names no known key
   */
  tenantOf(authorization: string | undefined): string | undefined {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const hash = this.#hash(token);
    let tenant: string | undefined;
    for (const known of this.#known) {
      if (timingSafeEqual(known.hash, hash)) tenant = known.tenant;
    }
    return tenant;
  }

  #hash(key: string): Buffer {
    return createHmac('sha256', this.#pepper).update(key).digest();
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant of the request's API key; empty on routes that ask for none. */
    tenant: string;
  }
}

/**
 * A hook that lets a request pass only with a known API key, in its tenant's turn, and sets its
 * tenant.
 */
export function requireApiKey(
  keys: ApiKeys,
  connections: Pick<ConnectionLimiter, 'hasKey'>,
  tenantRequests: TenantRequestQueue,
) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> => {
    const tenant = keys.tenantOf(request.headers.authorization);
    if (tenant === undefined) {
      return sendProblem(reply.header('www-authenticate', 'Bearer'), {
        status: 401,
        ...(request.headers.authorization === undefined ? MISSING : UNKNOWN),
      });
    }
    request.tenant = tenant;
    connections.hasKey(request.socket);
    const isServed = await tenantRequests.take(tenant, () => request.socket.destroyed);
    // Nobody is left to answer, and the work would be done in nobody's turn.
    if (request.socket.destroyed) return reply.hijack();
    return isServed ? undefined : sendProblem(reply, CROWDED);
  };
}

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
