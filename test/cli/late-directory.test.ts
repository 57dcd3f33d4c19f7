import t from 'tap';
import { openLateSystem } from './loopback-system.js';

t.setTimeout(120_000);

t.test('`turnpike peer` connects when the directory and the relays start after it', async (t) => {
  const system = await openLateSystem(t);
  const key = ['--room-key-file', system.secretFile('key')];
  const peers = [system.peer('early', ...key), system.peer('early', ...key)] as const;
  const code = 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE';
  for (const peer of peers) await peer.logged({ event: 'retrying', code });
  await system.openDirectory();
  await Promise.race(peers.map((peer) => peer.logged({ event: 'waiting' })));
  await system.openRelay('fra-1');
  for (const [index, peer] of peers.entries()) peer.child.stdin?.end(`from ${index}`);
  const [a, b] = await Promise.all(peers.map((peer) => peer.ended));
  t.strictSame([a?.exitCode, b?.exitCode], [0, 0], peers[0].logText);
  t.strictSame([String(a?.stdout), String(b?.stdout)], ['from 1', 'from 0']);
});

t.test('`turnpike peer` gives up after --reconnect-seconds without a connection', async (t) => {
  const system = await openLateSystem(t);
  const key = ['--room-key-file', system.secretFile('key')];
  const peer = system.peer('early', ...key, '--reconnect-seconds', '1');
  t.not((await peer.ended).exitCode, 0);
  t.match(peer.logText, /no connection could be made in 1 s/);
});
