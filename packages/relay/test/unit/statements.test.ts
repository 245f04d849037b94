import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../src/store/sql/', import.meta.url));
const MIGRATIONS = fileURLToPath(new URL('../../src/migrations/', import.meta.url));

/** Upkeep and figures over all apps: nothing of one gets to another, and tables are joined by their app. */
const ACROSS_APPS = [
  'sweep-sql.ts',
  'activity-sql.ts: SELECT DISTINCT app, account',
  'activity-sql.ts: SELECT d.app, d.account AS "user", d.mailbox FROM devices d',
  'sql-store.ts: SELECT coalesce(sum(held), 0)',
  'app-sql.ts: SELECT app AS id, state, since, created_at AS "createdAt", record FROM apps ORDER BY',
];

/** Tables that have an app column, as the migrations create them. */
function appTables(): string[] {
  const text = readdirSync(MIGRATIONS)
    .map((file) => readFileSync(MIGRATIONS + file, 'utf8'))
    .join('\n');
  return [...text.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\n\)/g)]
    .filter(([, , columns = '']) => /^\s+app\s+text/m.test(columns))
    .map(([, name = '']) => name);
}

interface Statement {
  where: string;
  text: string;
}

/** Every string of the SQL store that reads or writes; what is filled in is shown as `_`. */
function statements(): Statement[] {
  const found: Statement[] = [];
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.ts'))) {
    const source = ts.createSourceFile(file, readFileSync(FOLDER + file, 'utf8'), ts.ScriptTarget.ES2022, true);
    const visit = (node: ts.Node): void => {
      const text = literalText(node, source);
      if (text !== null && /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b/.test(text)) {
        found.push({ where: `${file}: ${text.trim().slice(0, 100)}`, text });
      }
      if (text === null || ts.isTemplateExpression(node)) ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

function literalText(node: ts.Node, source: ts.SourceFile): string | null {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return null;
  return node.templateSpans.reduce((text, { expression, literal }) => {
    const name = expression.getText(source);
    return `${text}${name === 'table' || name === 'owner' ? 'envelopes' : ' _ '}${literal.text}`;
  }, node.head.text);
}

/** Tables that a statement names without saying of which app. */
function unbound({ text }: Pick<Statement, 'text'>, tables: readonly string[]): string[] {
  const names = tables.join('|');
  const words = 'WHERE|SET|AS|ON|USING|ORDER|LEFT|JOIN|VALUES|SELECT|FOR|LIMIT|GROUP|DO|RETURNING';
  const uses = text.matchAll(
    new RegExp(`\\b(FROM|JOIN|UPDATE|USING|INTO) (${names})\\b(?: (?!(?:${words})\\b)(\\w+))?`, 'g'),
  );
  return [...uses].flatMap(([use, verb = '', , alias]) => {
    if (verb === 'INTO') return /\([^)]*\bapp\b[^)]*\)[\s\S]*\$1/.test(text.slice(text.indexOf(use))) ? [] : [use];
    const column = alias === undefined ? '(?<!\\.)\\bapp' : `\\b${alias}\\.app`;
    return new RegExp(`${column} = \\$1(?!\\d)`).test(text) ? [] : [use];
  });
}

describe('every SQL statement on a table of apps', () => {
  const tables = appTables();
  const all = statements();

  test('is found', () => {
    expect(tables).toEqual(expect.arrayContaining(['users', 'devices', 'mailboxes', 'envelopes', 'prekeys', 'apps']));
    expect(all.length).toBeGreaterThan(30);
  });

  test('says of which app: app = $1 for each table and alias', () => {
    const loose = all.flatMap((statement) => {
      if (ACROSS_APPS.some((start) => statement.where.startsWith(start))) return [];
      return unbound(statement, tables).map((use) => `${statement.where} ... ${use}`);
    });
    expect(loose).toEqual([]);
  });

  test('and a statement that does not would be noticed', () => {
    const bad = [
      'SELECT id FROM envelopes WHERE mailbox = $1',
      'SELECT 1 FROM envelopes e JOIN mailboxes m ON m.mailbox = e.mailbox WHERE m.app = $1',
      'UPDATE devices SET listed = true WHERE account = $2',
      'INSERT INTO link_tokens (account, hash) VALUES ($1, $2)',
      'DELETE FROM dedupes d USING box b WHERE d.mailbox = b.mailbox',
    ];
    for (const text of bad) expect([text, unbound({ text }, tables).length]).toEqual([text, 1]);
  });
});
