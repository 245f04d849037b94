import { html, LitElement, nothing, type TemplateResult } from 'lit';

import { relayStrip } from './demo-strip.js';
import fiveLines from './five-lines.ts?raw';
import { person, type Person } from './people.js';
import { RelayFeed } from './relay-feed.js';
import { currentTheme, onThemeChange, toggleTheme } from './theme.js';

type View = 'alice' | 'relay' | 'bob';

const VIEWS: readonly { readonly view: View; readonly name: string }[] = [
  { view: 'alice', name: 'Alice' },
  { view: 'relay', name: 'Relay' },
  { view: 'bob', name: 'Bob' },
];

/** The project's documents, which the build puts beside the page as text; a fragment names the section's heading. */
const DOCUMENTS = [
  { href: 'README.txt#:~:text=%23%23%20Use%20it', name: 'Use it in your app' },
  { href: 'README.txt#:~:text=%23%23%20Host%20it', name: 'Host a relay' },
  { href: 'ARCHITECTURE.txt', name: 'How it works' },
  { href: 'SECURITY.txt', name: 'What the relay can see' },
];

/** The whole page. On a wide screen all three are in sight; on a narrow one, one of them and the relay as a line. */
export class SottoDemo extends LitElement {
  readonly #feed = new RelayFeed('/dev/observe');
  readonly #only = onlyFromUrl();
  #people: { readonly alice: Person; readonly bob: Person } | null = null;
  #view: View = 'alice';

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#feed.addEventListener('change', () => this.requestUpdate());
    onThemeChange(() => this.requestUpdate());
    void Promise.all([person('alice', 'Alice'), person('bob', 'Bob')]).then(([alice, bob]) => {
      this.#people = { alice, bob };
      this.requestUpdate();
    });
  }

  protected override render(): TemplateResult {
    return this.#only === null ? this.#whole() : this.#alone(this.#only);
  }

  #whole(): TemplateResult {
    return html`
      <header class="top">
        ${this.#bar()}
        <h1>The relay carries every message and can read none of them.</h1>
        <p class="lead">
          Write as Alice or as Bob. Each text is encrypted on one device and decrypted on the other; in the middle you
          see all that the server ever holds.
        </p>
      </header>
      <main>
        <nav class="tabs" aria-label="What to show">
          ${VIEWS.map(
            ({ view, name }) => html`
              <button type="button" aria-pressed=${this.#view === view} @click=${() => this.#show(view)}>
                ${name}
              </button>
            `,
          )}
        </nav>
        ${relayStrip(this.#feed.state)}
        <div class="stage" data-view=${this.#view}>${this.#people === null ? nothing : this.#stage(this.#people)}</div>
      </main>
      ${footer()}
    `;
  }

  #stage({ alice, bob }: { readonly alice: Person; readonly bob: Person }): TemplateResult {
    return html`
      <demo-device class="alice" .owner=${alice} .peer=${bob}></demo-device>
      <demo-relay .relay=${this.#feed.state} .people=${[alice, bob]}></demo-relay>
      <demo-device class="bob" .owner=${bob} .peer=${alice}></demo-device>
    `;
  }

  /** One person in a tab of their own: the same keys and history, shared by all tabs. */
  #alone(view: 'alice' | 'bob'): TemplateResult {
    if (this.#people === null) return html``;
    const { alice, bob } = this.#people;
    const [owner, peer] = view === 'alice' ? [alice, bob] : [bob, alice];
    return html`
      <header class="top slim">${this.#bar()}</header>
      <main class="alone">
        ${relayStrip(this.#feed.state)}
        <demo-device alone .owner=${owner} .peer=${peer}></demo-device>
      </main>
    `;
  }

  #bar(): TemplateResult {
    const other = currentTheme() === 'dark' ? 'light' : 'dark';
    return html`
      <div class="bar">
        <a class="brand" href="./"><span class="mark" aria-hidden="true"></span>sotto</a>
        <button type="button" class="quiet" @click=${this.#onTheme}>
          ${other === 'dark' ? 'Dark' : 'Light'} theme
        </button>
      </div>
    `;
  }

  #show(view: View): void {
    this.#view = view;
    this.requestUpdate();
  }

  readonly #onTheme = (): void => {
    toggleTheme();
    this.requestUpdate();
  };
}

function footer(): TemplateResult {
  return html`
    <footer class="bottom">
      <section class="code">
        <h2>Five lines in your app</h2>
        <p>Your backend only mints the login token. Keys, history and encryption stay in the browser.</p>
        <pre><code>${fiveLines.trim()}</code></pre>
        <nav class="links" aria-label="Documentation">
          ${DOCUMENTS.map(({ href, name }) => html`<a href=${href}>${name}</a>`)}
        </nav>
      </section>
    </footer>
  `;
}

function onlyFromUrl(): 'alice' | 'bob' | null {
  const only = new URLSearchParams(location.search).get('only');
  return only === 'alice' || only === 'bob' ? only : null;
}
