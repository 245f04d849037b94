import type { ReactiveController, ReactiveControllerHost } from 'lit';

/** Closer to the end than this (px) counts as being there. */
const END_TOLERANCE = 48;

/**
 * Keeps what the person reads in its place.
 *
 * The scroller is a reversed flex column with one child, so the browser measures `scrollTop` from the end (0, then
 * negative): at the end it stays at the end whatever grows, the composer and the on-screen keyboard included. Only for a
 * person who has scrolled up something must be done: the first message in sight is put back where it was after a
 * render, whether messages came above it, below it, or changed their height. `overflow-anchor` is off in the styles,
 * as Safari has long lacked it and two anchors would correct twice.
 */
export class ScrollKeeper implements ReactiveController {
  #anchor: { element: Element; top: number } | null = null;
  #wasAtEnd = true;
  #endedHere = true;

  constructor(
    host: ReactiveControllerHost,
    private readonly scroller: () => HTMLElement | null,
    /** Whether the end of the list is the end of the conversation; else whoever is there keeps their place. */
    private readonly endsHere: () => boolean = () => true,
  ) {
    host.addController(this);
  }

  get atEnd(): boolean {
    const scroller = this.scroller();
    return scroller === null || -scroller.scrollTop <= END_TOLERANCE;
  }

  toEnd(): void {
    const scroller = this.scroller();
    this.#anchor = null;
    this.#wasAtEnd = true;
    // Instantly: a smooth scroll would be cut short by the next render's correction.
    if (scroller !== null) scroller.scrollTop = 0;
  }

  /** Puts an element at the top of what is visible, if it lies above that. */
  reveal(element: Element): void {
    const scroller = this.scroller();
    if (scroller === null) return;
    const above = scroller.getBoundingClientRect().top - element.getBoundingClientRect().top;
    if (above > 0) scroller.scrollTop -= above;
  }

  hostUpdate(): void {
    const scroller = this.scroller();
    this.#wasAtEnd = this.atEnd && this.#endedHere;
    this.#anchor = scroller === null || this.#wasAtEnd ? null : firstInSight(scroller, this.#anchor?.element);
  }

  hostUpdated(): void {
    const scroller = this.scroller();
    // Of what is on screen now: the next update may show another stretch.
    this.#endedHere = this.endsHere();
    if (scroller === null) return;
    if (this.#wasAtEnd) {
      if (scroller.scrollTop !== 0) scroller.scrollTop = 0;
    } else if (this.#anchor?.element.isConnected === true) {
      const moved = this.#anchor.element.getBoundingClientRect().top - this.#anchor.top;
      if (moved !== 0) scroller.scrollTop += moved;
    }
  }
}

/**
 * The first message whose lower edge is in sight. Messages stay through renders, while day separators may move.
 *
 * @param near one that was in sight not long ago: in a long list it is not far
 */
function firstInSight(scroller: HTMLElement, near: Element | undefined): { element: Element; top: number } | null {
  const edge = scroller.getBoundingClientRect().top;
  const isAbove = (row: Element): boolean => row.getBoundingClientRect().bottom <= edge;
  let row = near?.isConnected === true ? near : (scroller.firstElementChild?.lastElementChild ?? null);
  while (row?.previousElementSibling && !isAbove(row.previousElementSibling)) row = row.previousElementSibling;
  while (row !== null && (isAbove(row) || !row.hasAttribute('data-id'))) row = row.nextElementSibling;
  return row && { element: row, top: row.getBoundingClientRect().top };
}
