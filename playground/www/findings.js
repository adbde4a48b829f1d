// The list of what is masked: where, of which class, by which rule, how.
import { byId, make, plural, say } from './dom.js';

/** More rows help nobody. */
const MOST_ROWS = 300;

export class Findings {
  #all = [];
  #total = 0;
  #class = null;
  #choose;

  /** `choose` is called with the number of the finding that somebody chose. */
  constructor(choose) {
    this.#choose = choose;
  }

  set(findings, total) {
    this.#all = findings;
    this.#total = total;
    if (!findings.some((it) => it.class === this.#class)) {
      this.#class = null;
    }
    this.#draw();
  }

  /** Tells which row is at hand. */
  show(number) {
    for (const row of byId('findings').tBodies[0].rows) {
      row.classList.toggle('now', row.dataset.number === String(number));
    }
  }

  #draw() {
    const counts = new Map();
    for (const { class: name } of this.#all) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    byId('classes').replaceChildren(...[...counts].map(([name, count]) => this.#chip(name, count)));
    const numbered = this.#all.map((finding, number) => ({ finding, number }));
    const chosen = numbered.filter((it) => !this.#class || it.finding.class === this.#class);
    const rows = chosen.slice(0, MOST_ROWS).map((it) => this.#row(it));
    byId('findings').tBodies[0].replaceChildren(...rows);
    byId('findings').hidden = rows.length === 0;
    byId('no-findings').hidden = rows.length > 0;
    const shown = rows.length < chosen.length || this.#total > this.#all.length;
    const total = plural(this.#total, 'value masked', 'values masked');
    say(byId('total'), shown ? `${total}, ${rows.length} listed` : total);
  }

  #chip(name, count) {
    const chip = make('button', { type: 'button', 'aria-pressed': String(this.#class === name) });
    chip.append(`${name} `, make('b', {}, String(count)));
    chip.addEventListener('click', () => {
      this.#class = this.#class === name ? null : name;
      this.#draw();
      // The chips are drawn anew: the keyboard stays where it was.
      const at = [...byId('classes').children].find((it) => it.textContent.startsWith(`${name} `));
      at?.focus();
    });
    return chip;
  }

  #row({ finding, number }) {
    const place = finding.pointer === null ? 'outside of the data' : finding.pointer || '(whole text)';
    const text = finding.text > 0 ? `${finding.text}: ${place}` : place;
    const button = make('button', { type: 'button' }, text);
    button.addEventListener('click', () => this.#choose(number));
    const row = make(
      'tr',
      { 'data-number': String(number) },
      make('td', { class: 'place' }, button),
      make('td', {}, finding.class),
      make('td', { class: 'rule' }, finding.rule),
      make('td', {}, finding.operator),
    );
    return row;
  }
}
