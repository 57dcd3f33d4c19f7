import {
  directoryProblem,
  directoryUnreachable,
  routeUrl,
} from '../../client/directory-problem.js';
import { DIRECTORY_ANSWER_MS, exchangeJson, type TextAnswer } from '../../client/http-json.js';
import type { OperatorExplanation } from '../../directory/explainer.js';
import { TurnpikeError } from '../../errors.js';

/**
 * Asks a directory for an explanation (`POST /v1/explanations`).
 * @param body - of the request
 * @throws TurnpikeError ERR_TURNPIKE_DIRECTORY with `status` for a refusal, or for an answer that
 *   is no explanation; ERR_TURNPIKE_DIRECTORY_UNREACHABLE without an answer; the reason of `stop`
 */
export async function askExplanation(
  directoryUrl: string,
  operatorKey: string,
  body: object,
  stop: AbortSignal,
): Promise<OperatorExplanation> {
  const url = routeUrl(directoryUrl, 'v1/explanations');
  const deadline = AbortSignal.timeout(DIRECTORY_ANSWER_MS);
  const signal = AbortSignal.any([stop, deadline]);
  let answer: TextAnswer;
  try {
    answer = await exchangeJson({ method: 'POST', url, apiKey: operatorKey, body, signal });
  } catch (cause) {
    if (stop.aborted) throw stop.reason;
    if (cause instanceof RangeError) throw senseless(cause);
    throw directoryUnreachable(url, deadline.aborted ? deadline.reason : cause);
  }
  const { status, text } = answer;
  if (status !== 200) throw directoryProblem(status, text);
  try {
    const explanation: unknown = JSON.parse(text);
    if (isExplanation(explanation)) return explanation;
  } catch (cause) {
    throw senseless(cause);
  }
  throw senseless(undefined);
}

/** Looks at the members that every version has. */
function isExplanation(value: unknown): value is OperatorExplanation {
  const { peers, asked, pairs, alternates } = (value ?? {}) as Record<string, unknown>;
  return [peers, asked, pairs, alternates].every((each) => Array.isArray(each));
}

function senseless(cause: unknown): TurnpikeError {
  const message = 'the directory answered what is no explanation';
  return new TurnpikeError('ERR_TURNPIKE_DIRECTORY', message, { cause });
}
