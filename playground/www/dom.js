// Builds elements. Text is only ever text.

export function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Writes a text that is read out where it changes, and only then. */
export function say(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

export function facts(list, pairs) {
  const rows = pairs.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]);
  list.replaceChildren(...rows);
}

export const plural = (count, one, many = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
