import Type, { type Static } from 'typebox';
import { type RandomBytes, randomSeed } from '../../random.js';
import type { Explainer, ExplainFault, OperatorExplanation } from '../explainer.js';
import type { App } from './app.js';
import { PeerShape, peerHints } from './peer-hints.js';
import { PROBLEM_RESPONSES, type Problem, sendProblem } from './problem.js';

/** Schema of an explanation. docs/selection.md describes its members. */
export const ExplanationAnswer = Type.Unsafe<OperatorExplanation>(
  Type.Object({}, { additionalProperties: true, description: 'Why a pair was chosen.' }),
);

const SEED_MAX = 0xffff_ffff;

const ExplanationRequest = Type.Object(
  {
    connectionId: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'Of an earlier answer of this directory. Instead of the other members.',
      }),
    ),
    peers: Type.Optional(
      Type.Tuple([PeerShape, PeerShape], { description: 'As in POST /v1/connections.' }),
    ),
    snapshot: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Number of the snapshot to read; default the newest one.',
      }),
    ),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: SEED_MAX, description: 'Default a random one.' }),
    ),
  },
  { additionalProperties: false },
);

type ExplanationRequest = Static<typeof ExplanationRequest>;

/** Dependencies of the route. */
export interface ExplanationRouteOptions {
  readonly explainer: Explainer;
  readonly random: RandomBytes;
}

/** Adds the route by which operators ask why a pair was, or would be, chosen. */
export function explanationRoute(app: App, { explainer, random }: ExplanationRouteOptions): void {
  app.post(
    '/v1/explanations',
    {
      config: { keyOf: 'operator' },
      schema: {
        summary: 'Explain why a pair of relays was or would be chosen',
        body: ExplanationRequest,
        response: { 200: ExplanationAnswer, ...PROBLEM_RESPONSES },
        security: [{ apiKey: [] }],
      },
    },
    async (request, reply) => {
      const result = explainedBy(explainer, request.body, random);
      if ('status' in result) return sendProblem(reply, result);
      if (!result.ok) return sendProblem(reply, PROBLEMS[result.fault]);
      // The answer tells what peers told of themselves.
      return reply.header('cache-control', 'no-store').send(result.explanation);
    },
  );
}

function explainedBy(explainer: Explainer, body: ExplanationRequest, random: RandomBytes) {
  const { connectionId, peers, snapshot, seed } = body;
  if (connectionId !== undefined) {
    const isAlone = peers === undefined && snapshot === undefined && seed === undefined;
    return isAlone ? explainer.ofConnection(connectionId) : wrong('/connectionId', ALONE);
  }
  if (peers === undefined) return wrong('/peers', 'give connectionId, or the peers');
  const hints = [peerHints(peers[0]), peerHints(peers[1])] as const;
  const [first, second] = hints;
  if (!first.ok) return wrong(`/peers/0${first.pointer}`, first.detail);
  if (!second.ok) return wrong(`/peers/1${second.pointer}`, second.detail);
  const wish = { peers: [first.hints, second.hints], snapshot } as const;
  return explainer.ofPeers({ ...wish, seed: seed ?? randomSeed(random) });
}

const ALONE = 'is given alone: it stands for snapshot, seed and peers';

const PROBLEMS: Readonly<Record<ExplainFault, Problem>> = {
  'connection-unknown': {
    status: 404,
    code: 'connection-unknown',
    detail: 'not one of the last connections that this directory, since its start, answered with',
  },
  'snapshot-unknown': {
    status: 404,
    code: 'snapshot-unknown',
    detail: 'this directory has not made a snapshot of that number since its start',
  },
  'snapshot-gone': {
    status: 410,
    code: 'snapshot-gone',
    detail: 'the snapshot by which the relays were chosen is no longer kept: ask sooner',
  },
};

function wrong(pointer: string, detail: string): Problem {
  const errors = [{ pointer, detail }];
  return { status: 400, code: 'invalid-request', detail: 'body does not match its schema', errors };
}
