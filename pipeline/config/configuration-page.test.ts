import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configurationPage } from './configuration-page.ts';
import type { Variable } from './variable.ts';
import { VARIABLES } from './variables.ts';

const PAGE = new URL('../../docs/configuration.md', import.meta.url);

describe('the variables', () => {
  it('are what docs/configuration.md says (WEIR_UPDATE_DOCS=1 writes it anew)', () => {
    if (process.env['WEIR_UPDATE_DOCS'] === '1') writeFileSync(PAGE, configurationPage());
    expect(readFileSync(PAGE, 'utf8')).toBe(configurationPage());
  });

  it('have defaults of their own form', () => {
    for (const [name, { form, fallback }] of Object.entries<Variable<unknown>>(VARIABLES)) {
      if (fallback !== null) expect(form.safeParse(fallback).success, name).toBe(true);
    }
  });

  it('need only variables that exist', () => {
    for (const [name, { needs }] of Object.entries<Variable<unknown>>(VARIABLES)) {
      if (needs !== null) expect(Object.keys(VARIABLES), name).toContain(needs);
    }
  });
});
