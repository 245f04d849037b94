import { sourceProject } from '../../vitest.shared.js';

export default sourceProject('backend', ['test/**/*.test.ts']);
