import type { ReactiveController, ReactiveControllerHost } from 'lit';

/**
 * Tells whether an element is really before the person's eyes: within the viewport, not scrolled away in any ancestor,
 * in a tab that is shown.
 */
export class SightController implements ReactiveController {
  #observer: IntersectionObserver | null = null;
  #observed: Element | null = null;
  #intersects = false;

  /**
   * @param target found anew after each render
   * @param options of the observer, taken when observation starts
   */
  constructor(
    host: ReactiveControllerHost,
    private readonly target: () => Element | null,
    private readonly changed: (inSight: boolean) => void,
    private readonly options: () => IntersectionObserverInit = () => ({}),
  ) {
    host.addController(this);
  }

  get inSight(): boolean {
    return this.#intersects && document.visibilityState === 'visible';
  }

  /** Reports once more, also if nothing changed: for work that one sight was not enough for. */
  again(): void {
    if (this.#observer === null || this.#observed === null) return;
    this.#observer.unobserve(this.#observed);
    this.#observer.observe(this.#observed);
  }

  hostConnected(): void {
    document.addEventListener('visibilitychange', this.#report);
    this.#attach();
  }

  hostUpdated(): void {
    this.#attach();
  }

  hostDisconnected(): void {
    document.removeEventListener('visibilitychange', this.#report);
    this.#detach();
  }

  #attach(): void {
    const target = this.target();
    if (target === this.#observed) return;
    this.#detach();
    if (target === null) return;
    this.#observed = target;
    this.#observer = new IntersectionObserver((entries) => {
      this.#intersects = entries.at(-1)?.isIntersecting === true;
      this.#report();
    }, this.options());
    this.#observer.observe(target);
  }

  #detach(): void {
    this.#observer?.disconnect();
    this.#observer = null;
    this.#observed = null;
    this.#intersects = false;
  }

  readonly #report = (): void => {
    this.changed(this.inSight);
  };
}
