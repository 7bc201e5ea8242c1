/** Set when the command is bundled (scripts/setup.mjs). */
declare const ATTACCA_VERSION: string | undefined;

export const VERSION = typeof ATTACCA_VERSION === 'string' ? ATTACCA_VERSION : 'dev';
