import { memoryTables } from '../../src/storage/memory-tables.js';
import { CONTRACT_SCHEMA, observableContract, tablesContract } from './tables-contract.js';

const open = () => Promise.resolve(memoryTables(CONTRACT_SCHEMA));

tablesContract('memory', open);
observableContract('memory', open, null);
