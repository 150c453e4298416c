/** The host's own /dev/kvm behind the boundary of ../api.ts. See README.md for when it can be used. */
export { openHostKvm } from './system.ts';
