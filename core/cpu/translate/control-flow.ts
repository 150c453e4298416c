/**
 * The control flow of a region, and what it takes to write it with WebAssembly's blocks and loops: reverse postorder,
 * dominators, merge points and loop headers. [Ramsey] N. Ramsey, Beyond Relooper, ICFP 2022; [CHK] Cooper, Harvey and
 * Kennedy, A Simple, Fast Dominance Algorithm, 2001.
 */

/** Nodes are numbers from 0, the entry; `successors[n]` are those of node n. */
export class ControlFlow {
  /** Place of each node in reverse postorder; undefined when it cannot be reached. */
  readonly #order: (number | undefined)[] = [];
  readonly #nodes: number[] = [];
  readonly #dominators: number[] = [];
  readonly #children: number[][];
  readonly #forwardEdges: number[];
  readonly #loops = new Set<number>();

  constructor(readonly successors: readonly (readonly number[])[]) {
    this.#number();
    this.#children = successors.map(() => []);
    this.#forwardEdges = successors.map(() => 0);
    this.#findDominators();
    if ((successors[0]?.length ?? 0) > 1) this.#loops.add(0); // indirect jumps come by there
    for (const n of this.#nodes)
      for (const to of successors[n] ?? []) {
        if (!this.isBackward(n, to)) this.#forwardEdges[to] = (this.#forwardEdges[to] ?? 0) + 1;
        else if (this.dominates(to, n)) this.#loops.add(to);
      }
  }

  #number(): void {
    const post: number[] = [];
    const seen = new Set<number>();
    const visit = (n: number): void => {
      seen.add(n);
      for (const to of this.successors[n] ?? []) if (!seen.has(to)) visit(to);
      post.push(n);
    };
    visit(0);
    this.#nodes.push(...post.reverse());
    this.#nodes.forEach((n, at) => {
      this.#order[n] = at;
    });
  }
  #place(n: number): number {
    return this.#order[n] ?? -1;
  }

  #findDominators(): void {
    const predecessors: number[][] = this.successors.map(() => []);
    for (const n of this.#nodes) for (const to of this.successors[n] ?? []) predecessors[to]?.push(n);
    this.#dominators[0] = 0;
    for (let changed = true; changed; ) {
      changed = false;
      for (const n of this.#nodes.slice(1)) {
        const known = (predecessors[n] ?? []).filter((p) => this.#dominators[p] !== undefined);
        const found = known.reduce((a, b) => this.#common(a, b));
        if (this.#dominators[n] !== found) changed = true;
        this.#dominators[n] = found;
      }
    }
    for (const n of this.#nodes.slice(1)) this.#children[this.#dominators[n] ?? 0]?.push(n);
  }
  #common(a: number, b: number): number {
    let [x, y] = [a, b];
    while (x !== y) {
      while (this.#place(x) > this.#place(y)) x = this.#dominators[x] ?? 0;
      while (this.#place(y) > this.#place(x)) y = this.#dominators[y] ?? 0;
    }
    return x;
  }

  /** Every path to b goes through a. */
  dominates(a: number, b: number): boolean {
    let n = b;
    while (this.#place(n) > this.#place(a)) n = this.#dominators[n] ?? 0;
    return n === a;
  }
  isBackward(from: number, to: number): boolean {
    return this.#place(to) <= this.#place(from);
  }
  /** Targets of ways back that go into the midst of a loop, or that are entered from elsewhere too. */
  entriesOfOtherLoops(): number[] {
    return this.#nodes.flatMap((n) =>
      (this.successors[n] ?? []).filter((to) => this.isBackward(n, to) && !this.dominates(to, n)),
    );
  }
  /** More than one way leads there, not counting rounds of loops. */
  isMerge(n: number): boolean {
    return (this.#forwardEdges[n] ?? 0) > 1;
  }
  isLoop(n: number): boolean {
    return this.#loops.has(n);
  }
  /** Merge points that n dominates directly, the one that is furthest along first. */
  mergesUnder(n: number): number[] {
    const merges = (this.#children[n] ?? []).filter((child) => this.isMerge(child));
    return merges.sort((a, b) => this.#place(b) - this.#place(a));
  }
}
