import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key. */
export interface Pem {
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes a self-signed certificate with `openssl`, since Node cannot make certificates.
 * @param name - its common name
 * @param days - its validity from now on; negative for an expired certificate
 */
export function makePem(name: string, days: number): Pem {
  const folder = mkdtempSync(join(tmpdir(), 'pem-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const run = (...argv: string[]) => execFileSync('openssl', argv, { stdio: 'pipe' });
    run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key);
    const request = ['req', '-new', '-key', key, '-subj', `/CN=${name}`];
    if (days >= 0) run(...request, '-x509', '-days', String(days), '-out', cert);
    else makeExpired(run, folder, request);
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Uses `openssl ca`, which takes dates: not every version accepts negative days in `req`. */
function makeExpired(run: (...argv: string[]) => unknown, folder: string, request: string[]): void {
  const at = (name: string) => join(folder, name);
  run(...request, '-out', at('csr'));
  execFileSync('sh', ['-c', `: > ${at('index')}; echo 01 > ${at('serial')}`]);
  const config = [
    '[ca]\ndefault_ca=a\n[a]',
    `database=${at('index')}\nserial=${at('serial')}\nnew_certs_dir=${folder}`,
    'default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n',
  ].join('\n');
  execFileSync('sh', ['-c', `cat > ${at('conf')}`], { input: config });
  const dates = ['-startdate', '200101000000Z', '-enddate', '210101000000Z'];
  const signing = ['ca', '-batch', '-selfsign', '-config', at('conf'), '-keyfile', at('key')];
  run(...signing, ...dates, '-in', at('csr'), '-out', at('cert'), '-notext');
}
