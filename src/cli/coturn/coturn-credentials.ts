import { RestSecrets } from '../../auth/rest-secrets.js';
import { StaticUsers } from '../../auth/static-users.js';
import type { CoturnEntry } from './coturn-file.js';
import type { CoturnReading } from './coturn-reading.js';

/**
 * Takes `user` as `--user` and `static-auth-secret` as `--auth-secret`. With a shared secret coturn
 * has no users, so they are left out. Secrets and keys of access tokens that only a database has
 * are a problem unless another source gives some.
 */
export function takeCredentials(reading: CoturnReading): void {
  const secrets = takeSecrets(reading);
  const uses = reading.last('use-auth-secret');
  const users = reading.all('user');
  if (secrets.length > 0 || uses !== undefined) {
    for (const entry of users) reading.warn(entry, 'not used beside a shared secret, as in coturn');
  } else {
    takeUsers(reading, users);
  }
  takeOauth(reading);
  const isGiven = reading.isGiven('authSecret') || reading.isGiven('authSecretFile');
  if (uses === undefined || secrets.length > 0 || isGiven) return;
  reading.refuse(uses, 'there is no static-auth-secret, and databases are not read');
}

function takeOauth(reading: CoturnReading): void {
  if (!reading.has('oauth')) return;
  if (!reading.isGiven('oauthKeysFile')) {
    const why =
      'coturn has the keys of access tokens in its database, which is not read: write what ' +
      '`turnadmin --list-oauth` prints to a file, and give it as --oauth-keys-file';
    for (const entry of reading.all('oauth').slice(-1)) reading.refuse(entry, why);
  }
  const name = reading.last('server-name');
  // Without a name coturn takes the realm too.
  if (name !== undefined && name.value !== '') reading.give('oauthServerName', name.value, [name]);
}

function takeSecrets(reading: CoturnReading): readonly CoturnEntry[] {
  const given = reading.all('static-auth-secret');
  const secrets = new Map<string, CoturnEntry>();
  for (const entry of given) {
    const text = { source: 'the secret', text: entry.value };
    reading.checked(entry, () => RestSecrets.parse({ given: [text] }));
    reading.sayLiteral(entry);
    secrets.set(entry.value, secrets.get(entry.value) ?? entry);
  }
  reading.give('authSecret', [...secrets.keys()], given);
  return given;
}

function takeUsers(reading: CoturnReading, given: readonly CoturnEntry[]): void {
  const users = new Map<string, string>();
  for (const entry of given) {
    const [name = '', ...rest] = entry.value.split(':');
    // coturn drops blanks before the password.
    const text = [name, rest.join(':').replace(/^[ \t]+/, '')].join(rest.length > 0 ? ':' : '');
    reading.checked(entry, () => StaticUsers.parse({ given: [{ source: 'the user', text }] }));
    reading.sayLiteral(entry);
    if (users.has(name)) reading.warn(entry, 'the name is given before; this one counts');
    users.set(name, text);
  }
  reading.give('user', [...users.values()], given);
  const [keyed] = given.filter(({ value }) => /:[ \t]*0x/.test(value));
  const hasRealm = reading.all('realm').length > 0 || reading.isGiven('realm');
  if (keyed === undefined || hasRealm) return;
  reading.refuse(
    keyed,
    'a 0x key is made for one realm: give `realm`, which coturn takes from DNS',
  );
}
