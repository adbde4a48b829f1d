// A text to edit, with line numbers and with marks behind it.
import { make } from './dom.js';

/**
 * What is drawn of a text, in UTF-16 units. In a longer one that is edited nothing is
 * marked: typing would be slow.
 */
export const MOST_DRAWN = 100_000;
/** How high a line is, in pixels. */
const LINE = 18;
/** What of it may have marks, at most so many. */
const MOST_MARKS = 2_000;

/** The pieces of a text: marked ones as elements. `ranges` are sorted and do not overlap. */
export function pieces(text, ranges, length = Math.min(text.length, MOST_DRAWN)) {
  const made = [];
  let copied = 0;
  for (const { start, end, ...mark } of ranges.slice(0, MOST_MARKS)) {
    if (start < copied || end > length) {
      continue;
    }
    const element = make('mark', mark.title ? { title: mark.title } : {}, text.slice(start, end));
    element.className = mark.kind ?? '';
    element.dataset.number = mark.number ?? '';
    made.push(text.slice(copied, start), element);
    copied = end;
  }
  made.push(text.slice(copied, length));
  return made;
}

/** Sorted, and of those that overlap the first. */
export function apart(ranges) {
  const sorted = ranges.toSorted((one, other) => one.start - other.start);
  let end = -1;
  return sorted.filter((range) => {
    const is = range.start >= end;
    end = is ? range.end : end;
    return is;
  });
}

/** The ranges of a text where another has them: those before and behind what differs. */
export function moved(ranges, from, to) {
  const least = Math.min(from.length, to.length);
  let before = 0;
  while (before < least && from[before] === to[before]) {
    before += 1;
  }
  let behind = 0;
  while (behind < least - before && from.at(-1 - behind) === to.at(-1 - behind)) {
    behind += 1;
  }
  const shift = to.length - from.length;
  return ranges.flatMap((range) => {
    if (range.end <= before) {
      return [range];
    }
    const is = range.start >= from.length - behind;
    return is ? [{ ...range, start: range.start + shift, end: range.end + shift }] : [];
  });
}

/** Scrolls so that a mark of its text is to be seen, some of what is before it too. */
export function reveal(box, mark) {
  const { offsetTop: top, offsetLeft: left, offsetWidth: width } = mark;
  if (top < box.scrollTop || top + 2 * LINE > box.scrollTop + box.clientHeight) {
    box.scrollTop = top - 4 * LINE;
  }
  if (left < box.scrollLeft || left + Math.min(width, 160) > box.scrollLeft + box.clientWidth) {
    box.scrollLeft = left - box.clientWidth / 3;
  }
}

/** Writes line numbers; `bad`: the line with the fault. */
export function number(gutter, text, bad = 0) {
  const lines = text.slice(0, MOST_DRAWN).split('\n').length;
  const all = Array.from({ length: lines }, (_, at) => at + 1);
  const join = (part) => part.map((line) => `${line}\n`).join('');
  gutter.replaceChildren(
    join(all.slice(0, bad ? bad - 1 : lines)),
    ...(bad ? [make('span', { class: 'bad' }, `${bad}\n`), join(all.slice(bad))] : []),
  );
}

export class Editor {
  #area;
  #backdrop;
  #gutter;
  #ranges = [];
  #line = 0;
  /** The text that the ranges are of. */
  #known = '';

  constructor(area, changed) {
    this.#area = area;
    const editor = area.closest('.editor');
    this.#backdrop = editor.querySelector('.backdrop');
    this.#gutter = editor.querySelector('.gutter');
    area.addEventListener('input', () => {
      // Until the engine has read it, marks move along with what they mark.
      const { text } = this;
      const ranges = this.#ranges.length > 0 ? moved(this.#ranges, this.#known, text) : [];
      this.mark(ranges);
      changed();
    });
    area.addEventListener('scroll', () => this.#follow(), { passive: true });
    area.addEventListener('keydown', (event) => this.#indent(event));
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    this.#area.value = text;
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTop = 0;
    this.mark([]);
  }

  /** Marks these ranges, and a line as faulty; 0: none. */
  mark(ranges, line = 0) {
    const { text } = this;
    this.#ranges = apart(ranges);
    this.#line = line;
    this.#known = text;
    const fault = line > 0 ? [{ ...lineAt(text, line), kind: 'fault' }] : [];
    const shown = fault.length > 0 && fault[0].end > fault[0].start ? fault : this.#ranges;
    const isShort = text.length <= MOST_DRAWN;
    this.#backdrop.replaceChildren(...(isShort ? [...pieces(text, shown), '\n'] : []));
    number(this.#gutter, text, this.#line);
    this.#follow();
  }

  /** Shows a range as the one at hand, and takes the keyboard there if asked. */
  show(start, end, { number: at = null, focus = false } = {}) {
    const line = this.text.slice(0, start).split('\n').length;
    this.#area.scrollTop = Math.max(0, (line - 5) * LINE);
    for (const mark of this.#backdrop.querySelectorAll('mark')) {
      const is = at !== null && mark.dataset.number === String(at);
      mark.classList.toggle('now', is);
      if (is) {
        reveal(this.#area, mark);
      }
    }
    if (focus) {
      this.#area.focus({ preventScroll: true });
      this.#area.setSelectionRange(start, end);
    }
  }

  /** Puts the caret at a line and column, from 1. */
  goTo(line, column = 1) {
    const { start, end } = lineAt(this.text, line);
    const at = Math.min(start + column - 1, end);
    this.show(at, at, { focus: true });
  }

  #follow() {
    for (const other of [this.#backdrop, this.#gutter]) {
      other.scrollTop = this.#area.scrollTop;
      other.scrollLeft = this.#area.scrollLeft;
    }
    this.#gutter.scrollLeft = 0;
  }

  /** Tab goes on to the next control, as everywhere; Ctrl+] and Ctrl+[ move a line in and out. */
  #indent(event) {
    if (!event.ctrlKey || !['[', ']'].includes(event.key)) {
      return;
    }
    event.preventDefault();
    const at = this.#area.selectionStart;
    const start = this.text.lastIndexOf('\n', at - 1) + 1;
    if (event.key === ']') {
      this.#area.setRangeText('  ', start, start, 'preserve');
    } else if (this.text.startsWith('  ', start)) {
      this.#area.setRangeText('', start, start + 2, 'preserve');
    }
    this.#area.dispatchEvent(new Event('input'));
  }
}

function lineAt(text, line) {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf('\n', start);
    if (end < 0) {
      break;
    }
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return { start, end: end < 0 ? text.length : end };
}
