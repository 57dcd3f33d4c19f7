import { connectAdvice } from '../errno-advice.js';
import { messageOf, TurnpikeError } from '../errors.js';

/** How to reach a directory. */
export interface DirectoryAccess {
  /** The directory's base URL, `http:` or `https:`; it may have a path. */
  readonly directoryUrl: string | URL;
  /** The tenant's API key: 16 to 512 characters of a bearer token. */
  readonly apiKey: string;
  /** Certificate authorities in PEM, in place of the system's. */
  readonly ca?: string | Buffer | undefined;
}

/**
 * Returns a route's URL below the directory's base URL.
 * @param base - as in `DirectoryAccess`
 * @param route - such as `v1/relays`, without a leading slash
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a base that is not an http: or https: URL
 */
export function routeUrl(base: string | URL, route: string): URL {
  const url = URL.canParse(String(base)) ? new URL(base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const got = JSON.stringify(String(base));
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `the directory's URL must begin with http:// or https://, got ${got}`,
    );
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new URL(route, url);
}

/**
 * Returns the error for an unsuccessful response: a problem document (RFC 9457), or a response of a
 * proxy.
 * @param status - HTTP status
 * @param text - the body
 * @returns TurnpikeError ERR_TURNPIKE_DIRECTORY with `status`, the problem's code in its message,
 *   and `retryAfterSeconds` if present
 */
export function directoryProblem(status: number, text: string): TurnpikeError {
  if (!isProblem(text)) return strangerProblem(status, text);
  const { code, title, detail, retryAfterSeconds } = problemMembers(text);
  const words = [code, detail ?? title].filter((word) => word !== undefined).join(': ');
  return new TurnpikeError(
    'ERR_TURNPIKE_DIRECTORY',
    `the directory answered ${status}${words === '' ? '' : ` ${words}`}`,
    { status, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) },
  );
}

/**
 * Returns the error for a directory that did not respond.
 * @param url - the requested URL
 * @param cause - the underlying failure; its system error name becomes `errno`
 */
export function directoryUnreachable(url: URL, cause: unknown): TurnpikeError {
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code;
  const what = errno ?? messageOf(cause);
  const why = `${what}${connectAdvice(errno, /^(https|wss):$/.test(url.protocol))}`;
  return new TurnpikeError(
    'ERR_TURNPIKE_DIRECTORY_UNREACHABLE',
    `cannot reach the directory at ${url.origin}: ${why}`,
    { cause, address: url.host, ...(errno === undefined ? {} : { errno }) },
  );
}

function isProblem(text: string): boolean {
  return problemMembers(text).code !== undefined;
}

/**
 * Returns the error for a response that is not a directory's, but a proxy's or another server's.
 */
function strangerProblem(status: number, text: string): TurnpikeError {
  const what = /^\s*</.test(text) ? 'with a web page' : 'with what is no answer of a directory';
  const hint =
    status >= 300 && status <= 399
      ? 'it points elsewhere: give the URL that it leads to'
      : status >= 500
        ? 'a proxy in front of it may have lost the directory'
        : 'is the URL that of a directory, or of another server or a proxy?';
  return new TurnpikeError(
    'ERR_TURNPIKE_DIRECTORY',
    `the server answered ${status} ${what}: ${hint}`,
    { status },
  );
}

interface ProblemMembers {
  readonly code: string | undefined;
  readonly title: string | undefined;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

function problemMembers(text: string): ProblemMembers {
  let problem: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) problem = value as Record<string, unknown>;
  } catch {
    // Not a directory's response; the error then has the status only.
  }
  const string = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const seconds = problem.retryAfterSeconds;
  return {
    code: string(problem.code),
    title: string(problem.title),
    detail: string(problem.detail),
    retryAfterSeconds: typeof seconds === 'number' ? seconds : undefined,
  };
}
