import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply } from 'fastify';
import Type from 'typebox';

/** Schema of problem details (RFC 9457). `code` is stable; `detail` is for people. */
const ProblemShape = Type.Object(
  {
    type: Type.String({ description: 'about:blank: the status says it all (RFC 9457, 4.2.1).' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable: match on it.' }),
    detail: Type.Optional(Type.String()),
    retryAfterSeconds: Type.Optional(Type.Integer()),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'JSON Pointer (RFC 6901) into the part at fault.' }),
          detail: Type.String(),
        }),
      ),
    ),
  },
  { additionalProperties: true, description: 'Problem details (RFC 9457).' },
);

/** Responses that every route may give besides its own. */
export const PROBLEM_RESPONSES = {
  '4xx': {
    description: 'Refused.',
    content: { 'application/problem+json': { schema: ProblemShape } },
  },
  '5xx': {
    description: 'Cannot be served now.',
    content: { 'application/problem+json': { schema: ProblemShape } },
  },
} as const;

/** A problem document to send. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** Also sent as Retry-After (RFC 9110 section 10.2.3). */
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  /** Extension members, such as `lastStart` (RFC 9457 section 3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** Returns the JSON text of a problem document. */
function problemText(problem: Problem): string {
  const { members, ...rest } = problem;
  return JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    ...rest,
    ...members,
  });
}

/** Sends a problem document as the response. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.retryAfterSeconds !== undefined) {
    reply.header('retry-after', problem.retryAfterSeconds);
  }
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .serializer((text: string) => text)
    .send(problemText(problem));
}

/** Maximum validation errors in a problem document; a hostile body can cause thousands. */
const ERRORS_MAX = 16;

/** Problem codes of errors that fastify raises; other errors get a code by their status. */
const FASTIFY_CODES: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid-json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid-json',
  FST_ERR_BAD_URL: 'invalid-url',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid-url',
};

/**
 * Maps an error of a hook, parser or handler to a problem.
 * @returns a 4xx for errors of the client, else a 500 without details of the cause
 */
export function problemOf(error: FastifyError): Problem {
  if (error.validation !== undefined) {
    return {
      status: 400,
      code: 'invalid-request',
      detail: `${error.validationContext ?? 'request'} does not match its schema`,
      errors: error.validation.slice(0, ERRORS_MAX).map((fault) => ({
        pointer: fault.instancePath,
        // An unknown member fails the schema `false`, whose message is of no use to people.
        detail: fault.keyword === 'boolean' ? 'is not allowed here' : (fault.message ?? 'wrong'),
      })),
    };
  }
  const status = error.statusCode ?? 500;
  if (status < 400 || status >= 500) {
    return { status: 500, code: 'internal-error', detail: 'the directory failed' };
  }
  const code = FASTIFY_CODES[error.code] ?? (error instanceof SyntaxError ? 'invalid-json' : null);
  return { status, code: code ?? 'invalid-request', detail: error.message };
}

/**
 * Answers a request that Node's HTTP parser rejected: malformed, with too large a header section,
 * or too slow. Closes the socket.
 */
export function answerParserError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (TLS_FAILURE.test(error.code ?? '')) {
    // Before the handshake ends no response can be sent, and `destroySoon` would wait for ever.
    socket.destroy();
    return;
  }
  const problem = PARSER_PROBLEMS[error.code ?? ''] ?? {
    status: 400,
    code: 'invalid-http',
    detail: 'not an HTTP/1.1 request',
  };
  if (socket.writable) {
    const body = problemText(problem);
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
        'Content-Type: application/problem+json\r\nConnection: close\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

const TLS_FAILURE = /^(ERR_TLS_|ERR_SSL_|EPROTO)/;

const PARSER_PROBLEMS: Readonly<Record<string, Problem>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request-timeout',
    detail: 'the request did not arrive in time',
  },
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'headers-too-large',
    detail: 'the header section is too large',
  },
};
