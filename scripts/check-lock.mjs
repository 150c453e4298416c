// The lock file names every optional dependency it asks for (npm ci refuses to install from one that does not: seen with
// platform packages that a registry published late), and holds no address of a private registry.
const PUBLIC_REGISTRY = 'https://registry.npmjs.org/';

/** Where Node would find `name` from the package at `path`, in the lock. */
function resolveInLock(packages, path, name) {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    if (packages[`${at ? `${at}/` : ''}node_modules/${name}`]) return true;
    if (!at.includes('node_modules/')) return false;
  }
}

/** What is wrong with the text of a package-lock.json, one line each. */
export function lockProblems(lockText) {
  const { packages } = JSON.parse(lockText);
  const problems = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!resolveInLock(packages, path, name)) problems.push(`${path} asks for ${name}@${version}: not in the lock`);
    }
    if (entry.resolved && !entry.resolved.startsWith(PUBLIC_REGISTRY)) {
      problems.push(`${path} is resolved from ${entry.resolved}, not from the public registry`);
    }
  }
  return problems;
}
