import { svg, type SVGTemplateResult, html, type TemplateResult } from 'lit';

const paths = {
  pending: svg`<circle cx="8" cy="8" r="5.6" /><path d="M8 5v3.2l2 1.3" />`,
  sent: svg`<path d="m3.2 8.6 3 3 6.6-7.2" />`,
  delivered: svg`<path d="m1.2 8.6 3 3 6.6-7.2M7.6 11l.7.6 6.6-7.2" />`,
  read: svg`<path stroke-width="2.1" d="m1.2 8.6 3 3 6.6-7.2M7.6 11l.7.6 6.6-7.2" />`,
  failed: svg`<circle cx="8" cy="8" r="6.2" /><path d="M8 4.8v3.8M8 11v.1" />`,
  send: svg`<path d="M8 13V3.4M3.8 7.4 8 3.2l4.2 4.2" />`,
  down: svg`<path d="M8 3v9.6M3.8 8.6 8 12.8l4.2-4.2" />`,
  lock: svg`<rect x="3.4" y="7" width="9.2" height="6.4" rx="1.6" /><path d="M5.4 7V5.2a2.6 2.6 0 0 1 5.2 0V7" />`,
  shield: svg`<path d="M8 1.8 13 3.6v4c0 3-2 5.3-5 6.6-3-1.3-5-3.6-5-6.6v-4z" />`,
  verified: svg`<path d="M8 1.8 13 3.6v4c0 3-2 5.3-5 6.6-3-1.3-5-3.6-5-6.6v-4z" /><path d="m5.7 7.9 1.7 1.7 3-3.3" />`,
  devices: svg`<path d="M3 9.4V4.6c0-.7.5-1.2 1.2-1.2h7.6c.5 0 .9.3 1.1.7M1.6 12h6.2" /><rect x="10" y="6.4" width="4.6" height="6.6" rx="1.1" />`,
  close: svg`<path d="m4.2 4.2 7.6 7.6M11.8 4.2l-7.6 7.6" />`,
  notice: svg`<circle cx="8" cy="8" r="6.2" /><path d="M8 7.4v3.6M8 5v.1" />`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof paths;

/** Decoration: what it means must stand in a label beside or around it. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${paths[name]}</svg>`;
}
