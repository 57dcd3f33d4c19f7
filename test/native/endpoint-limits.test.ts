import { spawnSync } from 'node:child_process';
import t from 'tap';

const planeUrl = new URL('../../dist/native/index.js', import.meta.url);

/** Runs a program in which `plane` is an open plane and `open(port)` opens an endpoint. */
function runProgram(rest: string, before = '') {
  const source = `import { openDataPlane } from ${JSON.stringify(planeUrl.href)};
    const plane = openDataPlane({ clientAddresses: '127.0.0.1:0', workers: 1, onBatch() {} });
    const open = (port = 0) =>
      plane.openEndpoint({ kind: 'client', address: { address: '127.0.0.1', port }, worker: 0 });
    const said = ({ code, errno, message }) => console.log(code, errno, message);
    ${rest}
    await plane.close();`;
  const command = `${before} exec "$0" --input-type=module -e "$1"`;
  const args = ['-c', command, process.execPath, source];
  const { status, stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
  return { status, stdout: stdout.split('\n'), stderr };
}

t.test(
  'openEndpoint rejects with EMFILE without free descriptors, and succeeds after a close',
  async (t) => {
    const { status, stdout, stderr } = runProgram(
      `const opened = [];
     for (;;) {
       try { opened.push(await open()); } catch (error) { said(error); break; }
     }
     await plane.closeEndpoint(opened[0].handle);
     await open();
     console.log(opened.length === plane.endpoints.size);`,
      'ulimit -n 1000;',
    );
    t.equal(status, 0, stderr);
    t.match(stdout[0], /^ERR_TURNPIKE_BIND EMFILE openEndpoint: .*ulimit -n/);
    t.equal(stdout[1], 'true');
  },
);

t.test('a privileged port without rights rejects with EACCES', async (t) => {
  const { status, stdout, stderr } = runProgram(
    `if (process.getuid() === 0) process.seteuid(65_534);
     await open(1).catch(said);
     if (process.getuid() === 0) process.seteuid(0);`,
  );
  t.equal(status, 0, stderr);
  t.match(stdout[0], /^ERR_TURNPIKE_BIND EACCES openEndpoint: .*CAP_NET_BIND_SERVICE/);
});
