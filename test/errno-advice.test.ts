import t from 'tap';
import { bindAdvice, connectAdvice, fileFault } from '../src/errno-advice.js';

const at = (port: number) => ({ address: '192.0.2.1', port });

t.test('bindAdvice has a remedy for each errno', async (t) => {
  t.match(bindAdvice('EADDRINUSE', at(80)), /give another/);
  t.match(bindAdvice('EACCES', at(80)), /CAP_NET_BIND_SERVICE/);
  t.equal(bindAdvice('EACCES', at(8_080)), ': not permitted');
  t.match(bindAdvice('EADDRNOTAVAIL', at(1)), /behind a NAT listen on 0\.0\.0\.0/);
  t.match(bindAdvice('EMFILE', at(1)), /ulimit/);
  t.equal(bindAdvice('EWHATEVER', at(1)), '');
  t.equal(bindAdvice(undefined, at(1)), '');
});

t.test('connectAdvice has a remedy for each error', async (t) => {
  t.match(connectAdvice('DEPTH_ZERO_SELF_SIGNED_CERT', true), /NODE_EXTRA_CA_CERTS/);
  t.match(connectAdvice('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', true), /NODE_EXTRA_CA_CERTS/);
  t.match(connectAdvice('EPROTO', true), /does not speak TLS/);
  t.match(connectAdvice('ERR_SSL_WRONG_VERSION_NUMBER', true), /does not speak TLS/);
  t.match(connectAdvice('ECONNRESET', false), /write https:/);
  t.equal(connectAdvice('ECONNRESET', true), '');
  t.match(connectAdvice('CERT_NOT_YET_VALID', true), /clock/);
  t.match(connectAdvice('ERR_TLS_CERT_ALTNAME_INVALID', true), /another name/);
  t.match(connectAdvice('ECONNREFUSED', false), /nothing listens/);
  t.match(connectAdvice('ENOTFOUND', false), /cannot be resolved/);
  t.equal(connectAdvice(undefined, false), '');
});

t.test('fileFault describes each errno', async (t) => {
  t.match(fileFault('ENOENT'), /no such file/);
  t.match(fileFault('EACCES'), /this user may not read it/);
  t.match(fileFault('EIO'), /EIO/);
  t.equal(fileFault(undefined), 'cannot be read');
});
