// The worker as the page sees it: the newest job wins, and a worker that broke is replaced.

// Trusted Types: the one address of a script that this page starts.
const ADDRESS = new URL('./worker.js', import.meta.url).href;
const POLICY = globalThis.trustedTypes?.createPolicy('velum', {
  createScriptURL: (address) => {
    if (address !== ADDRESS) {
      throw new TypeError('no script of this page');
    }
    return address;
  },
});

export class Engine {
  #worker = null;
  #number = 0;
  #busy = false;
  #next = null;
  #tell;

  /** `tell` is called with each message about the newest job. */
  constructor(tell) {
    this.#tell = tell;
  }

  ask(job) {
    this.#number += 1;
    this.#next = { ...job, number: this.#number };
    if (!this.#busy) {
      this.#begin();
    }
  }

  #begin() {
    const job = this.#next;
    this.#next = null;
    this.#busy = job !== null;
    if (!job) {
      return;
    }
    this.#worker ??= this.#start();
    this.#worker.postMessage(job);
  }

  #start() {
    const worker = new Worker(POLICY ? POLICY.createScriptURL(ADDRESS) : ADDRESS, {
      type: 'module',
    });
    worker.onmessage = ({ data }) => {
      if (data.kind === 'broken') {
        worker.terminate();
        this.#worker = null;
      }
      if (data.number === this.#number && this.#next === null) {
        this.#tell(data);
      }
      if (data.kind === 'done' || data.kind === 'broken') {
        this.#begin();
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.onmessage({ data: { kind: 'broken', number: this.#number, message: event.message } });
    };
    return worker;
  }
}
