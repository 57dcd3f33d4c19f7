import { isTurnpikeError, type TurnpikeErrorCode } from '../errors.js';

/** Exit codes of `turnpike`. They are API: codes are added, but never changed. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
} as const;

/** Meanings of the exit codes, for help and docs/cli.md. */
export const EXIT_MEANINGS: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: EXIT.ok, meaning: 'done, or stopped in good order by SIGINT, SIGTERM or SIGQUIT' },
  { code: EXIT.failed, meaning: 'failed while running' },
  { code: EXIT.usage, meaning: 'wrong usage or configuration: flag, variable, file or secret' },
  {
    code: EXIT.unreachable,
    meaning: 'cannot reach a directory, a relay, a STUN server or the other side',
  },
  { code: EXIT.refused, meaning: 'not permitted: key, credential, relay id or privilege' },
  { code: 130, meaning: 'cut short by SIGINT: it came twice, or in the middle of a byte stream' },
  { code: 143, meaning: 'the same by SIGTERM, 131 by SIGQUIT, and 129 by SIGHUP' },
];

/** Exit codes of commands that a signal cut short: 128 and its number, as in shells. */
export const SIGNAL_EXIT: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
};

/** Exit codes of errors, where they are not `failed`. */
export const EXIT_BY_ERROR: Partial<Record<TurnpikeErrorCode, number>> = {
  ERR_TURNPIKE_ADDRESS: EXIT.usage,
  ERR_TURNPIKE_CONFIG: EXIT.usage,
  ERR_TURNPIKE_SECRET: EXIT.usage,
  ERR_TURNPIKE_DIRECTORY_UNREACHABLE: EXIT.unreachable,
  ERR_TURNPIKE_RELAY_UNREACHABLE: EXIT.unreachable,
  ERR_TURNPIKE_RENDEZVOUS: EXIT.unreachable,
  ERR_TURNPIKE_STUN_SERVER: EXIT.unreachable,
  ERR_TURNPIKE_TIMEOUT: EXIT.unreachable,
  ERR_TURNPIKE_CREDENTIAL: EXIT.refused,
  ERR_TURNPIKE_PRIVILEGE: EXIT.refused,
  ERR_TURNPIKE_RELAY_ID_TAKEN: EXIT.refused,
};

/** Returns the exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (!isTurnpikeError(error)) return EXIT.failed;
  // HTTP 401 and 403: the directory refuses the request.
  if (error.status === 401 || error.status === 403) return EXIT.refused;
  return EXIT_BY_ERROR[error.code] ?? EXIT.failed;
}
