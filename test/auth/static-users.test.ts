import t from 'tap';
import { STATIC_USERS_MAX, StaticUsers } from '../../src/auth/static-users.js';
import { isTurnpikeError } from '../../src/errors.js';

const KEY = '0123456789abcdefFEDCBA9876543210';
const file = (text: string) => ({ files: [{ source: '--users-file users', text }] });
const given = (...texts: string[]) => ({
  given: texts.map((text) => ({ source: '--user', text })),
});

function passwordOf(users: StaticUsers, name: string): string | undefined {
  const [secret] = users.find(name)?.secrets ?? [];
  return secret && 'password' in secret ? secret.password() : undefined;
}

t.test('a user is a name, a colon and a password with anything in it', async (t) => {
  const users = StaticUsers.parse(given('alice:secret', 'bob:a:b c#d', 'jörg:päss'));
  t.strictSame(users.usernames, ['alice', 'bob', 'jörg']);
  t.equal(passwordOf(users, 'alice'), 'secret');
  t.equal(passwordOf(users, 'bob'), 'a:b c#d');
  t.equal(passwordOf(users, 'jörg'), 'päss');
  t.strictSame(users.find('alice')?.principal, { username: 'alice', user: 'alice' });
  t.equal(users.find('carol'), undefined);
  t.equal(users.find('__proto__'), undefined);
});

t.test(
  'a file has a user a line, comments, blank lines and the line ends of Windows',
  async (t) => {
    const users = StaticUsers.parse(
      file('# users\r\n\r\nalice:secret\r\n  # more\n \nbob:hunter2'),
    );
    t.strictSame(users.usernames, ['alice', 'bob']);
    t.equal(passwordOf(users, 'alice'), 'secret');
  },
);

t.test('0x and 32 hex digits are an MD5 key, as coturn stores it', async (t) => {
  const users = StaticUsers.parse(file(`alice:0x${KEY}\nbob:secret\n`));
  t.strictSame(users.find('alice')?.secrets, [{ md5Key: new Uint8Array(Buffer.from(KEY, 'hex')) }]);
  t.strictSame(users.md5Only, ['alice']);
});

t.test(
  'a malformed or repeated line is an error that names it, without its password',
  async (t) => {
    const cases: [line: string, why: RegExp][] = [
      ['no colon', /no colon/],
      [':secret', /name is empty/],
      ['dave:', /password is empty/],
      [' dave:secret', /white space/],
      ['dave :secret', /white space/],
      ['dave:sec\0ret', /control character/],
      ['dave:0x1234', /32 hex digits/],
      [`dave:0x${KEY}${KEY}`, /32 hex digits/],
      [`dave:0x${KEY.replace('0', 'g')}`, /32 hex digits/],
      [`${'d'.repeat(509)}:secret`, /longer than 508 bytes/],
      ['alice:other', /--users-file users line 2 has a user of the same name/],
    ];
    for (const [line, why] of cases) {
      const text = `# first\nalice:secret\n${line}\nbob:secret\n`;
      const error = t.throws(() => StaticUsers.parse(file(text)), why.source) as Error;
      t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_SECRET'), why.source);
      t.match(error.message, why);
      t.match(error.message, /^--users-file users line 3: /);
      const [, password = ''] = line.split(':');
      if (password !== '')
        t.notOk(error.message.includes(password), 'keeps the password to itself');
    }
  },
);

t.test('one name may not come from two sources, nor in two spellings', async (t) => {
  const both = { ...given('alice:1'), ...file('alice:2') };
  t.throws(() => StaticUsers.parse(both), { message: /line 1: --user has a user/ });
  const spellings = given('jo\u0308rg:1', 'j\u00f6rg:2');
  t.throws(() => StaticUsers.parse(spellings), { message: /--user has a user of the same name$/ });
});

t.test('the number of users is bounded', async (t) => {
  const lines = (count: number) => Array.from({ length: count }, (_, i) => `u${i}:p`).join('\n');
  t.equal(StaticUsers.parse(file(lines(STATIC_USERS_MAX))).usernames.length, STATIC_USERS_MAX);
  t.throws(() => StaticUsers.parse(file(lines(STATIC_USERS_MAX + 1))), {
    message: /line 65537: more than 65536 users/,
  });
});
