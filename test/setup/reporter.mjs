/**
 * tap's reporter for this project: one line per test file, what was skipped and why, everything
 * about failures, tap's own totals at the end. It writes plain lines, so that a log of a run
 * without a terminal reads like the run itself.
 */
import { Transform } from 'node:stream';

const RESULT = /^(not )?ok \d+ - (\S+).*?# time=([\d.]+)ms/;
const SKIPPED = /^\s+ok \d+ - (.*?) # (SKIP|TO[D]O)\s*(.*)$/;
const COMMENT = /^\s+# (?!Subtest|time=|\{ total:)(.*)$/;
const NOISE = /^\s*(TAP version|ok \d+|\d+\.\.\d+|# Subtest:|# time=|# No coverage|$)/;
/** Of the run as a whole: the totals, or a failure that belongs to no file. */
const OVERALL = /^(# \{ total:|Bail out!|not ok )/;
/** How a test file was started and how it ended: only an unusual end is of interest. */
const PROCESS_BEGIN = /^ {2}---$/;
const PROCESS_END = /^ {2}\.\.\.$/;
const UNUSUAL_END = /^ {2}(expired: |signal: (?!null)|exitCode: (?![01]$))/;

export default class Reporter extends Transform {
  #partial = '';
  /** Lines of the file whose result has not come yet. */
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
    // What no result followed would otherwise be lost with the reason of a crash in it.
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
