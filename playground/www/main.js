// The page: what is typed goes to the engine, what it says is shown.
import { byId, facts, make, plural, say } from './dom.js';
import { Editor, MOST_DRAWN, apart, number, pieces, reveal } from './editor.js';
import { Engine } from './engine.js';
import { bytesOf, holdDrops, takeChoice, takeDrops } from './files.js';
import { Findings } from './findings.js';
import { BODIES, MEDIA_TYPES, POLICIES, sample } from './samples.js';
import { MOST_CHARACTERS, fragmentOf, policyOf } from './share.js';
import { Stream } from './stream.js';
import { offerThemes } from './theme.js';

/** How long after the last key the engine runs, in milliseconds. */
const PAUSE = 80;
/** A longer file, in bytes, is masked as it is and shown in part: a text of that size is slow to edit. */
const MOST_EDITED = 256 * 1024;
/** How many findings are asked for. */
const MOST_FINDINGS = 2_000;

const policy = new Editor(byId('policy'), () => soon());
const body = new Editor(byId('body'), () => soon());
const engine = new Engine((message) => TELL[message.kind]?.(message));
const findings = new Findings((at) => choose(at, true));
const stream = new Stream(() => soon(), (shown) => drawOutput(shown));

/** The bytes of a file that cannot be edited; null: the body is what stands in the editor. */
let bytes = null;
/** Why it cannot. */
let aboutBytes = '';
let sent = new Uint8Array();
let output = { bytes: new Uint8Array(), text: '', ranges: [] };
let found = [];
let timer;

function soon(pause = PAUSE) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    sent = bytes ?? new TextEncoder().encode(body.text);
    engine.ask({
      source: policy.text,
      body: sent,
      mediaType: byId('media').value,
      chunk: stream.chunk,
      most: MOST_FINDINGS,
    });
  }, pause);
}

function note(id, text, isBad = false) {
  byId(id).classList.toggle('bad', isBad);
  say(byId(id), text);
}

/** The same of a fault at a place in a text, which a click on it shows. */
function noteAt(id, editor, line, column, text) {
  const where = `line ${line}, column ${column}`;
  const place = make('button', { type: 'button' }, where);
  place.addEventListener('click', () => editor.goTo(line, column));
  if (byId(id).textContent !== `${where}: ${text}`) {
    byId(id).replaceChildren(place, `: ${text}`);
  }
  byId(id).classList.add('bad');
}

const TELL = {
  fault({ fault }) {
    const { line, column, pointer, message } = fault;
    const text = pointer ? `${pointer}: ${message}` : message;
    policy.mark([], line ?? 0);
    if (line) {
      noteAt('policy-note', policy, line, column, text);
    } else {
      note('policy-note', text, true);
    }
    note('output-note', 'Nothing is masked by a policy that is refused.', true);
    note('body-note', '');
    clear();
  },

  masked({ output: masked, report, took, errorAt, ownKeys }) {
    policy.mark([]);
    const keys = ownKeys.length > 0 ? ` It masks with ${ownKeys.join(', ')}: here with a key of this tab.` : '';
    note('policy-note', `Valid.${keys}`);
    output = { bytes: masked, text: new TextDecoder().decode(masked), ranges: [] };
    byId('took').textContent = `${plural(masked.length, 'byte')}, ${took.toFixed(1)} ms`;
    tellError(report.error, errorAt);
    const { scanned, notScanned } = report.bytes;
    facts(byId('coverage'), [
      ['Read', plural(sent.length, 'byte')],
      ['Looked at', plural(scanned, 'byte')],
      ['Exempt', plural(notScanned.exempt, 'byte')],
      ['In strings too long', plural(notScanned.tooLong, 'byte')],
      ['Records', report.records.toLocaleString('en')],
      ['Values masked', report.masked.toLocaleString('en')],
    ]);
  },

  found({ findings: all, total }) {
    found = all;
    const range = (it, at, where) => {
      const title = `${it.class} · ${it.rule} · ${it.operator}`;
      return it[where] && { start: it[where][0], end: it[where][1], number: at, title };
    };
    body.mark(all.map((it, at) => range(it, at, 'body')).filter(Boolean), errorLine);
    output.ranges = apart(all.map((it, at) => range(it, at, 'output')).filter(Boolean));
    findings.set(all, total);
    drawOutput(null);
  },

  streamed(message) {
    stream.set(message, sent.length);
  },

  broken({ message }) {
    clear();
    note('output-note', `The engine has stopped and is started again: ${message}`, true);
  },
};

let errorLine = 0;

function tellError(error, at) {
  errorLine = 0;
  if (!error) {
    note('body-note', bytes ? aboutBytes : '');
    note('output-note', '');
    return;
  }
  const before = body.text.slice(0, at);
  errorLine = before.split('\n').length;
  const column = at - before.lastIndexOf('\n');
  noteAt('body-note', body, errorLine, column, error.message);
  note('output-note', 'The body is cut here: nothing leaves behind a fault.', true);
}

/** Shows no output: what was there is of another text. */
function clear() {
  byId('took').textContent = '';
  output = { bytes: new Uint8Array(), text: '', ranges: [] };
  found = [];
  body.mark([]);
  findings.set([], 0);
  byId('coverage').replaceChildren();
  stream.clear();
  drawOutput(null);
}

/** `shown`: how many bytes have left; null: all. */
function drawOutput(shown) {
  const { text, ranges } = output;
  const element = byId('output');
  const end = shown === null ? text.length : unitsOf(shown);
  const drawn = Math.min(end, MOST_DRAWN);
  element.replaceChildren(...pieces(text, ranges.filter((it) => it.end <= drawn), drawn));
  number(element.previousElementSibling, text.slice(0, drawn));
  if (text.length > MOST_DRAWN) {
    note('output-note', `The first ${plural(MOST_DRAWN, 'character')} are shown; Copy and Save have all.`);
  }
}

const unitsOf = (length) => new TextDecoder().decode(output.bytes.subarray(0, length)).length;

function choose(at, focus) {
  const finding = found[at];
  findings.show(at);
  if (finding?.body) {
    body.show(...finding.body, { number: at, focus });
  }
  for (const mark of byId('output').querySelectorAll('mark')) {
    const is = mark.dataset.number === String(at);
    mark.classList.toggle('now', is);
    if (is) {
      reveal(byId('output'), mark);
    }
  }
}

/** Takes the bytes of a file as the body: to be edited, where that can be done. */
function setBody(read) {
  const text = new TextDecoder().decode(read);
  const isText = isEqual(new TextEncoder().encode(text), read);
  const isShort = read.length <= MOST_EDITED;
  bytes = isText && isShort ? null : read;
  const cause = isShort ? 'This file is no UTF-8' : 'This file is long';
  aboutBytes = `${cause}: it is masked as it is and cannot be edited here. A sample or another file can.`;
  body.text = isShort ? text : text.slice(0, MOST_DRAWN);
  byId('body').readOnly = bytes !== null;
}

const isEqual = (one, other) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

async function takeBody(file) {
  const read = await bytesOf(file);
  const ending = file.name.split('.').at(-1).toLowerCase();
  const known = MEDIA_TYPES.find(([, endings]) => endings.includes(ending));
  if (known) {
    byId('media').value = known[0];
  }
  setBody(read);
  byId('body-sample').value = '';
  soon(0);
}

async function takePolicy(file) {
  policy.text = await file.text();
  byId('policy-sample').value = '';
  soon(0);
}

function offer(id, title, samples, take) {
  const select = byId(id);
  select.append(make('option', { value: '' }, title));
  select.append(...samples.map((it, at) => make('option', { value: String(at) }, it.name)));
  select.addEventListener('change', () => {
    if (select.value !== '') {
      take(samples[Number(select.value)]);
    }
  });
}

async function usePolicy({ file }) {
  policy.text = await sample(file);
  soon(0);
}

async function useBody({ file, mediaType }) {
  const text = await sample(file);
  setBody(new TextEncoder().encode(text));
  byId('media').value = mediaType;
  soon(0);
}

async function share() {
  const fragment = fragmentOf(policy.text);
  if (fragment.length > MOST_CHARACTERS) {
    note('policy-note', 'This policy is too long for an address: give the file.', true);
    return;
  }
  history.replaceState(null, '', fragment);
  try {
    await navigator.clipboard.writeText(location.href);
    note('policy-note', 'The address with this policy is in the clipboard. The body is not in it.');
  } catch {
    note('policy-note', 'The address of this page has the policy now. The body is not in it.');
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(output.text);
    note('output-note', 'Copied.');
  } catch {
    note('output-note', 'The clipboard cannot be written to: select and copy.', true);
  }
}

function save() {
  const address = URL.createObjectURL(new Blob([output.bytes]));
  make('a', { href: address, download: 'masked.json' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1_000);
}

function wire() {
  offerThemes();
  holdDrops();
  byId('media').append(...MEDIA_TYPES.map(([name]) => make('option', { value: name }, name)));
  byId('media').addEventListener('change', () => soon(0));
  offer('policy-sample', 'Samples', POLICIES, usePolicy);
  offer('body-sample', 'Samples', BODIES, useBody);
  takeDrops(byId('policy-pane'), takePolicy);
  takeDrops(byId('body-pane'), takeBody);
  takeChoice(byId('policy-file'), takePolicy);
  takeChoice(byId('body-file'), takeBody);
  byId('share').addEventListener('click', share);
  byId('copy').addEventListener('click', copy);
  byId('save').addEventListener('click', save);
  const pane = byId('output');
  pane.addEventListener('scroll', () => {
    pane.previousElementSibling.scrollTop = pane.scrollTop;
  }, { passive: true });
  pane.addEventListener('click', (event) => {
    const at = event.target.closest('mark')?.dataset.number;
    if (at) {
      choose(Number(at), false);
    }
  });
  addEventListener('hashchange', () => {
    const shared = policyOf(location.hash);
    if (shared !== null && shared !== policy.text) {
      policy.text = shared;
      soon(0);
    }
  });
}

async function begin() {
  wire();
  const shared = policyOf(location.hash);
  byId('policy-sample').value = shared === null ? '0' : '';
  byId('body-sample').value = '0';
  byId('media').value = BODIES[0].mediaType;
  const [first, second] = await Promise.all([
    shared ?? sample(POLICIES[0].file),
    sample(BODIES[0].file),
  ]);
  // Whoever was quicker and typed keeps it.
  policy.text ||= first;
  body.text ||= second;
  soon(0);
}

begin();
