// Light, dark, or as the system has it. Nothing is remembered: this page keeps nothing.
import { byId } from './dom.js';

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' };

export function offerThemes() {
  const button = byId('theme');
  let theme = 'auto';
  const show = () => {
    button.textContent = `Theme: ${theme}`;
    if (theme === 'auto') {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = theme;
    }
  };
  button.addEventListener('click', () => {
    theme = NEXT[theme];
    show();
  });
  show();
}
