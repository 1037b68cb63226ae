/** What an API key may be allowed: a key has one or more of them. */
export const ROLES = ['viewer', 'analyst', 'product', 'operator', 'billing', 'feed', 'admin'] as const;
export type Role = (typeof ROLES)[number];
