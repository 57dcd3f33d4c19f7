import { OauthKeys } from '../../auth/oauth-keys.js';
import { RestSecrets } from '../../auth/rest-secrets.js';
import {
  type CredentialText,
  credentialLines,
  StaticUsers,
  USERS_FILE_BYTES_MAX,
} from '../../auth/static-users.js';
import { systemClock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { readSmallFile, SMALL_FILE_BYTES_MAX } from '../../files/small-file.js';
import type { OneOrMore } from '../../options/option-spec.js';
import type { CommandContext } from '../command.js';
import type { OptionTable } from '../config/option.js';
import { ReadIfChanged } from '../reload/read-if-changed.js';
import type { ReloadedFile } from '../reload/reload.js';
import { sayReload } from '../reload/say-reload.js';
import { RELOAD_WATCH_MS, WatchedFile } from '../reload/watched-file.js';
import { awaitRead, warnIfReadable } from '../secret-files.js';

type Context = Pick<CommandContext<OptionTable>, 'logger' | 'stop'> & {
  readonly sourceOf: (name: Exclude<keyof Context['options'], 'coturnConfig'>) => string;
  readonly options: {
    readonly user: readonly string[];
    readonly authSecret: readonly string[];
    readonly coturnConfig?: string | undefined;
    readonly usersFile?: string | undefined;
    readonly authSecretFile?: string | undefined;
    readonly oauthKeysFile?: string | undefined;
  };
};

/** A server whose credentials change while it runs. */
interface Updated {
  update(settings: Partial<CredentialTexts['all']>): void;
}

/** Settings of an update that has the credentials of options, if they change. */
interface GivenSettings {
  readonly users?: OneOrMore<string> | undefined;
  readonly authSecrets?: OneOrMore<string> | undefined;
}

/** A file of credentials, one a line. */
interface CredentialFile {
  readonly option: 'usersFile' | 'authSecretFile' | 'oauthKeysFile';
  readonly item: string;
  /** The name of its content in the log. */
  readonly content: string;
  readonly bytesMax: number;
  readonly check: (file: CredentialText) => void;
}

const USERS_FILE: CredentialFile = {
  option: 'usersFile',
  item: 'users-file',
  content: 'users',
  bytesMax: USERS_FILE_BYTES_MAX,
  check: (file) => void StaticUsers.parse({ files: [file] }),
};

const SECRET_FILE: CredentialFile = {
  option: 'authSecretFile',
  item: 'auth-secret-file',
  content: 'shared secrets',
  bytesMax: SMALL_FILE_BYTES_MAX,
  check: (file) => void RestSecrets.parse({ files: [file] }),
};

const OAUTH_KEYS_FILE: CredentialFile = {
  option: 'oauthKeysFile',
  item: 'oauth-keys-file',
  content: 'keys of access tokens',
  bytesMax: SMALL_FILE_BYTES_MAX,
  check: (file) => void OauthKeys.parse({ files: [file] }),
};

/** All credentials, as a server's options. */
interface AllCredentials {
  readonly users: readonly string[];
  readonly authSecrets: readonly string[];
  readonly oauthKeys: readonly string[];
}

/** The credentials that options have, not those of files. */
interface GivenCredentials {
  readonly user: readonly string[];
  readonly authSecret: readonly string[];
}

/**
 * The credentials of a TURN server: those of `--user` and `--auth-secret`, and the lines of the
 * files. All may change while the server runs.
 */
export class CredentialTexts {
  readonly #context: Context;
  #given: GivenCredentials;
  #usersInFile: readonly string[] = [];
  #secretsInFile: readonly string[] = [];
  #keysInFile: readonly string[] = [];

  private constructor(context: Context) {
    this.#context = context;
    const { user, authSecret } = context.options;
    this.#given = { user, authSecret };
  }

  /**
   * Reads the files that the options name.
   * @throws TurnpikeError ERR_TURNPIKE_SECRET with the option or file, the line and the fault
   */
  static async read(context: Context): Promise<CredentialTexts> {
    const texts = new CredentialTexts(context);
    const { options, sourceOf } = context;
    const named = (name: 'user' | 'authSecret') =>
      options[name].map((text) => ({ source: sourceOf(name), text }));
    StaticUsers.parse({ given: named('user') });
    RestSecrets.parse({ given: named('authSecret') });
    const coturnConfig = options.coturnConfig;
    if (coturnConfig !== undefined) await warnIfReadable(coturnConfig, context.logger);
    texts.#usersInFile = await texts.#readFirst(USERS_FILE);
    texts.#secretsInFile = await texts.#readFirst(SECRET_FILE);
    texts.#keysInFile = await texts.#readFirst(OAUTH_KEYS_FILE);
    return texts;
  }

  /** All credentials, as a server's options. */
  get all(): AllCredentials {
    return {
      users: [...this.#given.user, ...this.#usersInFile],
      authSecrets: [...this.#given.authSecret, ...this.#secretsInFile],
      oauthKeys: this.#keysInFile,
    };
  }

  /** Whether options or files give a user or a shared secret. */
  get hasPasswords(): boolean {
    const { users, authSecrets } = this.all;
    return users.length + authSecrets.length > 0;
  }

  /**
   * Checks that the files that options name have a credential, or that options give one.
   * @param so - what follows from none, for the message
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG with what names the file
   */
  checkFiles(so: string): void {
    const { options, sourceOf } = this.#context;
    const files = [USERS_FILE, SECRET_FILE, OAUTH_KEYS_FILE];
    const named = files.find((file) => options[file.option]);
    if (named === undefined || this.hasPasswords || this.#keysInFile.length > 0) return;
    const file = `${sourceOf(named.option)} ${options[named.option]}`;
    const message = `${file}: there is no credential in it, so that ${so}`;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }

  /**
   * Returns an update of a server for settings with the credentials of options alone: those of the
   * files stay.
   * @param update - the server's own
   */
  updating<S extends GivenSettings>(update: (settings: S) => void): (settings: S) => void {
    return (settings) => {
      const { users, authSecrets } = settings;
      const user = users === undefined ? this.#given.user : [users].flat();
      const authSecret = authSecrets === undefined ? this.#given.authSecret : [authSecrets].flat();
      update({
        ...settings,
        ...(users !== undefined && { users: [...user, ...this.#usersInFile] }),
        ...(authSecrets !== undefined && {
          authSecrets: [...authSecret, ...this.#secretsInFile],
        }),
      });
      this.#given = { user, authSecret };
    };
  }

  /** Returns the files, to be read again. */
  files(server: Updated): ReloadedFile[] {
    const users = this.#watched(USERS_FILE, this.#usersInFile, (lines) => {
      server.update({ users: [...this.#given.user, ...lines] });
      this.#usersInFile = lines;
    });
    const secrets = this.#watched(SECRET_FILE, this.#secretsInFile, (lines) => {
      server.update({ authSecrets: [...this.#given.authSecret, ...lines] });
      this.#secretsInFile = lines;
    });
    const keys = this.#watched(OAUTH_KEYS_FILE, this.#keysInFile, (lines) => {
      server.update({ oauthKeys: lines });
      this.#keysInFile = lines;
    });
    return [users, secrets, keys];
  }

  async #readFirst(file: CredentialFile): Promise<readonly string[]> {
    const { options, sourceOf, logger } = this.#context;
    const path = options[file.option];
    if (path === undefined) return [];
    await warnIfReadable(path, logger);
    const source = sourceOf(file.option);
    return awaitRead(this.#context, `${source} ${path}`, readLines(file, { path, source }));
  }

  #watched(
    file: CredentialFile,
    lines: readonly string[],
    take: (lines: readonly string[]) => void,
  ): ReloadedFile {
    const { options, logger } = this.#context;
    const path = options[file.option];
    const { item, content } = file;
    const again = new ReadIfChanged((from) =>
      readLines(file, { path: from, source: `--${item}`, again: true }),
    );
    const watched =
      path === undefined
        ? undefined
        : new WatchedFile(path, lines, {
            item,
            read: (from) => again.read(from),
            take,
            stays: () => `the ${content} of ${path} stay`,
            changed: () => `the ${content} of ${path} have changed: from now on the new ones count`,
            settleMs: RELOAD_WATCH_MS,
            faultMs: RELOAD_WATCH_MS,
            clock: systemClock,
            logger,
          });
    return {
      check: async (asked) => {
        const next = asked?.[file.option];
        const isAsked = typeof next === 'string';
        if (asked === undefined || (watched !== undefined && isAsked)) {
          return watched?.check(isAsked ? next : undefined);
        }
        if (watched === undefined && !isAsked) return;
        const change = `--${item} ${isAsked ? 'is given now' : 'is gone'}`;
        sayReload(logger, item, 'restart-needed', `${change}: restart to apply`);
      },
    };
  }
}

async function readLines(
  { check, bytesMax }: CredentialFile,
  file: { readonly path: string; readonly source: string; readonly again?: boolean },
): Promise<readonly string[]> {
  const text = await readSmallFile({ ...file, bytesMax, code: 'ERR_TURNPIKE_SECRET' });
  const named = { source: `${file.source} ${file.path}`, text };
  check(named);
  return credentialLines(named).map((line) => line.text);
}
