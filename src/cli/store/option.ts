export const STORE_OPTION = {
  store: {
    type: 'string',
    value: 'DIR',
    help: 'of the store in DIR, not of a pool: no server is needed (docs/storage.md)',
  },
} as const;
