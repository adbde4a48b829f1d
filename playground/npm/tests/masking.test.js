// The module masks as the program does: the same bytes, the same places, the same faults.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { BODIES, POLICIES } from '../../www/samples.js';
import { PACKAGE, PAGE, PROJECT, engine, filesOf, policyOf, sample, velum } from './parts.js';

const { Policy, PolicyError } = engine;
const FAULTY = 'faulty.yaml';
const policies = POLICIES.filter(({ file }) => file !== FAULTY);
const fileOf = (name) => join(PAGE, 'samples', name);

/** How many bodies were compared. */
let compared = 0;

/** Output, and whether the body was read to its end, are the program's. */
function agree(policy, file, body, mediaType, what) {
  compared += 1;
  const own = policy.mask(body, { mediaType });
  const other = velum(file, body, mediaType);
  assert.deepEqual(Buffer.from(own.output), other.output, what);
  assert.equal(own.report.error === null, other.code === 0, `${what}: ${other.says}`);
  if (own.report.error) {
    assert.ok(other.says.includes(own.report.error.message), `${what}: ${other.says}`);
  }
  return own;
}

for (const { name, file } of policies) {
  test(`${name}: every sample comes out byte for byte as from the program`, () => {
    const policy = policyOf(fileOf(file));
    for (const { file: body, mediaType } of BODIES) {
      agree(policy, fileOf(file), sample(body), mediaType, `${file} ${body}`);
    }
  });
}

test('what the fuzz targets have learnt comes out byte for byte as from the program', () => {
  const file = fileOf('profiles.yaml');
  const policy = policyOf(file);
  let read = 0;
  for (const target of ['splits', 'inside', 'labels', 'tokenizer']) {
    for (const path of filesOf(join(PROJECT, 'engine/fuzz/corpus', target))) {
      agree(policy, file, readFileSync(path), 'application/json', path);
      read += 1;
    }
  }
  assert.ok(read > 40, `only ${read} vectors`);
});

// For `cargo xtask claims`.
after(() => console.log(`vectors: ${compared}`));

test('findings are those of the program, each with its operator', () => {
  const file = fileOf('operators.yaml');
  const policy = policyOf(file);
  for (const { file: body, mediaType } of BODIES) {
    const { findings, total } = policy.find(sample(body), { mediaType });
    const listed = velum(file, sample(body), mediaType, '--report-only', '--json').output.toString();
    const lines = listed.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const own = findings.map(({ text, pointer, class: name, rule }) => ({ text, pointer, class: name, rule }));
    assert.deepEqual(own, lines.map(({ text, pointer, class: name, rule }) => ({ text, pointer, class: name, rule })));
    assert.equal(total, findings.length);
  }
  const all = ['bundle.json', 'ticket.json'].flatMap((body) => policy.find(sample(body)).findings);
  const operator = (rule) => all.find((it) => it.rule === rule)?.operator;
  assert.equal(operator('record-numbers'), 'token');
  assert.equal(operator('births'), 'generalize');
  assert.equal(operator('photos'), 'remove');
  assert.equal(operator('notes'), 'null');
});

test('the output does not hang on the chunks, and only grows', () => {
  const policy = policyOf(fileOf('operators.yaml'));
  for (const { file, mediaType } of BODIES) {
    const body = sample(file);
    const whole = policy.mask(body, { mediaType });
    for (let chunk = 1; chunk <= body.length; chunk += chunk < 70 ? 1 : 97) {
      const masked = policy.mask(body, { mediaType, chunk });
      if (!whole.report.error) {
        assert.deepEqual(masked.output, whole.output, `${file} in chunks of ${chunk}`);
        assert.equal(masked.ends.length, Math.ceil(body.length / chunk) + 1);
      }
      assert.deepEqual(masked.report.error, whole.report.error);
      assert.ok(masked.ends.every((end, at) => at === 0 || end >= masked.ends[at - 1]));
      assert.equal(masked.ends.at(-1), masked.output.length);
    }
  }
});

test('no canary of a sample is in what comes out', () => {
  const canaries = ['Thistlewood', '202-555-0142', '000-12-3456', 'mail.example'];
  for (const { file } of policies) {
    const policy = policyOf(fileOf(file));
    for (const body of ['patient.json', 'bundle.json']) {
      const output = new TextDecoder().decode(policy.mask(sample(body)).output);
      for (const canary of canaries) {
        assert.ok(!output.includes(canary), `${file} ${body}: ${canary}`);
      }
    }
  }
});

test('a fault of a policy has its place', () => {
  assert.throws(
    () => Policy.read(sample(FAULTY).toString()),
    (error) => {
      assert.ok(error instanceof PolicyError);
      assert.equal(error.fault.pointer, '/masking/rules/0/class');
      assert.equal(error.fault.line, 8);
      return true;
    },
  );
  assert.throws(() => Policy.read('version: [1'), PolicyError);
});

test('a fault of a body has its place, and no text of the body', () => {
  const policy = policyOf(fileOf('profiles.yaml'));
  const body = sample('faulty.txt');
  const { error } = policy.mask(body).report;
  assert.equal(error.offset, body.indexOf(',,') + 1);
  assert.equal(error.message, `invalid JSON at byte ${error.offset}`);
});

test('a missing key and an unknown media type are refused', () => {
  const policy = Policy.read(sample('operators.yaml').toString());
  assert.deepEqual(policy.keyNames, ['VELUM_MASKING_KEY']);
  assert.throws(() => policy.mask(sample('patient.json')), PolicyError);
  policy.setKey('VELUM_MASKING_KEY', 'c2hvcnQ=');
  assert.throws(() => policy.mask(sample('patient.json')), PolicyError);
  const other = policyOf(fileOf('profiles.yaml'));
  assert.throws(() => other.mask(sample('patient.json'), { mediaType: 'image/png' }), PolicyError);
});

test('types are written for everything that the package gives out', () => {
  const types = readFileSync(join(PACKAGE, 'index.d.ts'), 'utf8');
  for (const name of Object.keys(engine)) {
    assert.match(types, new RegExp(`export (class|function) ${name}\\b`));
  }
  const members = Object.getOwnPropertyNames(Policy.prototype).filter((it) => it !== 'constructor');
  for (const name of members) {
    assert.match(types, new RegExp(`^  (readonly )?${name}\\b`, 'm'));
  }
  const { private: isPrivate, exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json')));
  assert.equal(isPrivate, true);
  assert.equal(exports['.'].types, './index.d.ts');
});
