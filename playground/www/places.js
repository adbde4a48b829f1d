// Where in two texts, a body and what it became, the value of a finding stands.

/**
 * Gives for each finding `[start, end]` in the body and in the output, in UTF-16 units as strings count;
 * null where it is not there (a member that was removed) or cannot be told.
 */
export function places(body, output, findings) {
  const removed = new Set(
    findings.filter((it) => it.operator === 'remove').map((it) => key(it.text, it.pointer)),
  );
  const found = new Map();
  const [before, after] = [texts(body), texts(output)];
  before.forEach((node, text) => {
    const other = after[text];
    walk(node, other, '', (pointer, place) => {
      const name = key(text, pointer);
      if (!found.has(name)) {
        found.set(name, place);
      }
    }, (pointer) => removed.has(key(text, pointer)));
  });
  return findings.map((it) => found.get(key(it.text, it.pointer)) ?? { body: null, output: null });
}

const key = (text, pointer) => `${text} ${pointer}`;
const range = (node) => (node ? [node.start, node.end] : null);
const escaped = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** An event stream with nothing in it but the data of its events, each sign in its place. */
export const dataOf = (stream) =>
  stream.replace(/^(?:data: ?\[DONE\]|data:|(?!data:).*)/gm, (part) => ' '.repeat(part.length));

/** The two have the same shape, but for what was removed and for names that are masked. */
function walk(node, other, pointer, tell, isRemoved) {
  tell(pointer, { body: range(node), output: range(other) });
  let next = 0;
  (node.items ?? []).forEach((item, index) => {
    const own = node.isArray ? String(index) : escaped(item.name);
    if (isRemoved(`${pointer}/${own}`)) {
      tell(`${pointer}/${own}`, { body: range(item), output: null });
      return;
    }
    const twin = other?.items?.[next];
    next += 1;
    const step = node.isArray || !twin ? own : escaped(twin.name);
    if (step !== own) {
      // The name itself is what was found.
      const names = { body: item.nameAt, output: twin.nameAt };
      tell(`${pointer}/${step}`, names);
    }
    walk(item, twin, `${pointer}/${step}`, tell, isRemoved);
  });
}

/** The JSON texts of a body, one after the other, until one that is none. */
function texts(source) {
  const reader = { source, at: 0 };
  const all = [];
  try {
    for (space(reader); reader.at < source.length; space(reader)) {
      all.push(value(reader));
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  }
  return all;
}

const WHITE = /[ \t\r\n\u001e]*/y;
const PLAIN = /true|false|null|-?[0-9][0-9.eE+-]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/ys;

function space(reader) {
  WHITE.lastIndex = reader.at;
  WHITE.exec(reader.source);
  reader.at = WHITE.lastIndex;
}

function token(reader, pattern) {
  pattern.lastIndex = reader.at;
  const match = pattern.exec(reader.source);
  if (!match) {
    throw new SyntaxError('no JSON');
  }
  reader.at = pattern.lastIndex;
  return match[0];
}

function value(reader) {
  const start = reader.at;
  switch (reader.source[start]) {
    case '{':
      return { start, items: items(reader, '}', true), end: reader.at };
    case '[':
      return { start, items: items(reader, ']', false), end: reader.at, isArray: true };
    case '"':
      token(reader, STRING);
      return { start, end: reader.at };
    default:
      token(reader, PLAIN);
      return { start, end: reader.at };
  }
}

function items(reader, closing, named) {
  const all = [];
  reader.at += 1;
  space(reader);
  while (reader.source[reader.at] !== closing) {
    let name;
    let nameAt;
    if (named) {
      const start = reader.at;
      name = JSON.parse(token(reader, STRING));
      nameAt = [start, reader.at];
      space(reader);
      skip(reader, ':');
      space(reader);
    }
    all.push({ ...value(reader), name, nameAt });
    space(reader);
    if (reader.source[reader.at] !== closing) {
      skip(reader, ',');
      space(reader);
    }
  }
  reader.at += 1;
  return all;
}

function skip(reader, sign) {
  if (reader.source[reader.at] !== sign) {
    throw new SyntaxError('no JSON');
  }
  reader.at += 1;
}
