/** @type {import('./mutate.js').Mutation[]} */
export const namespaceMutations = [
  {
    id: 'namespaces/none',
    says: 'names are the same in all namespaces',
    file: 'lib/protocol/namespace.ts',
    find: 'return name.startsWith(this.prefix, start) ? name : name.slice(0, start) + this.prefix + name.slice(start);',
    replace: 'return name;',
  },
  {
    id: 'namespaces/not-of-topics',
    says: 'topics are the same in all namespaces',
    file: 'lib/protocol/namespace.ts',
    find: 'const wrapped = isSystemTopic(topic) ? topic : this.wrap(topic);',
    replace: 'const wrapped = topic;',
  },
  {
    id: 'namespaces/before-the-kind',
    says: 'the namespace stands before %RETRY% and %DLQ%',
    file: 'lib/protocol/namespace.ts',
    find: 'this.prefix + name.slice(start);',
    replace: 'this.prefix.replace("%", "_") + name.slice(start);',
  },
  {
    id: 'namespaces/full-names-inside',
    says: 'applications see the names of the broker',
    file: 'lib/protocol/namespace.ts',
    find: 'return name.startsWith(this.prefix, start) ? name.slice(0, start) + name.slice(start + this.prefix.length) : name;',
    replace: 'return name;',
  },
  {
    id: 'namespaces/full-names-in-properties',
    says: 'retries and dead letters carry the names of the broker',
    file: 'lib/protocol/namespace.ts',
    find: 'if (!properties.includes(this.prefix))',
    replace: 'if (true)',
  },
  {
    id: 'namespaces/any-name',
    says: 'the option namespace takes anything',
    file: 'lib/nest/options/resolve-options.ts',
    find: 'namespace: nameRule,',
    replace: "namespace: { what: 'anything', accepts: () => true },",
  },
  {
    id: 'namespaces/no-room',
    says: 'a name may be too long together with its namespace',
    file: 'lib/protocol/names.ts',
    find: 'const room = limit - (namespace === undefined ? 0 : namespace.length + 1);',
    replace: 'const room = limit;',
  },
];
