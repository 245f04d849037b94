import { sourceProject } from '../../vitest.shared.js';

export default sourceProject('sdk', ['src/**/*.test.ts', 'test/{contracts,content,scenarios,network}/**/*.test.ts']);
