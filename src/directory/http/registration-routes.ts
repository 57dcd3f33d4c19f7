import Type from 'typebox';
import { relayKeyPair, relaySecret } from '../../auth/keys.js';
import { HTTP_LIMITS } from '../../http/http-limits.js';
import { canonicalRecord } from '../../registry/record.js';
import { REGISTRATION_LIMITS } from '../../registry/registration-limits.js';
import {
  BeatAnswer,
  BeatRequest,
  DeregistrationQuery,
  RegistrationAnswer,
  RegistrationRequest,
  RelayParams,
} from '../../registry/schemas.js';
import type { ClaimChallenge, ReachabilityReport, RelayRecord } from '../../registry/types.js';
import { addressOf } from '../claims/claim-table.js';
import type { ClaimAnswer, Contests } from '../claims/contests.js';
import type { ProberAppointments } from '../prober-appointments.js';
import type { Reachability } from '../reachability/reachability.js';
import { RECORD_CHANGE_INTERVAL_MS } from '../record-change-limiter.js';
import type { RelayMessage } from '../relay-messages.js';
import type { RelayRefusal, RelayTable } from '../relay-table.js';
import type { Snapshots } from '../snapshot.js';
import type { App } from './app.js';
import { PROBLEM_RESPONSES, type Problem } from './problem.js';
import { registryRoute, sendInline } from './registry-route.js';
import { type RelaySigningOptions, refuse, signRelayRoutes } from './signed-routes.js';

/** Maximum distance of a RELAY-START ahead of the directory's clock. */
export const START_AHEAD_MS_MAX = 86_400_000;

/** Dependencies of the relays' routes. */
export interface RegistrationRoutesOptions extends RelaySigningOptions {
  readonly relays: RelayTable;
  readonly snapshots: Snapshots;
  readonly reachability: Reachability;
  readonly probers: ProberAppointments;
  readonly contests: Contests;
  /** Applies an accepted event, and returns members for the answer. */
  readonly apply: (event: RelayMessage) => { readonly sequence?: number };
}

const SECURITY = [{ relaySignature: [] }];

/** Adds the routes that relays call (docs/registration.md). `scope` holds these routes only. */
export function registrationRoutes(scope: App, options: RegistrationRoutesOptions): void {
  signRelayRoutes(scope, options);
  registerRoute(scope, options);
  beatRoute(scope, options);
  deregisterRoute(scope, options);
  registryRoute(scope, options.relays);
}

function registerRoute(scope: App, options: RegistrationRoutesOptions): void {
  const { relays, apply } = options;
  scope.put(
    '/v1/relays/:id/registration',
    {
      bodyLimit: HTTP_LIMITS.registrationBodyBytesMax,
      schema: {
        summary: 'Register a relay',
        params: RelayParams,
        body: RegistrationRequest,
        response: { 200: RegistrationAnswer, ...PROBLEM_RESPONSES },
        security: SECURITY,
      },
    },
    async (request, reply) => {
      const { site, load, draining } = request.body;
      const checked = checkedRecord(request.params.id, request.body.record, options);
      if (!checked.ok) {
        const problem = { status: 400, code: 'invalid-record', detail: checked.reason };
        return refuse(reply, problem, options);
      }
      const refusal = relays.refusal(checked.record);
      if (refusal !== undefined) return refuse(reply, refusalProblem(refusal), options);
      const { record } = checked;
      const claim = claimOf(record, request.body.claims, options);
      if (claim.state !== 'granted') {
        return refuse(reply, claimProblem(claim, dutiesOf(record.id, options)), options);
      }
      const { proved } = claim;
      const reachability = reportOf(request.body);
      const { claims, takesChanges, registryVersion = null } = request.body;
      const state = { load, draining, proved, takesChanges, reachability, claims };
      const applied = apply({ kind: 'registered', record, site, ...state });
      const duties = { ...dutiesOf(record.id, options), ...applied };
      if (takesChanges === true) {
        return reply.send({ ...newsFor(record.id, registryVersion, relays), ...duties });
      }
      const registry = relays.registry();
      if (request.body.fetchesRegistry !== true) return sendInline(reply, registry, duties);
      return reply.send({ registryVersion: registry.version, ...duties });
    },
  );
}

function beatRoute(scope: App, options: RegistrationRoutesOptions): void {
  const { relays, apply } = options;
  scope.post(
    '/v1/relays/:id/beat',
    {
      bodyLimit: HTTP_LIMITS.registrationBodyBytesMax,
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
      const { start, registryVersion, load, draining, fetchesRegistry, claims } = request.body;
      const { after, measurements } = request.body;
      const refusal = relays.beatRefusal(id, start);
      if (refusal !== undefined) return refuse(reply, refusalProblem(refusal), options);
      const beat = { id, start, registryVersion, load, after, draining, claims, measurements };
      const reachability = reportOf(request.body);
      const applied = apply({ kind: 'beat', beat: { ...beat, reachability } });
      // Only for relays that read it.
      const measure = measurements === undefined ? {} : { measure: options.probers.roleOf(id) };
      const duties = { ...dutiesOf(id, options), ...applied, ...measure };
      if (request.body.takesChanges === true) {
        return reply.send({ ...newsFor(id, registryVersion, relays), ...duties });
      }
      const registry = relays.registry();
      const answer = { registryVersion: registry.version, ...duties };
      const has = registry.version === registryVersion;
      return has || fetchesRegistry === true
        ? reply.send(answer)
        : sendInline(reply, registry, answer);
    },
  );
}

function deregisterRoute(scope: App, options: RegistrationRoutesOptions): void {
  const { relays, apply } = options;
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
      // An expired relay can still release its claims.
      const isKnown = refusal === undefined || relays.claims.isLapsed(id);
      if (isKnown) apply({ kind: 'deregistered', id });
      return reply.code(204).send(null);
    },
  );
}

/** Returns what a relay checks and challenges for the directory. */
function dutiesOf(id: string, { reachability, contests }: RegistrationRoutesOptions) {
  const challenge = contests.claimChallengesOf(id);
  const check = reachability.checksOf(id);
  return challenge.length === 0 ? { check } : { check, challenge };
}

/** Returns what a relay that takes changes is told of the registry and of its next beat. */
function newsFor(id: string, has: string | null, relays: RelayTable) {
  const beatSeconds = relays.beatSecondsFor(id, has);
  const news = relays.registryNews(has);
  return beatSeconds === undefined ? news : { ...news, beatSeconds };
}

/** Decides whether the relay may register its addresses. */
function claimOf(
  record: RelayRecord,
  results: RegistrationRequest['claims'],
  options: RegistrationRoutesOptions,
): ClaimOutcome {
  const { relays, snapshots, contests } = options;
  const rivals = relays.claims.rivals(record);
  const [first] = rivals;
  if (first === undefined) return { state: 'granted', proved: relays.isProved(record) };
  const whose = `${addressOf(first.claim)} belongs to relay ${first.by.id}`;
  // A relay that waits for its own addresses may be a checker of another contest.
  contests.report(record.id, results);
  return { ...contests.claim(record, rivals, () => snapshots.current().relays), whose };
}

type ClaimOutcome =
  | { readonly state: 'granted'; readonly proved: boolean }
  | (ClaimAnswer & { readonly whose: string });

/** Returns what a relay reports of reachability; undefined if it does not report. */
function reportOf({ reachability }: Pick<BeatRequest, 'reachability'>) {
  if (reachability === undefined) return undefined;
  const { trunk = [], service = [], watchShare } = reachability;
  return { trunk, service, watchShare } satisfies ReachabilityReport;
}

/** Validates a record against the path, the cluster secret and the clock. */
function checkedRecord(id: string, record: RelayRecord, options: RegistrationRoutesOptions) {
  const { clusterSecret, clock } = options;
  if (record.id !== id)
    return { ok: false, reason: 'record.id is not the id in the path' } as const;
  const { publicKey } = relayKeyPair(relaySecret(clusterSecret, id));
  if (record.publicKey !== Buffer.from(publicKey).toString('base64')) {
    return { ok: false, reason: 'record.publicKey does not follow from the id' } as const;
  }
  if (record.start > clock.now() + START_AHEAD_MS_MAX) {
    return { ok: false, reason: 'record.start is too far in the future' } as const;
  }
  return canonicalRecord(record);
}

const WHY = {
  unproved: 'this relay did not answer there when others asked',
  unchecked: 'there are no relays of two other regions to ask this one there',
} as const;

function claimProblem(
  claim: Exclude<ClaimOutcome, { state: 'granted' }>,
  { challenge }: { readonly challenge?: readonly ClaimChallenge[] },
): Problem {
  const members = challenge === undefined ? {} : { challenge };
  const problem = (code: string, why: string) =>
    ({ status: 409, code, detail: `${claim.whose}: ${why}`, members }) as const;
  if (claim.state === 'busy') {
    const detail = `${claim.whose}: too many other claims are looked into`;
    return { status: 503, code: 'too-many-claims', detail, retryAfterSeconds: 5, members };
  }
  if (claim.state === 'refused') return problem('address-taken', WHY[claim.why]);
  const { checkers } = claim;
  const contested = problem('address-contested', 'others ask this one there');
  return { ...contested, members: { ...members, checkers } };
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
    case 'registry-full':
      return {
        status: 503,
        code: refusal.code,
        detail: `${REGISTRATION_LIMITS.relaysMax} relays are registered`,
        retryAfterSeconds: 30,
      };
    case 'too-many-changes':
      return {
        status: 429,
        code: refusal.code,
        detail: `a relay may change its record every ${RECORD_CHANGE_INTERVAL_MS / 1_000} s`,
        retryAfterSeconds: Math.ceil(refusal.retryAfterMs / 1_000),
      };
    case 'unknown-relay':
      return { status: 404, code: refusal.code, detail: 'not registered: register again' };
  }
}
