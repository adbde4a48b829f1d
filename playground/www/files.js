// Files that are dropped or opened.

/** Calls `take` with each file that is dropped on the element. */
export function takeDrops(element, take) {
  const over = (is) => element.classList.toggle('over', is);
  element.addEventListener('dragover', (event) => {
    if (event.dataTransfer.types.includes('Files')) {
      event.preventDefault();
      over(true);
    }
  });
  element.addEventListener('dragleave', () => over(false));
  element.addEventListener('drop', (event) => {
    over(false);
    if (event.dataTransfer.files.length > 0) {
      event.preventDefault();
      for (const file of event.dataTransfer.files) {
        take(file);
      }
    }
  });
}

/** A file that is dropped beside what takes it does not open in the place of the page. */
export function holdDrops() {
  for (const kind of ['dragover', 'drop']) {
    addEventListener(kind, (event) => event.preventDefault());
  }
}

/** Calls `take` with a file that was chosen; the same one may be chosen again. */
export function takeChoice(input, take) {
  input.addEventListener('change', () => {
    const [file] = input.files;
    input.value = '';
    if (file) {
      take(file);
    }
  });
}

export const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());
