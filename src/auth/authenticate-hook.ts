import { familyOf } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { OptionSpec } from '../options/option-spec.js';
import { type PasswordAlgorithm, USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { longTermKey, opaqueString, userHash } from '../stun/integrity.js';
import { Method } from '../stun/methods.js';
import type { User } from './principal.js';
import type { TurnPrincipal } from './turn-principal.js';
import type { LookUpUser, SoughtUser } from './user-lookup.js';

/** Maximum length of a password that `authenticate` returns, in characters. */
export const HOOK_PASSWORD_CHARACTERS_MAX = 1_024;

/** Maximum quota that `authenticate` returns. */
export const HOOK_USER_QUOTA_MAX = 1_000_000;

/** The methods of TURN's requests, as RFC 8656 names them. */
type MethodName = 'Allocate' | 'Refresh' | 'CreatePermission' | 'ChannelBind';

/** What `authenticate` is asked: exactly one of `username` and `userHash` is given. */
export type AuthenticateRequest = SoughtUser & {
  /** REALM, which the keys are made with. */
  readonly realm: string;
  readonly method: MethodName;
  /** The source of the request. */
  readonly client: {
    readonly address: string;
    readonly port: number;
    readonly family: 4 | 6;
  };
  /** Aborted when the answer is no longer awaited: after the time-out, or at the server's close. */
  readonly signal: AbortSignal;
};

/**
 * What `authenticate` knows of a user: the password, or the keys that are made from it. A client
 * whose algorithm has no key is answered as an unknown user.
 */
export interface AuthenticateAnswer {
  /** Required after `userHash`, and has to have that hash. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** MD5 of `username:realm:password`, 32 hex digits (RFC 8489 section 9.2.2). */
  readonly md5Key?: string | undefined;
  /** SHA-256 of `username:realm:password`, 64 hex digits. */
  readonly sha256Key?: string | undefined;
  /** The user whom quotas and events name. Default: the username. */
  readonly user?: string | undefined;
  /** Unix seconds after which the credential makes no further allocation. Default: never. */
  readonly expiresAtSeconds?: number | undefined;
  /** Maximum allocations of the user, in place of the server's quota; 0: no quota. */
  readonly userQuota?: number | undefined;
}

/**
 * Looks a user up for a request.
 * @returns resolves to undefined or null for an unknown user
 */
export type Authenticate = (
  request: AuthenticateRequest,
) => PromiseLike<AuthenticateAnswer | undefined | null> | AuthenticateAnswer | undefined | null;

const NAME: OptionSpec = {
  kind: 'text',
  pattern: '^\\P{Cc}+$',
  lengthMin: 1,
  lengthMax: USERNAME_BYTES_MAX,
  words: `text of 1 to ${USERNAME_BYTES_MAX} characters, none of them a control character`,
};

const hexKey = (digits: number): OptionSpec => ({
  kind: 'text',
  pattern: `^[0-9a-fA-F]{${digits}}$`,
  words: `${digits} hex digits`,
  confidential: true,
});

/** Specs of `AuthenticateAnswer`; the type requires one for each member. */
const ANSWER_SPECS = {
  username: NAME,
  password: {
    kind: 'text',
    lengthMin: 1,
    lengthMax: HOOK_PASSWORD_CHARACTERS_MAX,
    words: `text of 1 to ${HOOK_PASSWORD_CHARACTERS_MAX} characters`,
    confidential: true,
  },
  md5Key: hexKey(32),
  sha256Key: hexKey(64),
  user: NAME,
  expiresAtSeconds: { kind: 'integer', minimum: 0, maximum: 1e15 - 1 },
  userQuota: { kind: 'integer', minimum: 0, maximum: HOOK_USER_QUOTA_MAX },
} as const satisfies Record<keyof AuthenticateAnswer, OptionSpec>;

/**
 * Makes a look-up of the hook of an embedder. The look-up rejects with what the hook throws, and
 * with ERR_TURNPIKE_CONFIG for an answer of another form, whose message shows nothing secret.
 * @param realm - name of the realm
 */
export function hookLookUp(authenticate: Authenticate, realm: string): LookUpUser<TurnPrincipal> {
  return async ({ sought, method, client, signal }) => {
    const answer: unknown = await authenticate({
      ...sought,
      realm,
      method: nameOf(method),
      client: { address: client.address, port: client.port, family: familyOf(client) },
      signal,
    });
    return answer === undefined || answer === null ? undefined : userOf(answer, sought, realm);
  };
}

function nameOf(method: number): MethodName {
  switch (method) {
    case Method.Refresh:
      return 'Refresh';
    case Method.CreatePermission:
      return 'CreatePermission';
    case Method.ChannelBind:
      return 'ChannelBind';
    default:
      return 'Allocate';
  }
}

function userOf(given: unknown, sought: SoughtUser, realm: string): HookUser {
  if (typeof given !== 'object')
    throw fault(`expected an object or nothing, got a ${typeof given}`);
  const specs = ANSWER_SPECS;
  const answer = checkOptions<AuthenticateAnswer, typeof specs>('authenticate', specs, given);
  const { password, md5Key, sha256Key, expiresAtSeconds, userQuota } = answer;
  const username = checkedUsername(answer.username, sought, realm);
  const principal = {
    username,
    user: answer.user ?? username,
    ...(expiresAtSeconds === undefined ? {} : { expiresAtSeconds }),
    ...(userQuota === undefined ? {} : { userQuota: userQuota || Number.POSITIVE_INFINITY }),
  };
  const keyOf = (algorithm: PasswordAlgorithm, hex: string | undefined) => {
    if (hex !== undefined) return new Uint8Array(Buffer.from(hex, 'hex'));
    return password && longTermKey(algorithm, username, realm, password);
  };
  const [md5, sha256] = [keyOf('md5', md5Key), keyOf('sha256', sha256Key)];
  if (!md5 && !sha256) throw fault('expected one of `password`, `md5Key` and `sha256Key`');
  return new HookUser(principal, { ...(md5 && { md5 }), ...(sha256 && { sha256 }) });
}

/** Returns the username of an answer: that of the request, or one that has its hash. */
function checkedUsername(given: string | undefined, sought: SoughtUser, realm: string): string {
  const username = given === undefined ? sought.username : opaqueString(given);
  const isSought =
    username !== undefined &&
    (sought.username === undefined
      ? Buffer.from(userHash(username, realm)).toString('hex') === sought.userHash
      : username === sought.username);
  if (!isSought) throw fault('expected `username` to be that of the request, or to have its hash');
  return username;
}

function fault(why: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', `authenticate: ${why}`);
}

/** The keys of a user; there is one at least. */
type Keys = { readonly [algorithm in PasswordAlgorithm]?: Uint8Array };

/** A user that a hook knows. It holds the keys, and no password. */
class HookUser implements User<TurnPrincipal> {
  readonly principal: TurnPrincipal;
  isRemembered = false;
  readonly #keys: Keys;

  constructor(principal: TurnPrincipal, keys: Keys) {
    this.principal = principal;
    this.#keys = keys;
  }

  /** Returns the key of an algorithm, if it has one. */
  keysFor(algorithm: PasswordAlgorithm): readonly Uint8Array[] {
    const key = this.#keys[algorithm];
    return key === undefined ? [] : [key];
  }

  /** Notes that it is proved: a further request of it costs one hash. */
  proved(): void {
    this.isRemembered = true;
  }
}
