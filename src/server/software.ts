/** Set when the command is bundled (scripts/setup.mjs). */
declare const ATTACCA_VERSION: string | undefined;

/** Name and version of this server, as clients see it. */
export const SOFTWARE = `attacca ${typeof ATTACCA_VERSION === 'string' ? ATTACCA_VERSION : 'dev'}`;
