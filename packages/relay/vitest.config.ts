import { sourceProject } from '../../vitest.shared.js';

export default sourceProject('relay');
