/**
 * tap's reporter for this project: one line per test file, skipped tests with their reasons, all
 * output of failed files, and tap's totals at the end. It writes plain lines, which are the same
 * with and without a terminal.
 */
import { Transform } from 'node:stream';

const RESULT = /^(not )?ok \d+ - (\S+).*?# time=([\d.]+)ms/;
const SKIPPED = /^\s+ok \d+ - (.*?) # (SKIP|TO[D]O)\s*(.*)$/;
const COMMENT = /^\s+# (?!Subtest|time=|\{ total:)(.*)$/;
const NOISE = /^\s*(TAP version|ok \d+|\d+\.\.\d+|# Subtest:|# time=|# No coverage|$)/;
/** Lines about the whole run: the totals, or a failure that belongs to no file. */
const OVERALL = /^(# \{ total:|Bail out!|not ok )/;
/** tap's details of a test file's process. Only an unusual end is shown. */
const PROCESS_BEGIN = /^ {2}---$/;
const PROCESS_END = /^ {2}\.\.\.$/;
const UNUSUAL_END = /^ {2}(expired: |signal: (?!null)|exitCode: (?![01]$))/;

export default class Reporter extends Transform {
  #partial = '';
  /** Lines of the file whose result has not been read yet. */
  #lines = [];
  #inProcessDetails = false;

  _transform(chunk, _encoding, done) {
    const lines = `${this.#partial}${chunk}`.split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      this.#take(line);
    }
    done();
  }

  _flush(done) {
    this.#take(this.#partial);
    // Lines without a result after them may hold the reason of a crash.
    this.#showFailures();
    done();
  }

  #take(line) {
    if (PROCESS_BEGIN.test(line) || PROCESS_END.test(line)) {
      this.#inProcessDetails = PROCESS_BEGIN.test(line);
      return;
    }
    const result = RESULT.exec(line);
    if (result !== null) {
      this.#report(result);
    } else if (OVERALL.test(line) || UNUSUAL_END.test(line)) {
      this.#show([line]);
    } else if (!this.#inProcessDetails) {
      this.#lines.push(line);
    }
  }

  #report([, failed, file, time]) {
    const seconds = (Number(time) / 1000).toFixed(1);
    this.#show([`${failed ? 'FAIL' : 'ok  '} ${file} (${seconds} s)`]);
    if (failed) {
      this.#showFailures();
    } else {
      this.#show(this.#lines.flatMap(remarkable));
    }
    this.#lines = [];
  }

  #showFailures() {
    this.#show(this.#lines.filter((line) => SKIPPED.test(line) || !NOISE.test(line)));
  }

  #show(lines) {
    for (const line of lines) {
      this.push(`${line}\n`);
    }
  }
}

function remarkable(line) {
  const [, name, kind, reason] = SKIPPED.exec(line) ?? [];
  if (name !== undefined) {
    return [`     ${kind === 'SKIP' ? 'skipped' : 'to do'}: ${name}: ${reason}`];
  }
  const comment = COMMENT.exec(line);
  return comment === null ? [] : [`     ${comment[1]}`];
}
