// How the output grows while a body comes in chunks.
import { byId, drawn, plural, say } from './dom.js';

const WIDTH = 200;
const HEIGHT = 60;
/** The last step of the slider: all at once. */
const WHOLE = 17;
const MOST_POINTS = 400;

export const chunkOf = (step) => (step >= WHOLE ? 0 : 2 ** step);

export class Stream {
  #ends = new Uint32Array([0]);
  #chunk = 0;
  #length = 0;
  #at;
  #moved;

  /** `changed` is called when another size is chosen, `moved` with how many bytes have left. */
  constructor(changed, moved) {
    this.#at = byId('at');
    this.#moved = moved;
    byId('chunk').addEventListener('input', () => {
      this.#tellSize();
      changed();
    });
    this.#at.addEventListener('input', () => this.#moved(this.#move()));
    this.#tellSize();
  }

  get chunk() {
    return chunkOf(Number(byId('chunk').value));
  }

  set({ chunk, ends, equal }, length) {
    this.#chunk = chunk || length;
    this.#ends = ends;
    this.#length = length;
    const last = Math.max(1, ends.length - 1);
    this.#at.max = String(last);
    this.#at.value = String(last);
    say(
      byId('equal'),
      equal ? 'byte for byte the output in one piece' : 'NOT the output in one piece',
    );
    this.#move();
  }

  /** There is nothing to show. */
  clear() {
    this.#ends = new Uint32Array([0]);
    this.#at.max = '1';
    this.#at.value = '1';
    byId('equal').textContent = '';
    byId('at-chunk').textContent = '';
    byId('plot-text').textContent = 'Nothing has arrived.';
    byId('plot').replaceChildren();
  }

  #tellSize() {
    const { chunk } = this;
    byId('chunk-size').textContent = chunk === 0 ? 'the whole body' : plural(chunk, 'byte');
  }

  /** Tells where the slider stands, and gives how many bytes have left; null: all. */
  #move() {
    const at = Number(this.#at.value);
    const isEnd = at >= this.#ends.length - 1;
    const left = isEnd ? this.#ends.at(-1) : this.#ends[Math.max(0, at - 1)];
    const shown = at === 0 ? 0 : left;
    const arrived = isEnd ? this.#length : Math.min(this.#length, at * this.#chunk);
    byId('at-chunk').textContent = `${at} of ${this.#ends.length - 1}`;
    byId('plot-text').textContent =
      `${plural(arrived, 'byte')} in, ${plural(shown, 'byte')} out.` +
      ' What a value needs to be decided waits; everything else leaves at once.';
    this.#draw(arrived);
    return isEnd ? null : shown;
  }

  #draw(arrived) {
    const total = Math.max(1, this.#ends.at(-1));
    const length = Math.max(1, this.#length);
    const step = Math.max(1, Math.ceil(this.#ends.length / MOST_POINTS));
    const points = [`0,${HEIGHT}`];
    for (let at = 0; at < this.#ends.length; at += step) {
      const x = (Math.min(length, (at + 1) * this.#chunk) / length) * WIDTH;
      const y = HEIGHT - (this.#ends[at] / total) * HEIGHT;
      points.push(`${x.toFixed(2)},${y.toFixed(2)}`);
    }
    points.push(`${WIDTH},0`);
    const x = ((arrived / length) * WIDTH).toFixed(2);
    byId('plot').replaceChildren(
      drawn('polyline', { class: 'straight', points: `0,${HEIGHT} ${WIDTH},0` }),
      drawn('polyline', { points: points.join(' ') }),
      drawn('line', { x1: x, x2: x, y1: 0, y2: HEIGHT }),
    );
  }
}
