// Finds modules that import each other in a circle when the program runs. Imports of types are gone by then, so a circle
// through one is harmless; dependency-cruiser with swc, as it must be used here, cannot tell the two apart.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The module specifiers that a source imports or re-exports values from (or everything, for its effects). */
export function runtimeImports(source) {
  const statements = source.matchAll(/^\s*(?:import|export)\s+(?!type\b)(?:[\w*\s{},$]*?\bfrom\s+)?'([^']+)'/gm);
  return new Set([...statements].map((match) => match[1]));
}

/**
 * The circles in dependency-cruiser's list of modules, each as a list of paths that ends where it began.
 * @param {readonly { source: string, dependencies: readonly { module: string, resolved: string }[] }[]} modules
 */
export function importCircles(modules, root) {
  const edges = new Map(
    modules.map(({ source, dependencies }) => {
      const imported = runtimeImports(readFileSync(join(root, source), 'utf8'));
      return [source, dependencies.filter(({ module }) => imported.has(module)).map(({ resolved }) => resolved)];
    }),
  );
  const circles = [];
  const done = new Set();
  const walk = (path) => {
    const at = path.at(-1);
    const before = path.indexOf(at);
    if (before < path.length - 1) circles.push(path.slice(before));
    else if (!done.has(at)) {
      for (const next of edges.get(at) ?? []) walk([...path, next]);
      done.add(at);
    }
  };
  for (const source of edges.keys()) walk([source]);
  return circles;
}
