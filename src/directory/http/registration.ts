import type { FastifyReply } from 'fastify';
import Type from 'typebox';
import { relayKeyPair, relaySecret } from '../../auth/keys.js';
import { LIMITS } from '../../limits.js';
import { canonicalRecord } from '../../registry/record.js';
import {
  BeatAnswer,
  BeatRequest,
  DeregistrationQuery,
  RegistrationAnswer,
  RegistrationRequest,
  RelayParams,
} from '../../registry/schemas.js';
import type { ReachabilityReport, RelayRecord } from '../../registry/types.js';
import type { Reachability } from '../reachability/reachability.js';
import type { RelayRefusal, RelayTable } from '../relay-table.js';
import type { Store } from '../store/memory.js';
import type { App } from './app.js';
import { PROBLEM_RESPONSES, type Problem, sendProblem } from './problem.js';
import { registryRoute, sendInline } from './registry.js';
import { type RelaySigningOptions, signRelayRoutes } from './relay-signing.js';

/** What the relays' routes work with. */
export interface RegistrationRoutesOptions extends RelaySigningOptions {
  readonly relays: RelayTable;
  readonly reachability: Reachability;
  readonly store: Store;
}

const SECURITY = [{ relaySignature: [] }];

/** The routes that relays call (docs/registration.md). `scope` is theirs alone. */
export function registrationRoutes(scope: App, options: RegistrationRoutesOptions): void {
  signRelayRoutes(scope, options);
  registerRoute(scope, options);
  beatRoute(scope, options);
  deregisterRoute(scope, options);
  registryRoute(scope, options.relays);
}

function registerRoute(scope: App, options: RegistrationRoutesOptions): void {
  const { relays, store } = options;
  scope.put(
    '/v1/relays/:id/registration',
    {
      bodyLimit: LIMITS.registrationBodyBytesMax,
      schema: {
        summary: 'Register a relay',
        params: RelayParams,
        body: RegistrationRequest,
        response: { 200: RegistrationAnswer, ...PROBLEM_RESPONSES },
        security: SECURITY,
      },
    },
    async (request, reply) => {
      const { load, draining } = request.body;
      const checked = checkedRecord(request.params.id, request.body.record, options);
      if (!checked.ok) {
        const problem = { status: 400, code: 'invalid-record', detail: checked.reason };
        return refuse(reply, problem, options);
      }
      const refusal = relays.refusal(checked.record);
      if (refusal !== undefined) return refuse(reply, refusalProblem(refusal), options);
      const { record } = checked;
      const reachability = reportOf(request.body);
      store.publish({ kind: 'registered', record, load, draining, reachability });
      const check = options.reachability.checksOf(record.id);
      const registry = relays.registry();
      if (request.body.fetchesRegistry !== true) return sendInline(reply, registry, { check });
      return reply.send({ registryVersion: registry.version, check });
    },
  );
}

function beatRoute(scope: App, options: RegistrationRoutesOptions): void {
  const { relays, store } = options;
  scope.post(
    '/v1/relays/:id/beat',
    {
      bodyLimit: LIMITS.registrationBodyBytesMax,
      schema: {
        summary: 'Tell that a relay is alive, and how busy',
        params: RelayParams,
        body: BeatRequest,
        response: { 200: BeatAnswer, ...PROBLEM_RESPONSES },
        security: SECURITY,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { start, registryVersion, load, draining, fetchesRegistry } = request.body;
      const refusal = relays.beatRefusal(id, start);
      if (refusal !== undefined) return refuse(reply, refusalProblem(refusal), options);
      const beat = { id, start, registryVersion, load, draining };
      store.publish({ kind: 'beat', beat: { ...beat, reachability: reportOf(request.body) } });
      const registry = relays.registry();
      const answer = {
        registryVersion: registry.version,
        check: options.reachability.checksOf(id),
      };
      const has = registry.version === registryVersion;
      return has || fetchesRegistry === true
        ? reply.send(answer)
        : sendInline(reply, registry, answer);
    },
  );
}

function deregisterRoute(scope: App, options: RegistrationRoutesOptions): void {
  const { relays, store } = options;
  scope.delete(
    '/v1/relays/:id/registration',
    {
      schema: {
        summary: 'Deregister a relay that closes',
        params: RelayParams,
        querystring: DeregistrationQuery,
        response: { 204: Type.Null(), ...PROBLEM_RESPONSES },
        security: SECURITY,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const refusal = relays.beatRefusal(id, Number(request.query.start));
      if (refusal?.code === 'superseded') return refuse(reply, refusalProblem(refusal), options);
      if (refusal === undefined) store.publish({ kind: 'deregistered', id });
      return reply.code(204).send(null);
    },
  );
}

function refuse(reply: FastifyReply, problem: Problem, { metrics }: RegistrationRoutesOptions) {
  metrics.relayRequestsRefused.inc({ code: problem.code });
  metrics.refuse(problem.code);
  return sendProblem(reply, problem);
}

/** What a relay says that it cannot reach; of what it leaves out, nothing. */
function reportOf({ reachability }: Pick<BeatRequest, 'reachability'>) {
  if (reachability === undefined) return undefined;
  const { trunk = [], service = [] } = reachability;
  return { trunk, service } satisfies ReachabilityReport;
}

/** Checks what the path, the cluster secret and the clock say about a record. */
function checkedRecord(id: string, record: RelayRecord, options: RegistrationRoutesOptions) {
  const { clusterSecret, clock } = options;
  if (record.id !== id)
    return { ok: false, reason: 'record.id is not the id in the path' } as const;
  const { publicKey } = relayKeyPair(relaySecret(clusterSecret, id));
  if (record.publicKey !== Buffer.from(publicKey).toString('base64')) {
    return { ok: false, reason: 'record.publicKey does not follow from the id' } as const;
  }
  if (record.start > clock.now() + LIMITS.startAheadMs) {
    return { ok: false, reason: 'record.start is too far in the future' } as const;
  }
  return canonicalRecord(record);
}

function refusalProblem(refusal: RelayRefusal): Problem {
  switch (refusal.code) {
    case 'start-too-low':
    case 'superseded':
      return {
        status: 409,
        code: refusal.code,
        detail: `a process of this relay that started at ${refusal.lastStart} is known`,
        members: { lastStart: refusal.lastStart },
      };
    case 'address-taken':
      return {
        status: 409,
        code: refusal.code,
        detail: `${refusal.address} belongs to relay ${refusal.by}`,
      };
    case 'registry-full':
      return {
        status: 503,
        code: refusal.code,
        detail: `${LIMITS.relaysMax} relays are registered`,
        retryAfterSeconds: 30,
      };
    case 'too-many-changes':
      return {
        status: 429,
        code: refusal.code,
        detail: `a relay may change its record every ${LIMITS.recordChangeMs / 1_000} s`,
        retryAfterSeconds: Math.ceil(refusal.retryAfterMs / 1_000),
      };
    case 'unknown-relay':
      return { status: 404, code: refusal.code, detail: 'not registered: register again' };
  }
}
