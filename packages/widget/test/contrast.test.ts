import { expect, test } from 'vitest';

import type { SottoChat } from '../src/sotto-chat.js';
import { field, find, openStage } from './harness.js';

/** WCAG 2.2: 1.4.3 text, 1.4.11 icons and borders that matter. */
const TEXT = 4.5;
const GRAPHICS = 3;

type Rgb = readonly [number, number, number];

/** Paints a CSS colour over a background and reads the pixel: works for every colour syntax. */
function painted(color: string, over: Rgb): Rgb {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('no canvas');
  context.fillStyle = `rgb(${over.join(' ')})`;
  context.fillRect(0, 0, 1, 1);
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0] = context.getImageData(0, 0, 1, 1).data;
  return [r, g, b];
}

/** What is behind an element's text: its own and its ancestors' backgrounds, up to the widget's. */
function backgroundOf(element: Element, chat: SottoChat): Rgb {
  const layers: string[] = [];
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    layers.unshift(getComputedStyle(at).backgroundColor);
  }
  layers.unshift(getComputedStyle(chat).backgroundColor);
  return layers.reduce<Rgb>((under, layer) => painted(layer, under), [255, 255, 255]);
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: Rgb, b: Rgb): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function contrastOf(element: Element, chat: SottoChat, property: 'color' | 'borderTopColor' = 'color'): number {
  const background = backgroundOf(property === 'color' ? element : (element.parentElement ?? element), chat);
  return contrast(painted(getComputedStyle(element)[property], background), background);
}

for (const theme of ['light', 'dark'] as const) {
  test(`in the ${theme} theme everything can be read`, async () => {
    const { alice, chat, withBob } = await openStage((conversation) => {
      conversation.append(conversation.theirs('hello', Date.now() - 3_600_000), conversation.mine('hi', 'read'));
    });
    chat.theme = theme;
    alice.connection.set({ state: 'offline', retryAt: null, code: 'network' });
    withBob.setStatus(withBob.messages.get()[1]?.id ?? '', 'read');
    await chat.updateComplete;

    for (const selector of ['.theirs .text', '.mine .text', '.meta time', '.day', '.name', '.encrypted', '.line'])
      expect(contrastOf(find(chat, selector), chat), selector).toBeGreaterThanOrEqual(TEXT);
    expect(contrastOf(find(chat, '.status'), chat), 'status').toBeGreaterThanOrEqual(GRAPHICS);
    expect(contrastOf(field(chat), chat, 'borderTopColor'), 'field').toBeGreaterThanOrEqual(GRAPHICS);

    withBob.setStatus(withBob.messages.get()[1]?.id ?? '', 'failed', 'identity-changed');
    await chat.updateComplete;
    for (const selector of ['.failure', '.link']) {
      expect(contrastOf(find(chat, selector), chat), selector).toBeGreaterThanOrEqual(TEXT);
    }
  });
}
