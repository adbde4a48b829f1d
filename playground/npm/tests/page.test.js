// What of the page can be tried without a browser: places, fragments, and what its files may not hold.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { apart, moved } from '../../www/editor.js';
import { dataOf, places } from '../../www/places.js';
import { BODIES } from '../../www/samples.js';
import { fragmentOf, policyOf as policyOfFragment } from '../../www/share.js';
import { PAGE, filesOf, policyOf, sample } from './parts.js';
import { join } from 'node:path';

const found = (body, output, findings) =>
  places(body, output, findings).map((place) => [
    place.body && body.slice(...place.body),
    place.output && output.slice(...place.output),
  ]);

test('places are found in both texts, also beside what was removed or renamed', () => {
  const body = '{"a/b":{"x":[1,"two",{"y":"z"}]},"gone":1,"m@x.example":{"n":"q"}} [1,2,3]';
  const output = '{"a/b":{"x":[1,"[masked:a]",{"y":"[m]"}]},"[masked:email]":{"n":null}} [1,3]';
  const at = (text, pointer, operator = 'redact') => ({ text, pointer, operator });
  const findings = [
    at(0, '/a~1b/x/1'),
    at(0, '/a~1b/x/2/y'),
    at(0, '/gone', 'remove'),
    at(0, '/[masked:email]'),
    at(0, '/[masked:email]/n'),
    at(1, '/1', 'remove'),
    at(1, '/2'),
    at(3, '/nowhere'),
    at(0, null),
  ];
  assert.deepEqual(found(body, output, findings), [
    ['"two"', '"[masked:a]"'],
    ['"z"', '"[m]"'],
    ['1', null],
    ['"m@x.example"', '"[masked:email]"'],
    ['"q"', 'null'],
    ['2', null],
    ['3', '3'],
    [null, null],
    [null, null],
  ]);
});

test('every finding of every sample has its place', () => {
  const policy = policyOf(join(PAGE, 'samples/operators.yaml'));
  for (const { file, mediaType } of BODIES.filter((it) => it.file !== 'faulty.txt')) {
    const isStream = mediaType === 'text/event-stream';
    const text = (bytes) => {
      const decoded = new TextDecoder().decode(bytes);
      return isStream ? dataOf(decoded) : decoded;
    };
    const body = sample(file);
    const { findings } = policy.find(body, { mediaType });
    const { output } = policy.mask(body, { mediaType });
    const where = places(text(body), text(output), findings);
    assert.ok(findings.length > 0, file);
    findings.forEach((finding, at) => {
      assert.ok(where[at].body, `${file} ${finding.pointer}`);
      assert.equal(where[at].output === null, finding.operator === 'remove', finding.pointer);
    });
  }
});

test('what is no JSON has places up to where it is none', () => {
  const [first, second] = places('[1,2', '[1,2', [
    { text: 0, pointer: '/0', operator: 'redact' },
    { text: 0, pointer: '/1', operator: 'redact' },
  ]);
  assert.deepEqual([first, second], [{ body: null, output: null }, { body: null, output: null }]);
});

test('marks move along with what they mark', () => {
  const ranges = [{ start: 2, end: 4 }, { start: 8, end: 10 }];
  assert.deepEqual(moved(ranges, '0123456789ab', '01234XY56789ab'), [
    { start: 2, end: 4 },
    { start: 10, end: 12 },
  ]);
  assert.deepEqual(moved(ranges, '0123456789ab', '0124567890'), []);
  assert.deepEqual(moved(ranges, '0123456789ab', '0123456789ab'), ranges);
});

test('of marks that overlap the first stays', () => {
  const range = (start, end) => ({ start, end });
  assert.deepEqual(apart([range(5, 9), range(0, 3), range(2, 6), range(6, 7)]), [
    range(0, 3),
    range(5, 9),
  ]);
});

test('a fragment gives the policy back, and anything else none', () => {
  for (const policy of ['version: 1\n', 'größer ☃ \u{1f512}', '']) {
    assert.equal(policyOfFragment(fragmentOf(policy)), policy);
  }
  for (const bad of ['', '#', '#policy=%', '#body=YQ', '#policy=_w']) {
    assert.equal(policyOfFragment(bad), null, bad);
  }
});

test('the page needs nothing that its own rules forbid', () => {
  const files = [PAGE, join(PAGE, 'engine')].flatMap(filesOf);
  const scripts = files.filter((file) => file.endsWith('.js'));
  assert.ok(scripts.length > 10);
  for (const file of scripts) {
    const text = readFileSync(file, 'utf8');
    for (const sink of [/innerHTML/, /outerHTML/, /insertAdjacentHTML/, /document\.write/, /\beval\(/, /new Function/, /\.style\b/]) {
      assert.doesNotMatch(text, sink, file);
    }
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, `${file} names another host`);
  }
  for (const file of files.filter((it) => it.endsWith('.html'))) {
    const text = readFileSync(file, 'utf8');
    assert.doesNotMatch(text, /<style|style=|<script(?![^>]*\bsrc=)| on[a-z]+=/, file);
    assert.doesNotMatch(text, /(src|href)="(?!#)[a-z]+:/, file);
    const csp = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(text)[1];
    assert.match(csp, /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self';/);
    assert.match(csp, /require-trusted-types-for 'script'/);
    assert.doesNotMatch(csp, /unsafe-inline|'unsafe-eval'/);
  }
});
