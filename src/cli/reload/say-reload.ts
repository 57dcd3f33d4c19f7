import type { Logger } from 'pino';
import { isTurnpikeError, messageOf } from '../../errors.js';
import { ONLY_AT_START } from '../../options/option-spec.js';

/** The result of a reload for one item; docs/cli.md lists the items. */
export type ReloadResult = 'changed' | 'unchanged' | 'kept' | 'restart-needed';

/** Logs the result for one item of a reload. */
export function sayReload(
  logger: Logger,
  item: string,
  result: ReloadResult,
  detail: string,
  reason?: unknown,
): void {
  const why = reason === undefined ? {} : { reason: messageOf(reason) };
  const text = why.reason === undefined ? detail : `${detail}: ${why.reason}`;
  const level = result === 'kept' || result === 'restart-needed' ? 'warn' : 'info';
  logger[level]({ event: 'reload', item, result, ...why }, text);
}

/** Logs that an item has changed and needs a restart. */
export function sayRestart(logger: Logger, item: string, source: string): void {
  sayReload(logger, item, 'restart-needed', `${source} has changed; it ${ONLY_AT_START}`);
}

/** Returns whether a file could not be read again because it is a pipe. */
export function givesOnce(error: unknown): boolean {
  return isTurnpikeError(error) && error.errno === 'ESPIPE';
}
