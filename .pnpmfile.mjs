/** The source condition serves tests and type checks inside this repository; published packages contain no sources. */
function withoutSources(entry) {
  if (typeof entry !== 'object' || entry === null) return entry;
  return Object.fromEntries(
    Object.entries(entry)
      .filter(([condition]) => condition !== '@sotto/source')
      .map(([condition, value]) => [condition, withoutSources(value)]),
  );
}

export const hooks = {
  beforePacking(manifest) {
    return { ...manifest, exports: withoutSources(manifest.exports) };
  },
};
